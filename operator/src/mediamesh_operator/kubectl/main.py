"""The program: `kubectl mediamesh tree | top | trace NAME | dump`."""

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from mediamesh_operator.errors import OperatorError
from mediamesh_operator.kubectl.bundle import documents, pack
from mediamesh_operator.kubectl.client import Kubectl, KubectlFailed, scope
from mediamesh_operator.kubectl.reading import first_obstacle, status_of
from mediamesh_operator.kubectl.rows import Look, look, rows
from mediamesh_operator.kubectl.trace import trace
from mediamesh_operator.kubectl.tree import tree

_EXAMPLES = """examples:
  kubectl mediamesh tree -A                 every connection, its endpoints, where they are
  kubectl mediamesh trace cam1 -n studio    why is it not Ready?  (status 1 if it is not)
  kubectl mediamesh top                     live rates of all endpoints of all nodes
  kubectl mediamesh dump                    everything that support needs, without secrets
"""
_HEADER = ("CONNECTION", "ENDPOINT", "", "NODE", "FRAMES/S", "MBIT/S", "DROPPED/S", "QUEUE%")
_CLEAR = "\x1b[H\x1b[2J"
_SHORTEST, _LONGEST = 0.1, 3600.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    given = _parser().parse_args(arguments)
    kubectl = Kubectl(
        tuple(f"--{name}={value}" for name in ("context", "kubeconfig") if (value := getattr(given, name)))
    )
    command: Callable[[Kubectl, argparse.Namespace], int] = given.command
    try:
        with contextlib.suppress(KeyboardInterrupt):
            return command(kubectl, given)
    except OperatorError as error:
        print(f"kubectl mediamesh: {error}", file=sys.stderr)
        return 1
    return 130


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--context", help="of the kubeconfig")
    common.add_argument("--kubeconfig", help="file to use instead of kubectl's usual one")
    scoped = argparse.ArgumentParser(add_help=False, parents=[common])
    scoped.add_argument("-n", "--namespace", help="of the connections; kubectl's current one if left out")
    parser = argparse.ArgumentParser(
        prog="kubectl mediamesh",
        description=__doc__.splitlines()[0],
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("tree", parents=[scoped], help="connections, their endpoints, where they are")
    one.add_argument("-A", "--all-namespaces", action="store_true")
    one.set_defaults(command=_tree)
    one = commands.add_parser("trace", parents=[scoped], help="why is it not Ready, in plain words")
    one.add_argument("name")
    one.set_defaults(command=_trace)
    one = commands.add_parser("top", parents=[common], help="live rates")
    one.add_argument("-n", "--namespace", default="", help="only connections of this one")
    one.add_argument("--once", action="store_true", help="print one table and end")
    one.add_argument("--interval", type=_seconds, default=2.0, metavar="SECONDS", help="between two tables")
    one.set_defaults(command=_top)
    one = commands.add_parser("dump", parents=[common], help="a support bundle without secrets")
    one.add_argument("-o", "--output", type=Path, help="mediamesh-DATE.tar.gz if left out")
    one.set_defaults(command=_dump)
    return parser


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not _SHORTEST <= value <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from {_SHORTEST} to {_LONGEST:.0f}")
    return value


def _tree(kubectl: Kubectl, given: argparse.Namespace) -> int:
    lines = list(tree(kubectl.all("mediaconnections", *scope(given.namespace, everywhere=given.all_namespaces))))
    print("\n".join(lines) or "no connections here; -A looks in all namespaces")
    return 0


def _trace(kubectl: Kubectl, given: argparse.Namespace) -> int:
    body = kubectl.one("mediaconnection", given.name, *scope(given.namespace, everywhere=False))
    print("\n".join(trace(body, kubectl.all("medianodes"))))
    status = status_of(body)
    return 0 if status.conditions and first_obstacle(status) is None else 1


def _top(kubectl: Kubectl, given: argparse.Namespace) -> int:
    before, _ = _looks(kubectl)
    while True:
        time.sleep(given.interval)
        after, problems = _looks(kubectl)
        table = [row for node, now in sorted(after.items()) if node in before for row in rows(node, before[node], now)]
        shown = [tuple(map(_cell, row)) for row in table if str(row[0]).startswith(_prefix(given.namespace))]
        lines = "\n".join(_aligned([_HEADER, *shown]))
        print(lines if given.once or not sys.stdout.isatty() else _CLEAR + lines, flush=True)
        print(*problems, sep="\n", end="\n" * bool(problems), file=sys.stderr, flush=True)
        if given.once:
            return 0
        before = after


def _looks(kubectl: Kubectl) -> tuple[dict[str, Look], list[str]]:
    """Look at every node; return as well what is to be said of those that cannot be asked."""
    looks: dict[str, Look] = {}
    problems = []
    for pod in kubectl.node_pods():
        node = pod["spec"]["nodeName"]
        try:
            looks[node] = look(kubectl.metrics(pod), time.monotonic())
        except KubectlFailed as error:
            problems.append(f"kubectl mediamesh: node {node} cannot be asked: {error}")
    if not looks and not problems:
        raise KubectlFailed("no pod of a node runs: see kubectl get pods -A -l app.kubernetes.io/component=node")
    return looks, problems


def _prefix(namespace: str) -> str:
    return f"{namespace}/" if namespace else ""


def _cell(value: str | float) -> str:
    """Return what is shown; names are a node's word, and may have in them what a terminal obeys."""
    if isinstance(value, str):
        return "".join(each if each.isprintable() else "?" for each in value)
    return f"{value:.1f}"


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


def _dump(kubectl: Kubectl, given: argparse.Namespace) -> int:
    name = time.strftime("mediamesh-%Y%m%d-%H%M%S")
    path: Path = given.output or Path(f"{name}.tar.gz")
    try:
        path.write_bytes(pack(documents(kubectl), name, int(time.time())))
    except OSError as error:
        print(f"kubectl mediamesh: {path} cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    print(path)
    return 0
