"""The status of a connection: what its conditions say in every case, and when it changes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediamesh_core.kinds import ConnectionStatus, from_object
from mediamesh_core.planner import PlacedEndpoint, Verdict
from mediamesh_core.status import Observation, SeenAttachment, SeenBridge, exposure, nominal_rate, status
from mediamesh_core.status.rates import shown_rate

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SOURCE = PlacedEndpoint("camera", "source", "pod", "n1", "camera-0", "c0")
SINKS = tuple(PlacedEndpoint("wall", "sink", "pod", "n1", f"wall-{n}", f"w{n}") for n in range(2))
PLACED = Verdict(node="n1", endpoints=(SOURCE, *SINKS))
FLOWS = Observation(
    in_force=True,
    state="Flowing",
    rate=59.9,
    attachments=(
        SeenAttachment("camera", "c0", frames=100),
        SeenAttachment("wall", "w0", frames=90, dropped=10),
        SeenAttachment("wall", "w1", frames=100),
    ),
)
RATE = Fraction(60000, 1001)


def made(
    verdict: Verdict = PLACED,
    seen: Observation | None = FLOWS,
    before: ConnectionStatus | None = None,
    *,
    generation: int = 1,
    minutes: int = 0,
) -> ConnectionStatus:
    now = NOON + timedelta(minutes=minutes)
    return status(verdict, seen, before, generation=generation, now=now, nominal=RATE)


def conditions(of: ConnectionStatus) -> dict[str, tuple[str, str]]:
    return {one.type: (one.status, one.reason) for one in of.conditions}


def states(of: ConnectionStatus) -> dict[str, str]:
    return {end.pod or end.name: end.state for end in of.endpoints}


def test_all_is_well() -> None:
    whole = made(generation=3)
    assert conditions(whole) == {
        "Accepted": ("True", "Accepted"),
        "Programmed": ("True", "Programmed"),
        "Ready": ("True", "Flowing"),
    }
    assert (whole.node, whole.source, whole.sinks, whole.rate) == ("n1", "camera-0", "2/2", "59.94/s")
    assert whole.observed_generation == 3
    assert {one.observed_generation for one in whole.conditions} == {3}
    assert {one.last_transition_time for one in whole.conditions} == {"2026-01-01T12:00:00Z"}
    assert [(end.name, end.pod, end.state, end.frames, end.dropped) for end in whole.endpoints] == [
        ("camera", "camera-0", "Attached", 100, 0),
        ("wall", "wall-0", "Attached", 90, 10),
        ("wall", "wall-1", "Attached", 100, 0),
    ]


def refused(reason: str, *, accepted: bool = True, node: str = "n1") -> Verdict:
    return Verdict(accepted=accepted, programmable=False, reason=reason, message="why", node=node)


WAITS = replace(FLOWS, state="Waiting", attachments=())
CASES = {
    "not accepted": (refused("FileConflict", accepted=False, node=""), None, "FileConflict", "False", "FileConflict"),
    "no transport": (refused("NoTransport"), FLOWS, "Accepted", "False", "NoTransport"),
    "no source": (refused("NoSource"), WAITS, "Accepted", "False", "NoSource"),
    "source not ready yet attached": (refused("NoSource"), FLOWS, "Accepted", "True", "Flowing"),
    "agent gone": (refused("NoAgent"), FLOWS, "Accepted", "Unknown", "NoAgent"),
    "no agent anywhere": (refused("NoAgent", node=""), None, "Accepted", "False", "NoAgent"),
    "not reported": (PLACED, None, "Accepted", "Unknown", "NotReported"),
    "plan refused": (PLACED, replace(FLOWS, problem="the hub is away"), "Accepted", "False", "PlanNotInForce"),
    "no memory": (PLACED, replace(WAITS, reason="NoMemory", message="full"), "Accepted", "False", "NoMemory"),
    "not yet": (PLACED, replace(FLOWS, in_force=False), "Accepted", "False", "Pending"),
}


@pytest.mark.parametrize(("verdict", "seen", "accepted", "programmed", "reason"), CASES.values(), ids=CASES)
def test_what_hinders_is_said(
    verdict: Verdict, seen: Observation | None, accepted: str, programmed: str, reason: str
) -> None:
    said = conditions(made(verdict, seen))
    assert said["Accepted"] == ("True" if accepted == "Accepted" else "False", accepted)
    assert said["Programmed"][0] == programmed
    assert said["Ready"] == (programmed, reason)


def test_source_that_has_not_attached_keeps_it_from_being_ready() -> None:
    whole = made(seen=replace(WAITS, ended={"camera": "queue 9 is too long"}))
    assert conditions(whole)["Programmed"] == ("True", "Programmed")
    ready = whole.condition("Ready")
    assert ready is not None
    assert (ready.status, ready.reason) == ("False", "SourceNotAttached")
    assert ready.message == "pod camera-0 has not attached as source camera: queue 9 is too long"
    assert (whole.rate, whole.sinks) == ("", "0/2")
    assert whole.endpoints[0].message == "queue 9 is too long"


def test_nobody_who_may_be_source_is_no_source() -> None:
    verdict = Verdict(node="n1", endpoints=(SOURCE._replace(reason="Standby"),))
    assert conditions(made(verdict, WAITS))["Ready"] == ("False", "NoSource")


FILE = PlacedEndpoint("film", "source", "file", "n1")


@pytest.mark.parametrize(
    ("bridge", "attached", "state", "ready"),
    [
        (SeenBridge("film", "Running"), True, "Running", "Flowing"),
        (SeenBridge("film", "Backoff", "no such file"), False, "Backoff", "SourceNotAttached"),
        (SeenBridge("film", "Stopped", "old news"), False, "Done", "SourceDone"),
        (SeenBridge("film", "Starting"), False, "Starting", "SourceNotAttached"),
        (None, False, "Waiting", "SourceNotAttached"),
    ],
    ids=["running", "backoff", "done", "starting", "not yet"],
)
def test_bridges_say_what_they_do(bridge: SeenBridge | None, attached: bool, state: str, ready: str) -> None:
    seen = Observation(
        in_force=True,
        state="Flowing" if attached else "Waiting",
        attachments=(SeenAttachment("film", frames=7),) if attached else (),
        bridges=(bridge,) if bridge else (),
    )
    whole = made(Verdict(node="n1", endpoints=(FILE,)), seen)
    assert (whole.endpoints[0].state, conditions(whole)["Ready"][1]) == (state, ready)
    assert whole.endpoints[0].message == ("no such file" if state == "Backoff" else "")
    assert (whole.source, whole.sinks) == ("file", "0/0")


def test_peers_in_pods_are_known_by_their_endpoint() -> None:
    peer = PlacedEndpoint("vpp", "sink", "memif", "n1", "vpp-0", "v0")
    whole = made(Verdict(node="n1", endpoints=(SOURCE, peer)), replace(FLOWS, attachments=(SeenAttachment("vpp"),)))
    assert (states(whole)["vpp-0"], whole.sinks) == ("Attached", "1/1")


def test_who_takes_no_part_says_why() -> None:
    away = SINKS[1]._replace(node="n2", reason="NoTransport")
    nobody = PlacedEndpoint("archive", "sink", "pod", reason="NoPod")
    verdict = Verdict(
        programmable=False, reason="NoTransport", message="why", node="n1", endpoints=(SOURCE, SINKS[0], away, nobody)
    )
    whole = made(verdict)
    assert states(whole) == {"camera-0": "Attached", "wall-0": "Attached", "wall-1": "NoTransport", "archive": "NoPod"}
    assert whole.sinks == "1/2"


def test_steady_flow_changes_nothing() -> None:
    before = made()
    more = tuple(replace(one, frames=one.frames + 600, dropped=one.dropped + 3) for one in FLOWS.attachments)
    assert made(seen=replace(FLOWS, rate=60.3, attachments=more), before=before, minutes=9) is before


def test_counters_are_written_together_with_a_change() -> None:
    more = tuple(replace(one, frames=one.frames + 600) for one in FLOWS.attachments[:2])
    after = made(seen=replace(FLOWS, attachments=more), before=made(), minutes=9)
    assert [(end.state, end.frames) for end in after.endpoints] == [
        ("Attached", 700),
        ("Attached", 690),
        ("Waiting", 0),
    ]


def test_time_of_transition_is_kept_while_the_status_stays() -> None:
    before = made(seen=WAITS)
    other = made(seen=replace(WAITS, ended={"camera": "gone"}), before=before, minutes=5)
    ready = other.condition("Ready")
    assert ready is not None
    assert ready.last_transition_time == "2026-01-01T12:00:00Z"
    healed = made(before=other, minutes=7)
    assert {one.type: one.last_transition_time[11:16] for one in healed.conditions} == {
        "Accepted": "12:00",
        "Programmed": "12:00",
        "Ready": "12:07",
    }


def test_new_generation_has_to_be_programmed_anew() -> None:
    pending = replace(FLOWS, in_force=False)
    same = made(seen=pending, before=made(), minutes=1)
    assert conditions(same)["Programmed"] == ("True", "Programmed")
    newer = made(seen=pending, before=made(), generation=2, minutes=1)
    assert conditions(newer)["Programmed"] == ("False", "Pending")
    moved = made(replace(PLACED, node="n2"), pending, made(), minutes=1)
    assert conditions(moved)["Programmed"] == ("False", "Pending")


def test_new_leader_that_has_heard_nothing_says_what_was_said() -> None:
    before = made()
    assert made(seen=None, before=before, minutes=1) is before
    newcomer = PlacedEndpoint("wall", "sink", "pod", "n1", "wall-9", "w9")
    after = made(replace(PLACED, endpoints=(*PLACED.endpoints, newcomer)), None, before)
    assert (states(after)["wall-0"], states(after)["wall-9"], after.rate) == ("Attached", "Unknown", "59.94/s")


def test_agent_that_is_away_leaves_the_rest_as_it_was() -> None:
    away = replace(PLACED, programmable=False, reason="NoAgent", message="why")
    after = made(away, None, made())
    assert conditions(after)["Ready"] == ("Unknown", "NoAgent")
    assert (after.sinks, after.rate) == ("2/2", "59.94/s")


def test_rate_stays_while_a_new_one_is_not_known() -> None:
    assert made(seen=replace(FLOWS, rate=None), before=made()).rate == "59.94/s"
    assert made(seen=replace(FLOWS, rate=None)).rate == ""


def test_status_is_read_as_it_was_written() -> None:
    whole = made()
    assert ConnectionStatus.read(whole.as_object()) == whole
    assert whole.as_object()["endpoints"][0]["pod"] == "camera-0"
    assert ConnectionStatus.read(whole.as_object() | {"later": 1}) == whole


@pytest.mark.parametrize("written", [None, 3, [], {"conditions": 3}, {"endpoints": [{"name": 3}]}], ids=str)
def test_status_that_nobody_understands_is_none(written: object) -> None:
    assert ConnectionStatus.read(written) is None


def test_long_messages_are_cut() -> None:
    whole = made(replace(refused("NoSource"), message="x" * 5000), WAITS)
    assert max(len(one.message) for one in whole.conditions) == 1024


@pytest.mark.parametrize(
    ("payload", "rate"),
    [
        ({"video": {"width": 2, "height": 2, "frameRate": "60000/1001", "pixelFormat": "nv12"}}, RATE),
        ({"audio": {"sampleFormat": "pcm_s16le", "channels": 2}}, Fraction(1000)),
        ({"encoded": {"codec": "h264"}}, None),
        ({"encoded": {"codec": "h264", "frameRate": 25}}, Fraction(25)),
        ({"ancillary": {"frameRate": 50}}, Fraction(50)),
        ({"blob": {"maxSize": 9}}, None),
    ],
    ids=["video", "audio", "encoded", "encoded with a rate", "ancillary", "blob"],
)
def test_payload_promises_its_rate(payload: dict[str, Any], rate: Fraction | None) -> None:
    connection = {
        "apiVersion": "mediamesh.io/v1alpha1",
        "kind": "MediaConnection",
        "metadata": {"name": "a"},
        "spec": {"payload": payload, "source": {"pod": {}}},
    }
    assert nominal_rate(from_object(connection)) == rate


def peers(*accesses: str) -> dict[str, Any]:
    sinks = [
        {"name": f"vpp{number}", "memif": {"role": "server", "socket": f"{number}.sock", "access": access}}
        for number, access in enumerate(accesses)
    ]
    return {
        "apiVersion": "mediamesh.io/v1alpha1",
        "kind": "MediaConnection",
        "metadata": {"name": "a"},
        "spec": {"payload": {"blob": {"maxSize": 9}}, "source": {"pod": {}}, "sinks": sinks},
    }


@pytest.mark.parametrize(
    ("accesses", "said"),
    [
        (("copy",), ""),
        (("copy", "shared", "shared"), "the pool is not sealed: vpp1, vpp2 can write it (access: shared)"),
    ],
    ids=["copy", "shared"],
)
def test_peers_that_can_write_the_pool_are_named(accesses: tuple[str, ...], said: str) -> None:
    assert exposure(from_object(peers(*accesses))) == said


def test_a_note_is_said_of_what_is_ready_and_said_once() -> None:
    def said(seen: Observation | None, before: ConnectionStatus | None = None) -> str:
        note = "the pool is not sealed"
        whole = status(PLACED, seen, before, generation=1, now=NOON, note=note)
        found = whole.condition("Ready")
        assert found is not None
        return found.message

    flowing = status(PLACED, FLOWS, None, generation=1, now=NOON, note="the pool is not sealed")
    assert said(FLOWS) == "the source is attached, frames flow; the pool is not sealed"
    assert said(None, flowing) == said(FLOWS, flowing) == said(FLOWS)
    assert "sealed" not in said(WAITS)


def test_counters_that_nobody_can_have_are_cut() -> None:
    whole = made(seen=replace(FLOWS, attachments=(SeenAttachment("camera", "c0", frames=2**64 - 1, dropped=2**63),)))
    assert (whole.endpoints[0].frames, whole.endpoints[0].dropped) == (2**53, 2**53)


ENDS = st.builds(
    PlacedEndpoint,
    name=st.sampled_from(["a", "b"]),
    role=st.sampled_from(["source", "sink"]),
    kind=st.sampled_from(["pod", "memif", "file"]),
    node=st.sampled_from(["", "n1"]),
    pod=st.sampled_from(["", "p"]),
    pod_uid=st.sampled_from(["", "u"]),
    reason=st.sampled_from(["", "Standby", "NoTransport", "NoPod"]),
)
VERDICTS = st.builds(
    Verdict,
    accepted=st.booleans(),
    programmable=st.booleans(),
    reason=st.sampled_from(["NoSource", "NoAgent", "NoTransport"]),
    message=st.text(max_size=3),
    node=st.sampled_from(["", "n1"]),
    endpoints=st.lists(ENDS, max_size=4).map(tuple),
)
SEEN = st.none() | st.builds(
    Observation,
    in_force=st.booleans(),
    problem=st.sampled_from(["", "bad"]),
    reason=st.sampled_from(["", "NoMemory"]),
    state=st.sampled_from(["", "Waiting", "Flowing", "Failed"]),
    rate=st.none() | st.floats(-1, 1e300),
    attachments=st.lists(st.builds(SeenAttachment, st.sampled_from(["a", "b"]), st.sampled_from(["", "u"]))).map(tuple),
    bridges=st.lists(st.builds(SeenBridge, st.sampled_from(["a", "b"]), st.sampled_from(["Running", "Backoff"]))).map(
        tuple
    ),
)


def test_what_is_refused_is_not_programmed_though_frames_still_flow() -> None:
    verdict = Verdict(accepted=False, programmable=False, reason="NoSource")
    said = conditions(made(verdict, Observation(in_force=True, state="Flowing")))
    assert said["Programmed"][0] == said["Ready"][0] == "False"


def test_a_rate_too_low_to_be_one_is_none() -> None:
    assert shown_rate(1e-45, None, "") == "0/s"


@given(st.lists(st.tuples(VERDICTS, SEEN, st.integers(0, 2)), min_size=1, max_size=5))
def test_whatever_happens_the_status_is_whole(story: list[tuple[Verdict, Observation | None, int]]) -> None:
    before: ConnectionStatus | None = None
    for minute, (verdict, seen, generation) in enumerate(story):
        after = made(verdict, seen, before, generation=generation, minutes=minute)
        assert [one.type for one in after.conditions] == ["Accepted", "Programmed", "Ready"]
        keys = [(end.name, end.pod) for end in after.endpoints]
        assert len(keys) == len(set(keys))
        assert ConnectionStatus.read(after.as_object()) == after
        said = conditions(after)
        if said["Ready"][0] == "True":
            assert said["Accepted"][0] == said["Programmed"][0] == "True"
        assert made(verdict, seen, after, generation=generation, minutes=minute + 1) is after
        before = after
