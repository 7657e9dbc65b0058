"""A Lease without an API server."""

import asyncio
from copy import deepcopy
from typing import Any

from mediamesh_operator.errors import ObjectConflict, OperatorError
from mediamesh_operator.leader import Pauses

PATIENT = Pauses(retry=0.002, renew_within=30.0)
QUICK = Pauses(retry=0.002, renew_within=0.1)  # where the Lease is to be lost


class Shelf:
    """A Lease as the API server keeps it: a write of another version than the newest is a conflict."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.down: OperatorError | None = None
        self.stuck = False
        self.writes = 0

    async def read(self) -> dict[str, Any] | None:
        await self._answer()
        return deepcopy(self.lease)

    async def create(self, body: dict[str, Any]) -> dict[str, Any]:
        await self._answer()
        if self.lease is not None:
            raise ObjectConflict("there is one")
        return self._store(body)

    async def replace(self, body: dict[str, Any]) -> dict[str, Any]:
        await self._answer()
        if self.lease is None or body["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise ObjectConflict("it is another")
        return self._store(body)

    @property
    def holder(self) -> str:
        return str(self.lease["spec"]["holderIdentity"]) if self.lease else ""

    def seize(self, holder: str) -> None:
        assert self.lease is not None
        self.lease["spec"]["holderIdentity"] = holder
        self._store(self.lease)

    async def _answer(self) -> None:
        await asyncio.sleep(0)
        if self.stuck:
            await asyncio.Event().wait()
        if self.down is not None:
            raise self.down

    def _store(self, body: dict[str, Any]) -> dict[str, Any]:
        self.writes += 1
        self.lease = deepcopy(body)
        self.lease["metadata"]["resourceVersion"] = str(self.writes)
        return deepcopy(self.lease)
