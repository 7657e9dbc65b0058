from typing import Any

import pytest
from operator_bodies import AGENTS, ROOT, agent_pod, connection, node, pod

from mediamesh_operator.world import World


def world() -> World:
    return World(AGENTS, ROOT)


def test_a_connection_is_kept_by_its_name() -> None:
    here = world()
    assert here.put_connection(connection()) == "studio/cam1"
    kept = here.connections["studio/cam1"]
    assert kept.spec is not None
    assert kept.spec.full_name == "studio/cam1"
    assert (kept.uid, kept.problem, kept.status) == ("uid-cam1", "", {})


def test_a_connection_that_is_wrong_is_kept_with_what_is_wrong() -> None:
    here, wrong = world(), connection()
    wrong["spec"]["sinks"][0]["delivery"] = {"queue": 0}
    here.put_connection(wrong)
    kept = here.connections["studio/cam1"]
    assert kept.spec is None
    assert kept.problem.startswith("spec.sinks[0].delivery.queue:")


def test_a_status_that_is_written_makes_no_difference_to_plans() -> None:
    here = world()
    here.put_connection(connection())
    before, spec = here.version, here.connections["studio/cam1"].spec
    here.put_connection(connection(resourceVersion="2") | {"status": {"node": "node-a"}})
    assert here.version == before
    assert here.connections["studio/cam1"].status == {"node": "node-a"}
    assert here.connections["studio/cam1"].spec is spec


def test_a_spec_that_is_changed_makes_a_difference() -> None:
    here = world()
    here.put_connection(connection())
    before = here.version
    here.put_connection(connection(generation=2))
    assert here.version > before


def test_events_of_a_connection_that_was_made_again_may_come_in_any_order() -> None:
    old = connection(uid="old")
    new = connection(uid="new", creationTimestamp="2026-11-01T11:00:00Z")
    here = world()
    here.put_connection(new)
    here.put_connection(old)
    here.drop_connection(old)
    assert here.connections["studio/cam1"].uid == "new"
    here.drop_connection(new)
    assert not here.connections


def test_what_kubelet_says_of_a_node_makes_no_difference() -> None:
    here = world()
    assert here.put_node(node())
    version = here.version
    assert not here.put_node(node(resourceVersion="2"))
    assert not here.put_node(node(ready=False))
    assert here.version == version


def test_a_node_that_was_made_again_outlives_the_end_of_the_first() -> None:
    here = world()
    here.put_node(node(uid="new", creationTimestamp="2026-11-02T00:00:00Z"))
    assert not here.put_node(node(uid="old"))
    assert not here.drop_node(node(uid="old"))
    assert here.drop_node(node(uid="new"))
    assert not here.nodes


def test_what_is_kept_of_a_pod() -> None:
    here = world()
    here.put_pod(pod())
    kept = here.pods["uid-camera-0"]
    assert (kept.pod.name, kept.pod.namespace, kept.pod.node) == ("camera-0", "studio", "node-a")
    assert (kept.pod.labels, kept.pod.ready, kept.pod.mounted) == ({"app": "camera"}, True, True)
    assert not kept.agent
    assert here.created("uid-camera-0") == "2026-11-01T10:00:00Z"
    assert here.created("unheard-of") == ""


def test_pods_make_a_difference_only_if_a_plan_could_have_them() -> None:
    here, plain = world(), pod()
    del plain["spec"]["volumes"]
    assert not here.put_pod(plain)
    here.put_connection(connection())
    assert not here.put_pod(plain)
    assert here.drop_pod(plain)
    assert here.put_pod(plain)
    assert here.put_pod(pod())
    assert not here.put_pod(pod())
    assert not here.drop_pod(pod("unheard-of"))


def test_a_pod_that_is_about_to_end_is_not_ready() -> None:
    here, ending = world(), pod()
    ending["metadata"]["deletionTimestamp"] = "2026-11-01T12:00:00Z"
    here.put_pod(ending)
    assert not here.pods["uid-camera-0"].pod.ready


def mount(volume: dict[str, Any], *, used: bool = True) -> bool:
    here, made = world(), pod()
    made["spec"]["volumes"] = [{"name": "v"} | volume]
    made["spec"]["containers"] = [{"name": "app", "volumeMounts": [{"name": "v" if used else "w"}]}]
    here.put_pod(made)
    return here.pods["uid-camera-0"].pod.mounted


@pytest.mark.parametrize(
    ("volume", "ours"),
    [
        ({"hostPath": {"path": f"{ROOT}/pods"}}, True),
        ({"hostPath": {"path": f"{ROOT}/pods/"}}, True),
        ({"hostPath": {"path": f"/var{ROOT}/./pods"}}, True),
        ({"hostPath": {"path": f"//{ROOT}//pods"}}, True),
        ({"hostPath": {"path": "/"}}, False),
        ({"csi": {"driver": "mediamesh.csi"}}, True),
        ({"csi": {"driver": "other"}}, False),
        ({"hostPath": {"path": ROOT}}, False),
        ({"hostPath": {"path": f"{ROOT}/podsnot"}}, False),
        ({"emptyDir": {}}, False),
    ],
)
def test_which_volumes_are_ours(volume: dict[str, Any], *, ours: bool) -> None:
    assert mount(volume) is ours
    assert not mount(volume, used=False)


def test_a_volume_of_an_init_container_counts() -> None:
    here, made = world(), pod()
    made["spec"]["initContainers"] = made["spec"].pop("containers")
    here.put_pod(made)
    assert here.pods["uid-camera-0"].pod.mounted


def test_agents_are_known_by_their_service_account() -> None:
    here = world()
    assert here.put_pod(agent_pod())
    assert here.pods["uid-agent-node-a"].agent
    assert not here.pods["uid-agent-node-a"].pod.mounted


def test_what_is_gone_is_forgotten_by_kind() -> None:
    here = world()
    here.put_connection(connection())
    here.put_node(node())
    here.put_pod(pod())
    before = here.version
    for kind, uid in (("pods", "uid-camera-0"), ("nodes", "uid-node-a"), ("mediaconnections", "uid-cam1")):
        assert here.uids(kind) == {uid}
        here.forget(kind, {uid})
        assert here.uids(kind) == set()
    assert here.uids("medianetworks") == set()
    assert here.version > before
