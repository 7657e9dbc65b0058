"""Pods by namespace and label, so that a selector finds its own without looking at all.

A selector looks at the smallest of its labels' buckets, once however many endpoints have it. So the work is linear
as long as one label of each selector is selective, which is what labels are for.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from mediamesh_core.planner.cluster import Pod

_Label = tuple[str, str]


class PodIndex:
    """The pods that have a node."""

    def __init__(self, pods: Iterable[Pod]) -> None:
        self._spaces: dict[str, list[Pod]] = defaultdict(list)
        self._labelled: dict[tuple[str, _Label], list[Pod]] = defaultdict(list)
        self._found: dict[tuple[str, frozenset[_Label]], tuple[Pod, ...]] = {}
        for pod in pods:
            if pod.node:
                self._spaces[pod.namespace].append(pod)
                for label in pod.labels.items():
                    self._labelled[pod.namespace, label].append(pod)

    def matching(self, namespace: str, labels: Mapping[str, str]) -> tuple[Pod, ...]:
        """Return the namespace's pods with these labels, oldest first."""
        selector = namespace, frozenset(labels.items())
        found = self._found.get(selector)
        if found is None:
            found = self._found[selector] = self._search(*selector)
        return found

    def _search(self, namespace: str, wanted: frozenset[_Label]) -> tuple[Pod, ...]:
        buckets = [self._labelled.get((namespace, label), []) for label in wanted]
        found = min(buckets, key=len) if buckets else self._spaces.get(namespace, [])
        for key, value in wanted if len(buckets) > 1 else ():
            found = [pod for pod in found if pod.labels.get(key) == value]
        return tuple(sorted(found, key=_age))

    def mounted_by_node(self) -> dict[str, list[str]]:
        """Return the uids of the pods that mount our volume, by node, sorted."""
        found: dict[str, list[str]] = defaultdict(list)
        for pods in self._spaces.values():
            for pod in pods:
                if pod.mounted:
                    found[pod.node].append(pod.uid)
        return {node: sorted(uids) for node, uids in found.items()}


def _age(pod: Pod) -> tuple[str, str, str]:
    return pod.created, pod.name, pod.uid
