"""The server's certificate over time: what is shown to the next agent that connects.

Two sources. *Ours* keeps a CA in a Secret by the rules of `certificates` and publishes what agents trust. *Mounted*
reads files that somebody else renews (cert-manager). Either is asked again every
`LOOK` seconds; what it gives is swapped in between two handshakes, and streams that are open go on.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from mediamesh_operator import certificates
from mediamesh_operator.certificates import Authority, ServerCertificate
from mediamesh_operator.errors import AuthorityUnusable, ObjectConflict, OperatorError

LOOK: Final = 60.0
_ATTEMPTS: Final = 5
log = logging.getLogger(__name__)


class Store(Protocol):
    """Where a CA is kept, and where agents find what to trust."""

    async def read(self) -> tuple[dict[str, bytes], str]:
        """Return the Secret's data and its version; ({}, "") if there is none."""

    async def write(self, data: Mapping[str, bytes], version: str) -> str:
        """Write it if it is still that version, else `ObjectConflict`."""

    async def published(self) -> bytes:
        """Return what agents are told to trust."""

    async def publish(self, bundle: bytes) -> None:
        """Tell agents what to trust."""


class Source(Protocol):
    """Gives the certificate that should be shown now."""

    async def current(self) -> ServerCertificate:
        """Return it; the same object as before if nothing has changed."""


class OwnAuthority:
    """A CA of the operator's own, the same for all replicas."""

    def __init__(self, store: Store, names: tuple[str, ...], clock: Callable[[], datetime]) -> None:
        self._store = store
        self._names = names
        self._clock = clock
        self._shown: ServerCertificate | None = None

    async def current(self) -> ServerCertificate:
        """Return the certificate by the CA that signs now, after agents can know it."""
        authorities = await self._authorities()
        bundle, now = certificates.bundle(authorities), self._clock()
        if await self._store.published() != bundle:
            await self._store.publish(bundle)
        by, shown = certificates.signer(authorities, now), self._shown
        if shown is None or shown.signer != by.certificate or shown.worn(now):
            shown = self._shown = certificates.make_server_certificate(by, self._names, now)
        return shown

    async def _authorities(self) -> tuple[Authority, ...]:
        """Return the CAs of the Secret, renewed if it was time; whoever writes first decides for all."""
        for _ in range(_ATTEMPTS):
            data, version = await self._store.read()
            kept = certificates.from_secret(data)
            wanted = certificates.renewed(kept, self._clock())
            if wanted == kept:
                return kept
            try:
                await self._store.write(certificates.to_secret(wanted), version)
            except ObjectConflict:
                continue
            log.info("the CA has changed", extra={"authorities": len(wanted), "ends": wanted[-1].ends.isoformat()})
            return wanted
        raise ObjectConflict("somebody else keeps changing the Secret of the CA")


class MountedCertificate:
    """Files that somebody else keeps fresh, and tells agents to trust: tls.crt and tls.key."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._shown: ServerCertificate | None = None

    async def current(self) -> ServerCertificate:
        """Return what is in the files now."""
        read = certificates.from_files(self._read("tls.crt"), self._read("tls.key"))
        if self._shown is None or read != self._shown:
            self._shown = read
        return self._shown

    def _read(self, name: str) -> bytes:
        try:
            return (self._directory / name).read_bytes()
        except OSError as error:
            raise AuthorityUnusable(f"{self._directory / name} cannot be read: {error.strerror}") from error


class Shown:
    """The certificate that the server shows; replaced by `follow`."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._certificate: ServerCertificate | None = None

    @property
    def certificate(self) -> ServerCertificate:
        """The newest; only after `load`."""
        if self._certificate is None:
            raise AuthorityUnusable("the server has no certificate yet")
        return self._certificate

    @property
    def ends(self) -> float | None:
        """When it ends, in seconds since the epoch; None before `load`."""
        return self._certificate.ends.timestamp() if self._certificate else None

    async def load(self) -> None:
        """Ask the source."""
        self._certificate = await self._source.current()

    async def follow(self, every: float = LOOK) -> None:
        """Ask again and again; while the source fails, what it gave last is shown."""
        while True:
            await asyncio.sleep(every)
            try:
                await self.load()
            except OperatorError as error:
                log.warning(
                    "the certificate cannot be renewed", extra={"reason": error.reason, "detail": error.message}
                )
