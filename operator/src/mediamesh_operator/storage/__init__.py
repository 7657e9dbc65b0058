"""The API server: the only place that knows the Kubernetes client, and what our requests look like.

Objects go in and out as plain mappings, as the API has them. Everything else of the operator sees the small classes
here (a `LeaseStore`, a `TokenReviews`, …) and the errors of `mediamesh_operator.errors`, so that the client can be
replaced, and a decision can be tested without one.
"""

from mediamesh_operator.storage.api import Api, connected
from mediamesh_operator.storage.authority import AuthorityStore
from mediamesh_operator.storage.kinds import KindStore
from mediamesh_operator.storage.leases import LeaseStore
from mediamesh_operator.storage.records import EventStore
from mediamesh_operator.storage.reviews import TokenReviews

__all__ = [
    "Api",
    "AuthorityStore",
    "EventStore",
    "KindStore",
    "LeaseStore",
    "TokenReviews",
    "connected",
]
