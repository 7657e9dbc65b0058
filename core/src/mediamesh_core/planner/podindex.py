"""Pods by namespace and label, so that a selector finds its own without looking at all.

A selector looks at the smallest of its labels' buckets, once however many endpoints have it. So the work is linear
as long as one label of each selector is selective, which is what labels are for.

The index is kept from one plan to the next: pods that are the same stay where they are, and an answer holds as long as
the bucket that it was taken from does. An answer that nobody asked for in the last plan is forgotten.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from mediamesh_core.planner.cluster import Pod

_Bucket = tuple[str, str, str]
"""A namespace, and a label and its value; every pod has the label "" too."""
Selector = tuple[_Bucket, ...]
"""The buckets that a pod has to be in, at least one."""
_Answer = tuple[_Bucket, tuple[Pod, ...]]
"""Which bucket the pods were taken from, and they."""


def selector(namespace: str, labels: Mapping[str, str]) -> Selector:
    """Return what `PodIndex.found` is asked."""
    return tuple([(namespace, key, value) for key, value in labels.items()]) or ((namespace, "", ""),)


class PodIndex:
    """The pods that have a node."""

    def __init__(self) -> None:
        self._pods: dict[str, Pod] = {}
        self._buckets: defaultdict[_Bucket, list[Pod]] = defaultdict(list)
        self._mounted: defaultdict[str, set[str]] = defaultdict(set)
        self._touched: set[_Bucket] = set()
        self._before: dict[Selector, _Answer] = {}
        self._answers: dict[Selector, _Answer] = {}

    def renew(self, pods: Iterable[Pod]) -> None:
        """Have these pods and no others; uids are unique."""
        before, self._pods = self._pods, {pod.uid: pod for pod in pods if pod.node}
        gone, new = _other(before, self._pods), _other(self._pods, before)
        self._before, self._answers = self._answers, {}
        self._touched = set(_buckets_of(gone + new)) if self._before else set()
        self._remove(gone)
        self._add(new)

    def found(self, asked: Selector) -> tuple[Pod, ...]:
        """Return the namespace's pods with these labels, oldest first."""
        answer = self._answers.get(asked)
        if answer is None:
            answer = self._before.get(asked)
            if answer is None or answer[0] in self._touched:
                answer = self._search(asked)
            self._answers[asked] = answer
        return answer[1]

    def mounted_on(self, node: str) -> tuple[str, ...]:
        """Return the uids of a node's pods that mount our volume, sorted."""
        return tuple(sorted(self._mounted.get(node, ())))

    def _search(self, asked: Selector) -> _Answer:
        bucket = min(asked, key=self._size)
        found = self._buckets.get(bucket, [])
        for other in asked:
            if other is not bucket:
                _, key, value = other
                found = [pod for pod in found if pod.labels.get(key) == value]
        return bucket, tuple(sorted(found, key=_age))

    def _size(self, bucket: _Bucket) -> int:
        return len(self._buckets.get(bucket, ()))

    def _add(self, pods: Iterable[Pod]) -> None:
        buckets = self._buckets
        for pod in pods:
            namespace = pod.namespace
            buckets[namespace, "", ""].append(pod)
            for key, value in pod.labels.items():
                buckets[namespace, key, value].append(pod)
            if pod.mounted:
                self._mounted[pod.node].add(pod.uid)

    def _remove(self, pods: Collection[Pod]) -> None:
        gone = {pod.uid for pod in pods}
        for bucket in set(_buckets_of(pods)):
            if left := [pod for pod in self._buckets.pop(bucket) if pod.uid not in gone]:
                self._buckets[bucket] = left
        for pod in pods:
            self._mounted[pod.node].discard(pod.uid)


def _other(pods: Mapping[str, Pod], than: Mapping[str, Pod]) -> list[Pod]:
    """Return the pods that are not there, or are others."""
    if not than:
        return [*pods.values()]
    return [pod for uid, pod in pods.items() if (other := than.get(uid)) is not pod and other != pod]


def _buckets_of(pods: Iterable[Pod]) -> Iterator[_Bucket]:
    for pod in pods:
        yield pod.namespace, "", ""
        yield from ((pod.namespace, key, value) for key, value in pod.labels.items())


def _age(pod: Pod) -> tuple[str, str, str]:
    return pod.created, pod.name, pod.uid
