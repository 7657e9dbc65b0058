"""What a run has shown: the consumers' reports, the recording and the hub's counts, judged together."""

import asyncio

from mediamesh_agent.demo.clip import expected_digests
from mediamesh_agent.demo.recording import Recording, examine
from mediamesh_agent.demo.report import gathered
from mediamesh_agent.demo.stage import Performance, Stage
from mediamesh_agent.demo.summary import Row
from mediamesh_agent.ledger import Counted
from mediamesh_agent.picture import summary

CHECKER, RECORDER = "checker", "recorder"


async def judge(made: Stage, performance: Performance) -> list[Row]:
    """Return a row per sink, after everything has ended."""
    counted = performance.agent.facts.ledger.endpoints()
    rows = []
    for flow in performance.agent.desired.plan.flows:
        if flow.connection == performance.film_connection:
            rows += [_row(made, sink.name, counted.get((flow.connection, sink.name), Counted())) for sink in flow.sinks]
    recorded = await asyncio.to_thread(_examine_all, made, performance)
    unfinished = len(made.unfinished())
    return [_with_recording(row, recorded, unfinished) if row.sink == RECORDER else row for row in rows]


def _row(made: Stage, sink: str, counted: Counted) -> Row:
    latency = summary(counted.latency)
    if sink != CHECKER:
        return Row(sink, counted.received, None, None, counted.dropped, latency)
    report = gathered(made.reports, sink)
    note = f"every byte of {report.frames} pictures compared with the film" if report.frames else "has reported nothing"
    return Row(sink, report.frames, report.lost, report.wrong, counted.dropped, latency, note)


def _examine_all(made: Stage, performance: Performance) -> list[Recording]:
    expected = expected_digests(made.film, performance.format)
    return [examine(path, performance.format, expected) for path in made.recordings()]


def _with_recording(row: Row, recorded: list[Recording], unfinished: int) -> Row:
    """Judge the recorder by what plays: the frames in its files against those that the hub gave it."""
    frames = sum(recording.frames for recording in recorded)
    altered = [recording.altered for recording in recorded if recording.altered is not None]
    lost = sum(recording.lost for recording in recorded) + max(0, row.frames - frames)
    codecs = " ".join(sorted({recording.codec for recording in recorded})) or "nothing"
    pauses = sum(recording.pauses for recording in recorded)
    behind = f"; the source fell behind its rate {pauses} times" if pauses else ""
    killed = f"; {unfinished} not finished, its recorder was killed" if unfinished else ""
    note = f"{len(recorded)} file(s) played back, {codecs}{behind}{killed}"
    return Row(row.sink, frames, lost, sum(altered) if altered else None, row.dropped, row.latency, note)
