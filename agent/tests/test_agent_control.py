import asyncio
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from agent_observations import plan

from mediamesh_agent.control import MAX_MESSAGE, HubControl
from mediamesh_agent.errors import HubRefused, HubUnreachable
from mediamesh_protos import hub_pb2

Answer = Callable[[hub_pb2.HubRequest], hub_pb2.HubReply | bytes | None]


def framed(message: bytes) -> bytes:
    return struct.pack(">I", len(message)) + message


class FakeHub:
    """Answers as told: a reply, raw bytes and then the end, or nothing and the end."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[hub_pb2.HubRequest] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                (length,) = struct.unpack(">I", await reader.readexactly(4))
                request = hub_pb2.HubRequest.FromString(await reader.readexactly(length))
                self.requests.append(request)
                reply = self.answer(request)
                if isinstance(reply, hub_pb2.HubReply):
                    writer.write(framed(reply.SerializeToString()))
                    continue
                writer.write(reply or b"")
                return
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def talking(folder: Path, answer: Answer, talk: Callable[[HubControl, FakeHub], Awaitable[None]]) -> FakeHub:
    hub = FakeHub(answer)

    async def main() -> None:
        path = folder / "hub.sock"
        server = await asyncio.start_unix_server(hub.serve, path)
        control = HubControl(path, timeout=5)
        try:
            await talk(control, hub)
        finally:
            await control.close()
            server.close()
            await server.wait_closed()

    asyncio.run(main())
    return hub


DONE = hub_pb2.HubReply(done=hub_pb2.Done())


def reply(request: hub_pb2.HubRequest) -> hub_pb2.HubReply:
    match request.WhichOneof("request"):
        case "apply":
            return hub_pb2.HubReply(applied=hub_pb2.Applied(revision=request.apply.revision))
        case "observe":
            return hub_pb2.HubReply(observed=hub_pb2.Observed(pid=12))
        case _:
            return DONE


def test_every_request_goes_over_one_connection(free_dir: Path) -> None:
    async def talk(control: HubControl, hub: FakeHub) -> None:
        assert (await control.apply(plan())).revision == 1
        assert (await control.observe()).pid == 12
        await control.restart("default/film", "film")
        await control.shutdown()

    hub = talking(free_dir, reply, talk)
    assert hub.connections == 1
    assert [request.WhichOneof("request") for request in hub.requests] == ["apply", "observe", "restart", "shutdown"]
    assert hub.requests[0].apply == plan()
    assert hub.requests[2].restart == hub_pb2.Restart(connection="default/film", endpoint="film")


def test_requests_of_several_tasks_do_not_mix(free_dir: Path) -> None:
    async def talk(control: HubControl, hub: FakeHub) -> None:
        answers = await asyncio.gather(*(control.observe() for _ in range(20)))
        assert {answer.pid for answer in answers} == {12}

    assert talking(free_dir, reply, talk).connections == 1


def test_a_refusal_keeps_the_hub_s_reason(free_dir: Path) -> None:
    refusal = hub_pb2.HubReply(refused=hub_pb2.Refused(reason="PlanTooLarge", message="too much"))

    async def talk(control: HubControl, hub: FakeHub) -> None:
        with pytest.raises(HubRefused, match="too much") as caught:
            await control.apply(plan())
        assert caught.value.reason == "PlanTooLarge"

    talking(free_dir, lambda _: refusal, talk)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\x00",
        framed(b"\xff\xff\xff"),
        struct.pack(">I", MAX_MESSAGE + 1),
        struct.pack(">I", 100) + b"cut off",
        framed(DONE.SerializeToString()),
    ],
    ids=["nothing", "half a length", "no message", "too long", "cut off", "another answer"],
)
def test_what_is_no_answer_is_an_unreachable_hub(free_dir: Path, answer: bytes) -> None:
    async def talk(control: HubControl, hub: FakeHub) -> None:
        with pytest.raises(HubUnreachable):
            await control.observe()

    talking(free_dir, lambda _: answer, talk)


def test_nobody_there_is_an_unreachable_hub(free_dir: Path) -> None:
    async def main() -> None:
        with pytest.raises(HubUnreachable, match=r"no answer on .*hub\.sock"):
            await HubControl(free_dir / "hub.sock").observe()

    asyncio.run(main())


def test_a_hub_that_handed_over_is_asked_again_on_a_new_connection(free_dir: Path) -> None:
    async def talk(control: HubControl, hub: FakeHub) -> None:
        assert (await control.observe()).pid == 12
        hub.answer = lambda _: None  # the old connection ends with the old hub …
        count = len(hub.requests)

        def back(request: hub_pb2.HubRequest) -> hub_pb2.HubReply | None:
            return reply(request) if len(hub.requests) > count + 1 else None

        hub.answer = back  # … and the new one is answered
        assert (await control.observe()).pid == 12

    assert talking(free_dir, reply, talk).connections == 2


def test_a_silent_hub_is_given_up(free_dir: Path) -> None:
    async def main() -> None:
        path, gone = free_dir / "hub.sock", asyncio.Event()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await gone.wait()
            writer.close()

        server = await asyncio.start_unix_server(silent, path)
        with pytest.raises(HubUnreachable):
            await HubControl(path, timeout=0.05).observe()
        gone.set()
        server.close()
        await server.wait_closed()

    asyncio.run(main())
