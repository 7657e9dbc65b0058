"""What `helm test` makes: three hooks in order, gone afterwards, and pods that may do nothing, as users write them."""

from typing import Any

import pytest
from chart_rendering import Object, only, rendered

HOOKS = {"1": "MediaConnection", "2": "Deployment", "3": "Pod"}
NAME = "media-mediamesh-test"


def hooks(values: dict[str, Any] | None = None) -> list[Object]:
    return [one for one in rendered(values) if one["metadata"].get("annotations", {}).get("helm.sh/hook") == "test"]


def pods(values: dict[str, Any] | None = None) -> list[Any]:
    made = hooks(values)
    return [only(made, "Deployment")["spec"]["template"]["spec"], only(made, "Pod")["spec"]]


def test_hooks_come_in_order_and_are_deleted_however_the_test_ends() -> None:
    told = {one["metadata"]["annotations"]["helm.sh/hook-weight"]: one for one in hooks()}

    assert {weight: one["kind"] for weight, one in told.items()} == HOOKS
    for one in told.values():
        policy = one["metadata"]["annotations"]["helm.sh/hook-delete-policy"]
        assert policy == "before-hook-creation,hook-succeeded,hook-failed"
    assert told["3"]["metadata"]["annotations"]["helm.sh/hook-output-log-policy"] == "hook-succeeded,hook-failed"


def test_pods_are_the_endpoints_of_the_connection() -> None:
    made = hooks()
    spec = only(made, "MediaConnection")["spec"]

    sender = only(made, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert spec["source"]["pod"]["matchLabels"].items() <= sender.items()
    (sink,) = spec["sinks"]
    assert sink["pod"]["matchLabels"].items() <= only(made, "Pod")["metadata"]["labels"].items()
    assert [pod["containers"][0]["command"][2] for pod in pods()] == [NAME, NAME]


def test_pods_may_do_nothing() -> None:
    for pod in pods():
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        security = pod["containers"][0]["securityContext"]
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize("mode", ["hostPath", "csi"])
def test_pods_get_their_folder_as_the_release_has_it(mode: str) -> None:
    for pod in pods({"node": {"root": "/run/elsewhere", "sockets": {"mode": mode}}}):
        (folder,) = (volume for volume in pod["volumes"] if volume["name"] == "mediamesh")
        mount = pod["containers"][0]["volumeMounts"][0]
        if mode == "csi":
            assert folder["csi"] == {"driver": "mediamesh.csi", "readOnly": True}
            assert "subPathExpr" not in mount
        else:
            assert folder["hostPath"]["path"] == "/run/elsewhere/pods"
            assert mount["subPathExpr"] == "$(POD_UID)"


def test_pods_go_where_node_pods_are_told_to_go_by_the_name_of_a_taint_only() -> None:
    media = {"key": "media", "operator": "Exists"}

    for pod in pods({"node": {"tolerations": [{"operator": "Exists"}, media]}}):
        assert pod["tolerations"] == [media]
    for pod in pods():
        assert not pod["tolerations"]
