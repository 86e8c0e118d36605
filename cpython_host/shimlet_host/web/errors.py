"""The one error model of the web API: every refusal is {"error": "<sentence>"}.

In: what went wrong, as an exception. Out: a JSON answer with status 400, 401, 403, 404, 405, 408,
413, 429, 500 or 503. Nothing about our code reaches the client; `limits.py` logs what was our
fault.
"""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from shimlet_host.events import TooManyListeners
from shimlet_host.model import MessageError, PeerError, StoreError

_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
OWN_FAULT = "The node failed to answer this; its log says why."


class BadRequest(Exception):
    """The request is not what the API takes; the text is a sentence for the caller."""


class NotReady(Exception):
    """The node cannot do its work now; the text is a sentence."""


def error_answer(
    status: int, sentence: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    """The only form in which the API says no."""
    return JSONResponse({"error": sentence}, status_code=status, headers=headers)


def install_error_model(app: FastAPI) -> None:
    """Turns the exceptions that routes raise into answers."""
    for kind in (BadRequest, PeerError, MessageError):
        app.add_exception_handler(kind, _bad_request)
    app.add_exception_handler(StoreError, _store_failed)
    app.add_exception_handler(TooManyListeners, _unavailable)
    app.add_exception_handler(NotReady, _unavailable)
    app.add_exception_handler(HTTPException, _no_such_route)


def _bad_request(request: Request, error: Exception) -> JSONResponse:
    return error_answer(400, str(error))


def _store_failed(request: Request, error: Exception) -> JSONResponse:
    return error_answer(500, str(error))


def _unavailable(request: Request, error: Exception) -> JSONResponse:
    return error_answer(503, str(error))


def _no_such_route(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    path = request.scope["path"]
    if error.status_code == 404:
        return error_answer(404, f"There is nothing at {path}; see /docs.", headers)
    if error.status_code == 405:
        allowed = ", ".join(_methods_of(request))
        sentence = f"{path} takes {allowed}, not {request.method}."
        return error_answer(405, sentence, {"Allow": allowed})
    return error_answer(error.status_code, str(error.detail), headers)


def _methods_of(request: Request) -> list[str]:
    """What this path takes: the router itself names the methods of its first route alone."""
    return [method for method in _METHODS if _is_taken(request, method)]


def _is_taken(request: Request, method: str) -> bool:
    scope = {**request.scope, "method": method}
    return any(route.matches(scope)[0] == Match.FULL for route in request.app.routes)
