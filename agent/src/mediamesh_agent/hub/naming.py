"""Which connection a client means.

A full name is "namespace/name". A pod writes the bare name, as it would for a Service of its own namespace; but the
hub does not know namespaces of pods, only which endpoints the plan gives to a pod's folder. So a bare name is the
connection of that name that has an endpoint for the folder the client came through, and "default/name" where there is
none, as on a machine without pods.
"""

from collections.abc import Iterable

from mediamesh_agent.hub.errors import Refused
from mediamesh_protos import plan_pb2


def full_name(connection: str, folder: str, plans: Iterable[plan_pb2.FlowPlan]) -> str:
    """Return "namespace/name".

    Raises
    ------
    Refused
        NoSuchConnection: there is nothing of that name for the pod. AmbiguousConnection: connections of several
        namespaces have that name and an endpoint for this client.
    """
    if "/" in connection:
        return connection
    default, known = f"default/{connection}", list(plans)
    given = sorted(plan.connection for plan in known if _is_called(plan, connection) and _has_endpoint(plan, folder))
    if len(given) == 1:
        return given[0]
    if default in given or not folder or any(plan.connection == default for plan in known):
        return default
    if given:
        text = f"there are several connections {connection!r} for you; name one of them in full: {', '.join(given)}"
        raise Refused("AmbiguousConnection", text)
    text = f"there is no connection {connection[:200]!r} for this pod on its node (yet)"
    raise Refused("NoSuchConnection", text, transient=True)


def _is_called(plan: plan_pb2.FlowPlan, name: str) -> bool:
    return plan.connection.partition("/")[2] == name


def _has_endpoint(plan: plan_pb2.FlowPlan, folder: str) -> bool:
    endpoints = (plan.source.endpoint, *(sink.endpoint for sink in plan.sinks))
    return any(endpoint.kind == "pod" and folder in endpoint.folders for endpoint in endpoints)
