import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from mediamesh_testing.actors import acting, source, taker, unharmed
from mediamesh_testing.control import ControlClient
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import bridge, flow, sink
from mediamesh_testing.rawclient import RawClient
from mediamesh_testing.waiting import PATIENCE, wait_until
from mediamesh_testing.watching import all_taken

import mediamesh
from mediamesh_agent.hub import handover
from mediamesh_agent.hub.options import HANDED_OVER
from mediamesh_protos import handover_pb2, hub_pb2


def test_no_frame_is_lost_in_a_row_of_handovers(hub: HubUnderTest) -> None:
    hub.apply(flow(frames=80, sinks=[sink(policy="block", queue=8)]))
    with acting(taker(), taker(), source(wait_for_sinks=2)) as (first, second, feeding):
        for _ in range(8):
            before = hub.flow().frames
            hub.succeed()
            wait_until(lambda: hub.flow().frames > before + 50, "frames after the hand-over")  # noqa: B023
        sent = feeding.end()["sent"]
        all_taken(hub, sent)
        for report in (first.end(), second.end()):
            unharmed(report)
            assert (report["last"], report["flagged"]) == (sent - 1, [])
    assert hub.observe().handovers == 8


def test_frames_in_hand_stay_valid(hub: HubUnderTest) -> None:
    hub.apply(flow(sinks=[sink(policy="block")]))
    with mediamesh.open_source("cam") as feeding, mediamesh.open_sink("cam") as taking:
        feeding.send(b"early", timeout=PATIENCE)
        unsent = feeding.acquire(timeout=PATIENCE)
        with taking.receive(timeout=PATIENCE) as held:
            hub.succeed()
            assert bytes(held) == b"early"
        with memoryview(unsent) as view:
            view[:4] = b"late"
        unsent.length = 4
        assert unsent.send() == 1
        with taking.receive(timeout=PATIENCE) as frame:
            assert (frame.sequence, bytes(frame), int(frame.flags)) == (1, b"late", 0)


def test_numbers_and_names_go_on(hub: HubUnderTest) -> None:
    hub.apply(flow(), revision=4)
    with RawClient(hub.root) as refused:
        refused.refusal("sink", "nowhere")
    with mediamesh.open_source("cam", client="eye") as feeding, mediamesh.open_sink("cam", client="mind") as taking:
        feeding.send(b"x", timeout=PATIENCE)
        with taking.receive(timeout=PATIENCE):
            pass
        wait_until(lambda: all(one.occupancy == 0 for one in hub.flow().attachments if one.role == "sink"), "rest")
        before = hub.observe()
        hub.succeed()
        after = hub.observe()
        assert after.pid != before.pid
        assert after.handovers == 1
        assert (after.revision, after.started, after.ended) == (before.revision, before.started, before.ended)
        assert after.memory_bytes == before.memory_bytes
        assert after.flows == before.flows
        assert after.engine_wakeups >= before.engine_wakeups
    with RawClient(hub.root) as client:
        assert client.attach("sink").attachment == 3


def test_a_source_after_a_handover_gets_the_next_pool(hub: HubUnderTest) -> None:
    hub.apply(flow())
    with mediamesh.open_sink("cam") as taking:
        for generation in range(20):
            with mediamesh.open_source("cam", timeout=PATIENCE) as feeding:
                feeding.send(b"%d" % generation, timeout=PATIENCE)
                with taking.receive(timeout=PATIENCE) as frame:
                    assert bytes(frame) == b"%d" % generation
            if generation % 2:
                hub.succeed()


def test_who_is_half_way_and_silent_does_not_hold_it_up(hub: HubUnderTest) -> None:
    hub.apply(flow())
    with RawClient(hub.root) as client:
        assert client.request("source").HasField("attached")
        hub.succeed()
        assert not hub.flow().attachments
    with RawClient(hub.root) as client:
        assert client.attach("source").endpoint == "in"


def test_bridges_live_on_and_end_with_the_successor(hub: HubUnderTest) -> None:
    hub.apply(flow(sinks=[sink(), sink("file", endpoint=bridge("no-such-bridge"))]))
    wait_until(lambda: hub.observe().bridges[0].restarts > 0, "the bridge to fail")
    before = hub.observe().bridges[0].restarts
    hub.succeed()
    assert hub.observe().bridges[0].restarts >= before
    wait_until(lambda: "no-such-bridge" in hub.observe().bridges[0].last_error, "why it fails")


def ask(control: ControlClient) -> handover_pb2.HandoverState:
    request = hub_pb2.HubRequest(handover=hub_pb2.Handover(state_version=handover.STATE_VERSION))
    control.send(request.SerializeToString())
    reply = control.reply()
    assert reply is not None
    assert reply.HasField("done")
    return handover.receive(control.socket, handover_pb2.HandoverState)


def test_who_comes_during_a_handover_waits_in_the_sockets_queue(hub: HubUnderTest) -> None:
    hub.apply(flow())
    with ControlClient(hub.root) as control:
        for fd in handover.receive_fds(control.socket, ask(control).descriptors):
            os.close(fd)
        client = RawClient(hub.root)
    with client:
        assert client.attach("sink").endpoint == "out"


@pytest.mark.parametrize("step", ["at once", "before READY", "wrong word", "before TAKEN", "before GO"])
def test_a_successor_that_fails_leaves_the_old_hub_in_charge(hub: HubUnderTest, step: str) -> None:
    hub.apply(flow())
    with mediamesh.open_source("cam") as feeding, mediamesh.open_sink("cam") as taking:
        with ControlClient(hub.root) as control:
            fail_at(step, control)
        for number in range(20):
            feeding.send(b"%d" % number, timeout=PATIENCE)
            with taking.receive(timeout=PATIENCE) as frame:
                assert (frame.sequence, int(frame.flags)) == (number, 0)
    assert hub.observe().pid == hub.process.pid
    assert hub.observe().handovers == 0
    with RawClient(hub.root) as client:
        assert client.attach("sink").endpoint == "out"


def answers(hub: HubUnderTest) -> bool:
    with ControlClient(hub.root) as another:
        another.socket.settimeout(0.2)  # one that is slow is ended before it begins: that is as good
        with contextlib.suppress(TimeoutError):
            return another.ask(observe=hub_pb2.Observe()).HasField("observed")
    return False


def test_a_hub_that_is_told_to_end_does_not_hand_over(hub: HubUnderTest) -> None:
    hub.apply(flow())
    request = hub_pb2.HubRequest(handover=hub_pb2.Handover(state_version=handover.STATE_VERSION))
    with RawClient(hub.root), ControlClient(hub.root) as control:  # the first is half-way, and waited for
        control.send(request.SerializeToString())
        wait_until(lambda: not answers(hub), "the hand-over to begin")
        hub.process.send_signal(signal.SIGTERM)
        reply = control.reply()
        assert reply is not None
        assert reply.refused.reason == "HubStopping"
    assert hub.reap() == 0


def fail_at(step: str, control: ControlClient) -> None:
    if step == "at once":
        control.send(hub_pb2.HubRequest(handover=hub_pb2.Handover(state_version=1)).SerializeToString())
        return
    fds = handover.receive_fds(control.socket, ask(control).descriptors)
    try:
        if step == "before READY":
            return
        handover.say(control.socket, handover.Step.GO if step == "wrong word" else handover.Step.READY)
        if step == "before TAKEN":
            return
        if step == "before GO":
            assert handover.receive(control.socket, handover_pb2.EngineState).state
            control.socket.shutdown(socket.SHUT_RDWR)
    finally:
        for fd in fds:
            os.close(fd)


NEWER = "import sys; from mediamesh_agent.hub import handover, main; handover.STATE_VERSION += 1; sys.exit(main.main())"


class HubWithNewerSuccessor(HubUnderTest):
    def launch(self, *more: str) -> "subprocess.Popen[bytes]":
        if not more:
            return super().launch()
        with self.log_file.open("ab") as log:
            command = [sys.executable, "-c", NEWER, f"--root={self.root}", *more]
            return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)


def test_a_hub_of_another_version_goes_on_unless_it_is_to_be_replaced(root: Path) -> None:
    hub = HubWithNewerSuccessor(root)
    hub.apply(flow())
    with mediamesh.open_sink("cam") as taking, mediamesh.open_source("cam") as feeding:
        refused = hub.launch("--take-over")
        assert refused.stdout is not None
        with refused.stdout:
            assert refused.wait(PATIENCE) == 1
        assert "HandoverVersion" in hub.log
        feeding.send(b"before", timeout=PATIENCE)
        with taking.receive(timeout=PATIENCE) as frame:
            assert bytes(frame) == b"before"
        successor = hub.launch("--replace")
        hub.await_ready(successor)
        assert hub.reap() == HANDED_OVER
        hub.process = successor
        assert hub.observe().handovers == 0
        assert wait_until(lambda: passed(feeding, taking, b"after"), "both to attach again") == b"after"
    assert hub.stop() == 0


def passed(feeding: mediamesh.Source, taking: mediamesh.Sink, data: bytes) -> bytes:
    """Send a frame and return what the sink gets; nothing while one of them is attaching again."""
    with contextlib.suppress(mediamesh.Detached, mediamesh.Timeout):
        feeding.send(data, timeout=1)
        with taking.receive(timeout=1) as frame:
            return bytes(frame)
    return b""


def test_a_silent_successor_is_not_waited_for(hub: HubUnderTest) -> None:
    hub.apply(flow())
    with ControlClient(hub.root) as control:
        for fd in handover.receive_fds(control.socket, ask(control).descriptors):
            os.close(fd)
        reply = control.reply()
        assert reply is not None
        assert reply.refused.reason == "HandoverFailed"
    assert hub.observe().handovers == 0


def test_the_lock_is_never_free(hub: HubUnderTest) -> None:
    hub.succeed()
    second = hub.launch()
    assert second.stdout is not None
    with second.stdout:
        assert second.wait(20) == 1
    assert "RootTaken" in hub.log


def test_a_successor_leaves_no_more_descriptors_than_it_got(hub: HubUnderTest) -> None:
    hub.apply(flow())

    def count() -> int:
        return len(list(Path(f"/proc/{hub.process.pid}/fd").iterdir()))

    with mediamesh.open_source("cam"), mediamesh.open_sink("cam"):
        hub.succeed()
        first = count()
        for _ in range(3):
            hub.succeed()
        wait_until(lambda: count() <= first, "the same number of descriptors")
