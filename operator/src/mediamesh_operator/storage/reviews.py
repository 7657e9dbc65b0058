"""TokenReview: the API server says whose a token is."""

from collections.abc import Mapping
from typing import Any

from mediamesh_operator.storage.api import Api

_PATH = "/apis/authentication.k8s.io/v1/tokenreviews"


class TokenReviews:
    """Reviews of tokens."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def review(self, token: str, audience: str) -> Mapping[str, Any]:
        """Return the `status` of the review of `token` for `audience`."""
        spec = {"token": token, "audiences": [audience]}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
        answer = await self._api.request("POST", _PATH, body=body)
        status: Mapping[str, Any] = answer.get("status") or {}
        return status
