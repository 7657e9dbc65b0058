"""The Secret of the CA and the bundle, at an API server that allows to write them and to make none."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from operator_kept import BUNDLE, SECRET, Kept, keeping

from mediamesh_operator.authority import OwnAuthority
from mediamesh_operator.errors import AuthorityUnusable
from mediamesh_operator.storage import AuthorityStore

NOW = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)


def with_store(
    kept: Kept, folder: Path, monkeypatch: pytest.MonkeyPatch, scene: Callable[[AuthorityStore], Awaitable[object]]
) -> None:
    async def run() -> None:
        async with keeping(kept, folder, monkeypatch) as store:
            await scene(store)

    asyncio.run(run())


def installed() -> Kept:
    """Give what the chart makes: both objects, empty."""
    kept = Kept()
    kept.put("secrets", SECRET, {})
    kept.put("configmaps", BUNDLE, {})
    return kept


def authority(store: AuthorityStore) -> OwnAuthority:
    return OwnAuthority(store, ("op.test",), lambda: NOW)


def test_what_the_chart_has_made_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = installed()

    async def scene(store: AuthorityStore) -> None:
        shown = await authority(store).current()
        data, version = await store.read()
        assert version == kept.objects["secrets", SECRET]["metadata"]["resourceVersion"]
        assert shown.signer == data["ca.crt"] == await store.published()

    with_store(kept, tmp_path, monkeypatch, scene)


def test_a_secret_whose_data_was_removed_gets_a_new_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = installed()

    async def scene(store: AuthorityStore) -> None:
        before = await authority(store).current()
        kept.put("secrets", SECRET, {})
        after = await authority(store).current()
        assert before.signer != after.signer == await store.published()

    with_store(kept, tmp_path, monkeypatch, scene)


@pytest.mark.parametrize(
    ("plural", "name", "told"), [("secrets", SECRET, f"Secret {SECRET}"), ("configmaps", BUNDLE, f"ConfigMap {BUNDLE}")]
)
def test_who_deletes_one_of_them_is_told_how_to_get_it_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plural: str, name: str, told: str
) -> None:
    kept = installed()
    del kept.objects[plural, name]

    async def scene(store: AuthorityStore) -> None:
        with pytest.raises(AuthorityUnusable, match=f"the {told} is not there.*`helm upgrade`"):
            await authority(store).current()

    with_store(kept, tmp_path, monkeypatch, scene)
