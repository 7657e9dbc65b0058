"""A planner that plans again and again says what one says that has never planned before, whatever has happened."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar

from hypothesis import given
from hypothesis import strategies as st
from test_core_planner_properties import CONNECTIONS, NODES, OBSERVED, PODS, connection

from mediamesh_core.kinds import MediaConnection
from mediamesh_core.planner import Node, Observed, Planner, Pod, plan
from mediamesh_core.planner.podindex import PodIndex, selector

T = TypeVar("T")
State = tuple[list[MediaConnection], list[Node], list[Pod], Observed]


def key(one: Any) -> str:
    return str(getattr(one, "full_name", "") or getattr(one, "uid", "") or one.name)


def mixed(before: Iterable[T], now: Iterable[T], draw: st.DrawFn) -> list[T]:
    """Return some of what was there, as the same objects, and some of what is new in its place."""
    found = {key(one): one for one in before if draw(st.booleans())}
    return [*({key(one): one for one in now} | found).values()]


@st.composite
def histories(draw: st.DrawFn) -> list[State]:
    states: list[State] = [([], [], [], Observed())]
    for _ in range(draw(st.integers(1, 6))):
        connections, nodes, pods, _ = states[-1]
        kept = draw(st.sampled_from(["all", "connections", "nodes", "pods"]))
        states.append(
            (
                connections if kept == "connections" else mixed(connections, draw(CONNECTIONS), draw),
                nodes if kept == "nodes" else mixed(nodes, draw(NODES), draw),
                pods if kept == "pods" else mixed(pods, draw(PODS), draw),
                draw(OBSERVED),
            )
        )
    return states


@given(histories())
def test_it_says_what_a_planner_says_that_has_no_past(history: list[State]) -> None:
    planner = Planner()
    for state in history:
        assert planner.plan(*state) == plan(*state)


@given(st.lists(PODS, max_size=5), st.lists(st.sampled_from(["x", "y"]), max_size=2))
def test_an_index_with_a_past_finds_what_a_fresh_one_finds(history: list[list[Pod]], values: list[str]) -> None:
    asked, kept = selector("red", dict(zip(["app", "tier"], values, strict=False))), PodIndex()
    for pods in history:
        fresh = PodIndex()
        for index in (kept, fresh):
            index.renew(pods)
        assert kept.found(asked) == fresh.found(asked)
        assert [kept.mounted_on(name) for name in ("n1", "n2")] == [fresh.mounted_on(name) for name in ("n1", "n2")]


def world() -> State:
    """Return four connections, each from a pod of its own to a pod of its own, on two nodes."""
    connections, pods = [], []
    for number in range(4):
        labels = [{"app": f"{role}{number}"} for role in ("camera", "wall")]
        ends = [{"pod": {"matchLabels": each}} for each in labels]
        connections.append(connection(number, "red", ends[0], [ends[1]], "2026-01-01T00:00:00Z"))
        pods += [Pod(f"u{each['app']}", "red", f"n{number % 2}", each, name=each["app"]) for each in labels]
    return connections, [Node("n0"), Node("n1")], pods, Observed()


def remade(planner: Planner, before: State, now: State) -> set[str]:
    """Return the connections that were planned anew."""
    old, new = planner.plan(*before).verdicts, planner.plan(*now).verdicts
    return {name for name in new if new[name] is not old.get(name)}


def test_without_a_change_nothing_is_planned_anew() -> None:
    assert remade(Planner(), world(), world()) == {f"red/c{number}" for number in range(4)}
    state = world()
    assert remade(Planner(), state, state) == set()


def test_a_change_costs_only_those_who_look_at_it() -> None:
    connections, nodes, pods, observed = before = world()
    unready = [replace(pod, ready=False) if pod.name == "camera1" else pod for pod in pods]
    assert remade(Planner(), before, (connections, nodes, unready, observed)) == {"red/c1"}
    assert remade(Planner(), before, (connections, nodes, pods[:-1], observed)) == {"red/c3"}
    alone = [nodes[0], replace(nodes[1], ready=False)]
    assert remade(Planner(), before, (connections, alone, pods, observed)) == {"red/c1", "red/c3"}
    other = [connections[0].model_copy(), *connections[1:]]
    assert remade(Planner(), before, (other, nodes, pods, observed)) == {"red/c0"}
    moved = Observed(placed={"red/c2": "n1"})
    assert remade(Planner(), before, (connections, nodes, pods, moved)) == {"red/c2"}
    more = [*nodes, Node("n2")]
    assert remade(Planner(), before, (connections, more, pods, observed)) == set()
