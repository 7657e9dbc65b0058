"""Thousands of connections beside a healthy flow.

The crowd is three thousand in the normal run and ten thousand with `MEDIAMESH_LONG=1`, in steps.
"""

import contextlib
import resource
import socket
from collections.abc import Iterator

import pytest
from faults_beset import TARGET, all_is_well, ends, told
from faults_stage import LONG, Chance
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.rawclient import RawClient

STEPS = [1000, 3000, 5000, 10_000] if LONG else [1000, 3000]
SPARE = 200


@pytest.fixture
def roomy() -> Iterator[None]:
    """As many descriptors as this process may have, which must be enough for the whole crowd."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < STEPS[-1] + SPARE:
        pytest.fail(f"a crowd of {STEPS[-1]} needs {STEPS[-1] + SPARE} open files: `ulimit -Hn` says {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("first_word", [b"", b"\xff"], ids=["silent", "babbling"])
def test_a_crowd_keeps_nobody_out(beset: HubUnderTest, roomy: None, first_word: bytes) -> None:
    before = ends(beset)
    with contextlib.ExitStack() as crowd:
        come = 0
        for step in STEPS:
            for _ in range(step - come):
                one = crowd.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
                one.connect(str(beset.root / "attach.sock"))
                if first_word:
                    with contextlib.suppress(BrokenPipeError):
                        one.send(first_word)
                come += 1
            all_is_well(beset)
        told(beset, before, "BadRequest" if first_word else "PushedOut")
    all_is_well(beset)


def test_a_crowd_that_serves_is_bounded_by_the_plan(beset: HubUnderTest) -> None:
    before = ends(beset)
    with contextlib.ExitStack() as crowd:
        for _ in range(200):
            crowd.enter_context(RawClient(beset.root)).attach("sink", TARGET)
        with RawClient(beset.root) as late:
            assert late.refusal("sink", TARGET).reason == "TooManyAttachments"
        Chance(beset, 0).moment(most=5)
    told(beset, before, "TooManyAttachments")
    all_is_well(beset)
