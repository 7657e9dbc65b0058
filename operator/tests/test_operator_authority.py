import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mediamesh_testing.waiting import eventually

from mediamesh_operator import certificates
from mediamesh_operator.authority import MountedCertificate, OwnAuthority, Shown
from mediamesh_operator.certificates import AUTHORITY_LIFE, LAG, ServerCertificate
from mediamesh_operator.errors import ApiUnreachable, AuthorityUnusable, ObjectConflict

NOW = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)


class Safe:
    """A Secret and a ConfigMap, of which a write of another version than the newest is a conflict."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}
        self.version = 0
        self.bundle = b""
        self.writes = 0
        self.race: dict[str, bytes] | None = None
        """What somebody else writes just before our first write."""

    async def read(self) -> tuple[dict[str, bytes], str]:
        return dict(self.data), str(self.version or "")

    async def write(self, data: Mapping[str, bytes], version: str) -> str:
        if self.race is not None:
            self.data, self.race = self.race, None
            self.version += 1
        if version != str(self.version or ""):
            raise ObjectConflict("it is another")
        self.data, self.writes = dict(data), self.writes + 1
        self.version += 1
        return str(self.version)

    async def published(self) -> bytes:
        return self.bundle

    async def publish(self, bundle: bytes) -> None:
        self.bundle, self.writes = bundle, self.writes + 1


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def own(safe: Safe, clock: Clock) -> OwnAuthority:
    return OwnAuthority(safe, ("op.test",), clock)


def test_the_first_look_makes_an_authority_and_tells_agents() -> None:
    safe = Safe()
    shown = asyncio.run(own(safe, Clock()).current())
    assert shown.signer == safe.bundle == safe.data["ca.crt"]


def test_further_looks_change_and_write_nothing() -> None:
    async def scene() -> None:
        safe, clock = Safe(), Clock()
        authority = own(safe, clock)
        first = await authority.current()
        written = safe.writes
        clock.now += timedelta(days=1)
        assert await authority.current() is first
        assert safe.writes == written

    asyncio.run(scene())


def test_a_restart_keeps_the_authority() -> None:
    safe, clock = Safe(), Clock()
    first, second = asyncio.run(own(safe, clock).current()), asyncio.run(own(safe, clock).current())
    assert first.signer == second.signer
    assert first.chain != second.chain


def test_of_two_that_make_an_authority_at_once_the_first_decides() -> None:
    safe = Safe()
    other = certificates.make_authority(NOW)
    safe.race = certificates.to_secret([other])
    assert asyncio.run(own(safe, Clock()).current()).signer == other.certificate
    assert safe.bundle == other.certificate


def test_a_rotation_over_its_whole_course() -> None:
    async def scene() -> None:
        safe, clock = Safe(), Clock()
        authority = own(safe, clock)
        first = (await authority.current()).signer
        clock.now += AUTHORITY_LIFE * 2 / 3
        assert (await authority.current()).signer == first
        assert safe.bundle.startswith(first)
        second = safe.bundle.removeprefix(first)
        assert second
        clock.now += LAG
        assert (await authority.current()).signer == second
        clock.now = NOW + AUTHORITY_LIFE
        assert (await authority.current()).signer == second
        assert safe.bundle == second

    asyncio.run(scene())


def test_the_server_certificate_is_renewed_in_time() -> None:
    async def scene() -> None:
        clock = Clock()
        authority = own(Safe(), clock)
        first = await authority.current()
        clock.now += certificates.SERVER_LIFE / 2
        assert (await authority.current()).ends > first.ends

    asyncio.run(scene())


def test_what_agents_trust_is_mended_if_somebody_spoils_it() -> None:
    async def scene() -> None:
        safe = Safe()
        authority = own(safe, Clock())
        shown = await authority.current()
        safe.bundle = b""
        await authority.current()
        assert safe.bundle == shown.signer

    asyncio.run(scene())


def test_a_secret_that_cannot_be_read_is_not_overwritten() -> None:
    safe = Safe()
    safe.data, safe.version = {"ca.crt": b"mine"}, 1
    safe.data["ca.crt"] = b"-----BEGIN X-----\n-----END X-----\n"
    with pytest.raises(AuthorityUnusable):
        asyncio.run(own(safe, Clock()).current())
    assert safe.writes == 0


def put(folder: Path, certificate: ServerCertificate) -> None:
    (folder / "tls.crt").write_bytes(certificate.chain)
    (folder / "tls.key").write_bytes(certificate.key)


def test_mounted_files_are_read_anew_when_they_change(tmp_path: Path) -> None:
    async def scene() -> None:
        ca = certificates.make_authority(NOW)
        one, two = (certificates.make_server_certificate(ca, ("op.test",), NOW) for _ in range(2))
        source = MountedCertificate(tmp_path)
        put(tmp_path, one)
        first = await source.current()
        assert first.chain == one.chain
        assert await source.current() is first
        put(tmp_path, two)
        assert (await source.current()).chain == two.chain

    asyncio.run(scene())


def test_a_mount_that_is_not_there_says_which_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(AuthorityUnusable, match=r"tls\.crt cannot be read: No such file"):
        asyncio.run(MountedCertificate(tmp_path).current())


class Flaky:
    """A source that fails while it is told to."""

    def __init__(self, *certificates_: ServerCertificate) -> None:
        self.given = list(certificates_)
        self.failing = False
        self.asked = 0

    async def current(self) -> ServerCertificate:
        self.asked += 1
        if self.failing:
            raise ApiUnreachable("not now")
        return self.given[0]


def test_what_is_shown_follows_its_source_and_survives_its_failures(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        ca = certificates.make_authority(NOW)
        one, two = (certificates.make_server_certificate(ca, ("op.test",), NOW) for _ in range(2))
        source = Flaky(one)
        shown = Shown(source)
        with pytest.raises(AuthorityUnusable):
            _ = shown.certificate
        assert Shown(source).ends is None
        await shown.load()
        assert shown.ends == one.ends.timestamp()
        following = asyncio.create_task(shown.follow(every=0.001))
        source.failing, asked = True, source.asked
        await eventually(lambda: source.asked > asked + 1)
        assert shown.certificate is one
        source.failing, source.given = False, [two]
        await eventually(lambda: shown.certificate is two)
        following.cancel()
        await asyncio.wait([following])

    asyncio.run(scene())
    assert "the certificate cannot be renewed" in caplog.text
