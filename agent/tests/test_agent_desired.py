import os
from pathlib import Path

import pytest

from mediamesh_agent.desired import DesiredByFiles
from mediamesh_agent.errors import PlanInvalid

YAML = """
apiVersion: mediamesh.io/v1alpha1
kind: MediaConnection
metadata: {name: NAME}
spec:
  payload: {blob: {maxSize: 1000}}
  source: {name: camera, pod: {}}
  sinks: [{name: analytics, pod: {}}]
"""


def write(path: Path, name: str) -> Path:
    path.write_text(YAML.replace("NAME", name))
    return path


def connections(desired: DesiredByFiles) -> list[str]:
    return [flow.connection for flow in desired.plan.flows]


def test_several_files_make_one_plan(tmp_path: Path) -> None:
    desired = DesiredByFiles([write(tmp_path / "a.yaml", "cam1"), write(tmp_path / "b.yaml", "cam2")])
    assert desired.refresh()
    assert connections(desired) == ["default/cam1", "default/cam2"]
    assert [sink.endpoint.folders for sink in desired.plan.flows[0].sinks] == [[""]]


def test_unchanged_files_are_not_read_again(tmp_path: Path) -> None:
    desired = DesiredByFiles([write(tmp_path / "a.yaml", "cam1")])
    assert desired.refresh()
    assert not desired.refresh()


def test_a_change_is_a_plan_that_the_hub_does_not_have(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", "cam1")
    desired = DesiredByFiles([path])
    desired.refresh()
    desired.applied_revision = 4
    write(path, "camera2")
    assert desired.refresh()
    assert connections(desired) == ["default/camera2"]
    assert desired.applied_revision is None


def test_a_change_of_comments_only_is_no_change_of_the_plan(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", "cam1")
    desired = DesiredByFiles([path])
    desired.refresh()
    desired.applied_revision = 4
    path.write_text(path.read_text() + "# a remark\n")
    assert desired.refresh()
    assert desired.applied_revision == 4


def test_a_file_that_was_replaced_is_seen_although_its_time_and_size_are_the_same(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", "cam1")
    desired = DesiredByFiles([path])
    desired.refresh()
    other = write(tmp_path / "b.yaml", "cam2")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    assert desired.refresh()
    assert connections(desired) == ["default/cam2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: [", r"a\.yaml:1: column"),
        (YAML.replace("NAME", "cam1").replace("maxSize", "maxsize"), r"a\.yaml:\d+: .*maxsize"),
        ("", r"no MediaConnection"),
        (YAML.replace("NAME", "cam1") + "---" + YAML.replace("NAME", "cam1"), "cam1"),
    ],
    ids=["syntax", "field", "empty", "twice"],
)
def test_an_invalid_edit_is_reported_once_and_the_old_plan_stays(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path / "a.yaml", "cam1")
    desired = DesiredByFiles([path])
    desired.refresh()
    desired.applied_revision = 2
    path.write_text(text)
    with pytest.raises(PlanInvalid, match=message):
        desired.refresh()
    assert not desired.refresh()
    assert connections(desired) == ["default/cam1"]
    assert desired.applied_revision == 2


def test_a_file_that_is_gone_or_no_text_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", "cam1")
    desired = DesiredByFiles([path])
    desired.refresh()
    path.unlink()
    with pytest.raises(PlanInvalid, match=r"a\.yaml: cannot be read: No such file or directory$"):
        desired.refresh()
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(PlanInvalid, match=r"a\.yaml: is not UTF-8 text: invalid start byte at byte 0$"):
        desired.refresh()
    assert connections(desired) == ["default/cam1"]


def test_forget_reads_again(tmp_path: Path) -> None:
    desired = DesiredByFiles([write(tmp_path / "a.yaml", "cam1")])
    desired.refresh()
    desired.forget()
    assert desired.refresh()


def test_the_revision_follows_the_hub_s(tmp_path: Path) -> None:
    desired = DesiredByFiles([write(tmp_path / "a.yaml", "cam1")])
    desired.refresh()
    assert desired.numbered(41).revision == 42
    assert desired.numbered(41).flows == desired.plan.flows


def test_polling_is_asked_for_in_the_plan(tmp_path: Path) -> None:
    desired = DesiredByFiles([write(tmp_path / "a.yaml", "cam1")], polling=True)
    desired.refresh()
    assert all(flow.polling for flow in desired.plan.flows)
