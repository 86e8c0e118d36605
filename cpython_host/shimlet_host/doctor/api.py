"""Asks a running full node over its web API.

In: its URL, and its token if there is one. Out: decoded JSON, or ApiError with a sentence. Called
by `gather`, by pairing, and by the commands of cli/.
"""

from __future__ import annotations

import base64
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from shimlet.identity import decode_key

from shimlet_host.model import HostError

DEFAULT_URL = "http://127.0.0.1:8080"
TIMEOUT_S = 10.0
SILENCE_S = 40.0  # of a stream of events, which says something every 15 s
PEERS = "/manualpeering/peers"
# A proxy of the environment has no business between an operator and the node: it knows no way to
# loopback, and would read the token.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ApiError(HostError):
    """The node cannot be asked, or refused; the text is a sentence."""


class NodeApiClient:
    """A full node by its web API. `url` as "http://127.0.0.1:8080"."""

    def __init__(self, url: str = DEFAULT_URL, token: str = "") -> None:
        self.url = url.rstrip("/")
        self._token = token
        if not self.url.startswith(("http://", "https://")):
            raise ApiError(f"{url} is no URL of a web API: write one like {DEFAULT_URL}.")

    def info(self) -> dict[str, Any]:
        """Who and where the node is."""
        return _dict(self._ask("GET", "/info"))

    def peers(self) -> list[dict[str, Any]]:
        """Its known peers."""
        return _dicts(self._ask("GET", PEERS))

    def pending(self) -> list[dict[str, Any]]:
        """Who called and is not listed."""
        return _dicts(self._ask("GET", "/manualpeering/pending"))

    def messages(self, limit: int) -> list[dict[str, Any]]:
        """The newest messages, newest first."""
        return _dicts(self._ask("GET", f"/messages?limit={limit}"))

    def add_peer(self, public_key: str, address: str, **what: object) -> None:
        """List a peer, or give it a new address; `what` as in mark_peer."""
        self._ask("POST", PEERS, [{"publicKey": public_key, "address": address, **what}])

    def remove_peer(self, public_key: str) -> None:
        """Take a peer off the list."""
        self._ask("DELETE", PEERS, [{"publicKey": public_key}])

    def mark_peer(self, public_key: str, **what: object) -> None:
        """Give a known peer an `alias`, or switch it: `enabled`."""
        self._ask("PATCH", PEERS, [{"publicKey": public_key, **what}])

    def neighbors(self) -> dict[str, list[dict[str, Any]]]:
        """What autopeering has found: "known", "chosen", "accepted"."""
        answer = self._ask("GET", "/autopeering/neighbors?known=1")
        if not isinstance(answer, dict):
            raise ApiError(self._strange())
        return {name: _dicts(answer.get(name)) for name in ("known", "chosen", "accepted")}

    def publish(self, text: str) -> None:
        """Send a message to all neighbors."""
        self._ask("POST", "/messages", {"payload": text})

    def publish_bytes(self, data: bytes) -> str:
        """Send a message of any bytes; its id."""
        payload = base64.b64encode(data).decode("ascii")
        answer = self._ask("POST", "/messages", {"payloadBase64": payload})
        return str(answer.get("id")) if isinstance(answer, dict) else ""

    def events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Kind and record of each event from now on, until the node ends."""
        with self._in_sentences(), self._open("GET", "/events", None, SILENCE_S) as answer:
            kind = ""
            for line in answer:
                text = line.decode("utf-8", "replace").rstrip("\r\n")
                if text.startswith("event: "):
                    kind = text.removeprefix("event: ")
                elif text.startswith("data: "):
                    yield kind, json.loads(text.removeprefix("data: "))

    def _ask(self, method: str, path: str, body: object = None) -> object:
        with self._in_sentences(), self._open(method, path, body, TIMEOUT_S) as answer:
            content = answer.read()
            return json.loads(content) if content else None

    def _open(self, method: str, path: str, body: object, timeout_s: float) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        return _OPENER.open(request, timeout=timeout_s)

    @contextmanager
    def _in_sentences(self) -> Iterator[None]:
        try:
            yield
        except urllib.error.HTTPError as error:
            raise ApiError(f"The full node at {self.url} refused: {_reason(error)}") from None
        except (OSError, http.client.HTTPException) as error:
            raise ApiError(self._absent(error)) from None
        except ValueError:
            raise ApiError(self._strange()) from None

    def _absent(self, error: Exception) -> str:
        why = getattr(error, "reason", error)
        return (
            f"No full node answers at {self.url} ({why}). Start one (`shimlet run`), or name its"
            " web API by --api."
        )

    def _strange(self) -> str:
        return f"What answers at {self.url} is no web API of a full node: name it by --api."


def _reason(error: urllib.error.HTTPError) -> str:
    """The sentence of the node's error, or the status; and where a token goes, here."""
    here = " Give it by --token or SHIMLET_TOKEN." if error.code == 401 else ""
    try:
        return str(json.loads(error.read())["error"]) + here
    except (OSError, ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}."


def _dict(answer: object) -> dict[str, Any]:
    try:
        assert isinstance(answer, dict)
        decode_key(answer["publicKey"])
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError):
        raise ApiError("The answer of the web API is not that of a full node.") from None
    return answer


def _dicts(answer: object) -> list[dict[str, Any]]:
    if not isinstance(answer, list):
        raise ApiError("The answer of the web API is not that of a full node.")
    return [each for each in answer if isinstance(each, dict)]
