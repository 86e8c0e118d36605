"""The one error model of the web API: every refusal is {"error": "<sentence>"}.

In: what went wrong, as an exception. Out: a JSON answer with status 400, 403, 404, 405, 408, 413,
500 or 503. Nothing about our code reaches the client; `limits.py` logs what was our fault.
"""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from shimlet_host.events import TooManyListeners
from shimlet_host.model import MessageError, PeerError, StoreError

OWN_FAULT = "The node failed to answer this; its log says why."


class BadRequest(Exception):
    """The request is not what the API takes; the text is a sentence for the caller."""


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
    app.add_exception_handler(TooManyListeners, _too_many)
    app.add_exception_handler(HTTPException, _no_such_route)


def _bad_request(request: Request, error: Exception) -> JSONResponse:
    return error_answer(400, str(error))


def _store_failed(request: Request, error: Exception) -> JSONResponse:
    return error_answer(500, str(error))


def _too_many(request: Request, error: Exception) -> JSONResponse:
    return error_answer(503, str(error))


def _no_such_route(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    path = request.url.path
    if error.status_code == 404:
        return error_answer(404, f"There is nothing at {path}; see /docs.", headers)
    if error.status_code == 405:
        allowed = headers.get("Allow") or headers.get("allow") or "other methods"
        return error_answer(405, f"{path} takes {allowed}, not {request.method}.", headers)
    return error_answer(error.status_code, str(error.detail), headers)
