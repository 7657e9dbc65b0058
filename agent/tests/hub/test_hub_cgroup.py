"""Which pod a process is of, by its control group."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mediamesh_testing.hub import running_hub
from mediamesh_testing.plans import flow, pod, sink
from mediamesh_testing.rawclient import RawClient

from mediamesh_agent.hub.cgroup import check, pod_of, trust
from mediamesh_agent.hub.errors import Refused

UID, OTHER = "3f6c2a9e-0b1d-4c55-9d53-1f0e8f1f9a01", "3f6c2a9e-0b1d-4c55-9d53-1f0e8f1f9a02"
STATIC = UID.replace("-", "")
CONTAINER = "8f" * 32
SLICE = f"kubepods-burstable-pod{UID.replace('-', '_')}.slice"


@pytest.mark.parametrize(
    ("text", "uid"),
    [
        (f"0::/kubepods/besteffort/pod{UID}/{CONTAINER}\n", UID),
        (f"0::/kubepods/pod{UID}/{CONTAINER}", UID),
        (f"0::/../../pod{UID}/{CONTAINER}", UID),
        (f"0::/kubepods.slice/kubepods-burstable.slice/{SLICE}/cri-containerd-{CONTAINER}.scope", UID),
        (f"0::/kubelet.slice/kubelet-kubepods.slice/kubelet-{SLICE}/crio-{CONTAINER}.scope", UID),
        (f"12:cpu,cpuacct:/kubepods/pod{UID}/{CONTAINER}\n1:name=systemd:/kubepods/pod{UID}/x\n0::/\n", UID),
        (f"0::/kubepods/burstable/pod{STATIC}/{CONTAINER}", STATIC),
        (f"0::/kubepods/pod{UID}/{CONTAINER}/pod{OTHER}/x", UID),
        (f"2:cpu:/kubepods/pod{UID}/x\n1:memory:/kubepods/pod{OTHER}/x\n", ""),
        (f"0::/user.slice/mypod{UID}", ""),
        (f"0::/kubepods/pod{UID}x/{CONTAINER}", ""),
        (f"0::/kubepods/pod{UID[:-1]}/{CONTAINER}", ""),
        ("0::/user.slice/user-1000.slice/session-3.scope", ""),
        ("0::/", ""),
        ("", ""),
        ("no cgroup at all", ""),
    ],
)
def test_the_pod_of_a_group(text: str, uid: str) -> None:
    assert pod_of(text) == uid


@given(st.text())
def test_nothing_that_stands_there_is_an_error(text: str) -> None:
    assert isinstance(pod_of(text), str)


def process(proc: Path, uid: str) -> int:
    (proc / "77").mkdir()
    (proc / "77" / "cgroup").write_text(f"0::/kubepods/pod{uid}/{CONTAINER}\n")
    return 77


def test_a_process_may_use_its_own_pods_folder_and_the_root(tmp_path: Path) -> None:
    pid = process(tmp_path, UID)
    check(f"pods/{UID}", pid, tmp_path)
    check("", pid, tmp_path)
    check("", 0, tmp_path)


@pytest.mark.parametrize(
    ("folder", "pid"), [(f"pods/{OTHER}", 77), (f"pods/{UID}", 0), (f"pods/{UID}", 78), ("pods/", 77)]
)
def test_any_other_is_refused(tmp_path: Path, folder: str, pid: int) -> None:
    process(tmp_path, UID)
    with pytest.raises(Refused) as refused:
        check(folder, pid, tmp_path)
    assert (refused.value.reason, refused.value.transient) == ("NotYourFolder", False)
    trust(folder, pid)


def test_the_hub_refuses_who_is_not_of_the_pod(root: Path) -> None:
    assert pod_of(Path("/proc/self/cgroup").read_text()) == ""
    folder = f"pods/{UID}"
    with running_hub(root, "--check-cgroup") as hub:
        hub.apply(flow(sinks=[sink(endpoint=pod("", folder))]))
        with RawClient(hub.root, folder) as client:
            assert client.refusal("sink").reason == "NotYourFolder"
        assert hub.ended("NotYourFolder") == 1
        with RawClient(hub.root) as client:
            assert client.attach("sink").endpoint == "out"
