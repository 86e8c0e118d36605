"""The OpenAPI document: what the routes say of themselves, and what is true of all of them.

In: the app with its routes, and who may do what. Out: the document at /openapi.json, which /docs
shows. The refusals that limits.py and callers.py add to every route stand here once, each with an
example; so does which secret a request needs, which depends on how this node listens. Made when
somebody asks for it first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from shimlet_host.web.access import Access
from shimlet_host.web.callers import WRONG_SECRET
from shimlet_host.web.errors import OWN_FAULT
from shimlet_host.web.examples import ANSWERS, REQUESTS
from shimlet_host.web.shapes import ErrorShape

DESCRIPTION = """
Keys and ids are base58, times are unix seconds, bodies are JSON of whatever content type.

Every refusal has the form `{"error": "<a sentence>"}`. Beside those that stand at the operations
there are 404 for a path that does not exist, and 405 for a method that a path does not take, with
an `Allow` header.

On loopback nothing needs a secret. Beyond it every change needs the node's token, which is in
`webapi.token` of its data folder; with `webapi.basicAuth` everything but the health checks does.
"""

TAGS = {
    "manual peering": "The peers that the operator lists. Two nodes are linked when each lists the"
    " other.",
    "autopeering": "The neighbors that the node finds by itself.",
    "messages": "What is gossiped.",
    "node": "The node itself, for people, programs and whoever supervises it.",
}

# Status: what it means, and an example of its sentence.
_REFUSALS = {
    400: (
        "The request is not right; nothing was changed.",
        "Nothing was changed: entry 0: publicKey is missing.",
    ),
    401: (
        "The token or the password is missing or wrong.",
        WRONG_SECRET,
    ),
    403: (
        "A web page of another site, or a domain name that is not in `webapi.hosts`.",
        "A web page of another site may not use this API.",
    ),
    408: ("The body did not come to its end.", "The body was not complete after 10 seconds."),
    413: (
        "The body is larger than 1 MiB.",
        "The body is too large; at most 1048576 bytes are taken.",
    ),
    429: (
        "Too many requests from elsewhere, or too many wrong passwords.",
        "Too many requests from this address.",
    ),
    500: (
        "A fault of the node or of its disk.",
        OWN_FAULT,
    ),
    503: (
        "The node cannot do this now.",
        "The clock of this machine is not set: set it, then peers can be linked.",
    ),
}
_ALWAYS = (403, 429, 500, 503)
_WITH_BODY = (408, 413)

_SECRETS = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "The node's token: the file `webapi.token` in its data folder.",
    },
    "password": {
        "type": "http",
        "scheme": "basic",
        "description": "The name and password of `webapi.basicAuth`; or the token as the password"
        " of any name.",
    },
}


def operation_id(route: APIRoute) -> str:
    """add_peers becomes addPeers."""
    first, *rest = route.name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def install_document(app: FastAPI, access: Access) -> None:
    """Lets the app tell all of it."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            _complete(plain(), access)
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(document: dict[str, Any], access: Access) -> None:
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["ErrorShape"] = ErrorShape.model_json_schema()
    components["responses"] = {_name(status): _refusal(status) for status in _REFUSALS}
    components["securitySchemes"] = _SECRETS
    for path, method, operation in _operations(document):
        needs_secret = access.needed(method.upper(), path)
        if needs_secret:
            operation["security"] = [{name: []} for name in _SECRETS]
        for status in sorted(_statuses(operation, needs_secret)):
            reference = {"$ref": f"#/components/responses/{_name(status)}"}
            operation["responses"].setdefault(str(status), reference)
        _show_examples(operation)


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _statuses(operation: dict[str, Any], needs_secret: bool) -> set[int]:
    """The refusals that this operation can really answer."""
    statuses = {*_ALWAYS}
    if needs_secret:
        statuses.add(401)
    if "requestBody" in operation:
        statuses.update(_WITH_BODY)
    if "requestBody" in operation or "parameters" in operation:
        statuses.add(400)
    return statuses


def _show_examples(operation: dict[str, Any]) -> None:
    name = operation["operationId"]
    if name in REQUESTS:
        operation["requestBody"]["content"]["application/json"]["example"] = REQUESTS[name]
    for status, answer in operation["responses"].items():
        if status.startswith("2") and name in ANSWERS:
            for content in answer["content"].values():
                content["example"] = ANSWERS[name]


def _name(status: int) -> str:
    return f"Refusal{status}"


def _refusal(status: int) -> dict[str, Any]:
    meaning, sentence = _REFUSALS[status]
    schema = {"$ref": "#/components/schemas/ErrorShape"}
    content = {"schema": schema, "example": {"error": sentence}}
    return {"description": meaning, "content": {"application/json": content}}
