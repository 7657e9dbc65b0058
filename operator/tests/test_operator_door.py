import asyncio
import ssl
from pathlib import Path

from mediamesh_testing.waiting import eventually
from operator_agents import serving

from mediamesh_operator.door import Door
from mediamesh_operator.metrics import Metrics


async def answer(port: int, said: bytes) -> bytes:
    """Return everything that comes back until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(said)
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def test_plaintext_is_sent_away_without_an_answer_and_counted() -> None:
    async def scene() -> None:
        async with serving() as port:
            for said in (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x00"):
                assert await answer(port.number, said) == b""
            assert port.refusals("Plaintext") == 3

    asyncio.run(scene())


def test_every_address_is_every_address_of_ipv4_too(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Door(tmp_path / "inside", Metrics().refused).opened("::", 0) as port:
            assert await answer(port, b"GET / HTTP/1.1\r\n\r\n") == b""

    asyncio.run(scene())


def test_who_connects_and_says_nothing_is_sent_away() -> None:
    async def scene() -> None:
        async with serving(patience=0.1) as port:
            assert await answer(port.number, b"") == b""
            assert port.refusals("Silent") == 1

    asyncio.run(scene())


def test_who_connects_and_leaves_is_no_trouble() -> None:
    async def scene() -> None:
        async with serving() as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port.number)
            writer.close()
            await writer.wait_closed()
            async with port.agent(port.reviewers.issue()) as agent:
                await agent.begin()
                await eventually(lambda: port.sessions.get("node-a"))
            assert port.refusals("Plaintext") + port.refusals("Silent") == 0

    asyncio.run(scene())


def test_something_that_only_begins_like_tls_gets_no_further() -> None:
    async def scene() -> None:
        async with serving() as port:
            assert len(await answer(port.number, b"\x16\x03\x01\x00\x05hello")) < 100

    asyncio.run(scene())


def test_tls_to_somebody_who_knows_the_server_works_end_to_end() -> None:
    async def scene() -> None:
        async with serving() as port:
            context = ssl.create_default_context(cadata=port.authority.certificate.decode())
            context.set_alpn_protocols(["h2"])
            _, writer = await asyncio.open_connection("127.0.0.1", port.number, ssl=context)
            assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
            writer.transport.abort()

    asyncio.run(scene())


def test_a_crowd_is_bounded() -> None:
    async def scene() -> None:
        async with serving(most=2) as port:
            idle = [await asyncio.open_connection("127.0.0.1", port.number) for _ in range(3)]
            assert await answer(port.number, b"\x16") == b""
            assert port.refusals("TooManyPeers") == 1
            for _, writer in idle:
                writer.close()
                await writer.wait_closed()

    asyncio.run(scene())


def test_more_than_all_buffers_hold_arrives_whole(tmp_path: Path) -> None:
    async def scene() -> None:
        over = asyncio.Event()

        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(2**16):
                writer.write(data)
                await writer.drain()
            writer.close()
            await writer.wait_closed()
            over.set()

        said = b"\x16" + bytes(range(256)) * 2**17
        inside = tmp_path / "inside"
        async with (
            await asyncio.start_unix_server(echo, inside),
            Door(inside, Metrics().refused).opened("127.0.0.1", 0) as port,
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            writing = asyncio.create_task(writer.drain())
            assert await reader.readexactly(len(said)) == said
            await writing
            writer.close()
            await writer.wait_closed()
            await over.wait()

    asyncio.run(scene())
