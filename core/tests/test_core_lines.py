"""The line that a problem is told with: the one where somebody wrote what is wrong."""

import pytest

from mediamesh_core.kinds import InvalidKinds, load

TEXT = """\
# two cameras
apiVersion: mediamesh.io/v1alpha1
kind: MediaConnection
metadata: {name: cam1}
spec:
  payload:
    blob: {maxSize: 100}
  source:
    name: camera
    pod: {}
  sinks:
  - name: wall
    pod: {}
    maxAttachments: 2
  - name: file
    file: {path: a.raw}
"""


def refused(text: str) -> list[str]:
    with pytest.raises(InvalidKinds) as caught:
        load(text, "cam.yaml")
    return caught.value.problems


@pytest.mark.parametrize(
    ("written", "instead", "begin"),
    [
        ("kind: MediaConnection", "kind: Media", "cam.yaml:3: kind: 'Media'"),
        ("{name: cam1}", "{name: Cam}", "cam.yaml:4: metadata.name: 'Cam'"),
        ("blob: {maxSize: 100}", "blob: {}", "cam.yaml:7: spec.payload.blob.maxSize: is missing"),
        ("blob: {maxSize: 100}", "blob: {maxSize: 0}", "cam.yaml:7: spec.payload.blob.maxSize: 0"),
        (
            "    blob: {maxSize: 100}",
            "    blob:\n      maxSize:\n        x",
            "cam.yaml:8: spec.payload.blob.maxSize: 'x'",
        ),
        ("    pod: {}\n  sinks", "    pod:\n  sinks", "cam.yaml:8: spec.source: exactly one"),
        ("    maxAttachments: 2", "    maxAttachment: 2", "cam.yaml:14: spec.sinks[0].maxAttachment: there"),
        ("    maxAttachments: 2", "    maxAttachments: 0", "cam.yaml:14: spec.sinks[0].maxAttachments: 0"),
        ("- name: file", "- nam: file", "cam.yaml:15: spec.sinks[1].nam"),
        ("  - name: file\n", "  - name: file\n    maxAttachments: 2\n", "cam.yaml:16: spec.sinks[1].maxAttachments: 2"),
        ("    name: camera", "    name: camera\n    waitForSinks: 9", "cam.yaml:10: spec.source.waitForSinks: 9"),
        ("name: camera", "name: wall", "cam.yaml:11: spec.sinks: the name 'wall'"),
    ],
)
def test_problem_has_the_line_of_its_field(written: str, instead: str, begin: str) -> None:
    problem = refused(TEXT.replace(written, instead))[0]
    assert problem.startswith(begin)


def test_lines_go_on_in_the_next_document() -> None:
    (problem,) = refused(f"{TEXT}---\n{TEXT.replace('100', '0')}")
    assert problem.startswith(f"cam.yaml:{TEXT.count(chr(10)) + 8}: spec.payload.blob.maxSize")


def test_a_value_that_was_merged_has_the_line_where_it_is_written() -> None:
    merged = TEXT.replace("blob: {maxSize: 100}", "blob: {<<: *b}")
    (problem,) = refused(merged.replace("metadata:", "status:\n  b: &b\n    maxSize: 0\nmetadata:"))
    assert problem.startswith("cam.yaml:6: spec.payload.blob.maxSize")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x:\n   a: 1\n  b: 2", "cam.yaml:3: column 3: "),
        ("x:\n   a: 1\n  b: 2", "begin all fields of a mapping in the same column"),
        (" a: 1\nb: 2", "begin all fields of a mapping in the same column"),
        ("a: 1\n  b: 2", "cam.yaml:2: column 4: mapping values are not allowed here; indent it like"),
        ("a:\n\t- x", "cam.yaml:2: column 1: found character '\\t' that cannot start any token; YAML is indented"),
        ("a: 1\nb: \x00", "cam.yaml:2: unacceptable character '\\x00'"),
        ("a: 1\nb: " + "9" * 9000, "cam.yaml:2: column 4: cannot be read: Exceeds the limit"),
    ],
)
def test_what_is_no_yaml_has_its_line_and_a_plain_hint(text: str, message: str) -> None:
    assert message in refused(text)[-1]
