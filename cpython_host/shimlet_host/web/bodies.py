"""From a request to what the node takes: every mistake becomes one sentence.

In: the request's JSON body and query. Out: keys, addresses, bytes and numbers; else BadRequest.
The content type is not looked at: existing clients differ there.
"""

from __future__ import annotations

import base64
import binascii
import json

from fastapi import Request

from shimlet_host.config.peers import PeerEntry, PeerListError, parse_keys, parse_peers, show
from shimlet_host.marks import parse_marks
from shimlet_host.model import PeerMark
from shimlet_host.web.errors import BadRequest

MAX_ENTRIES = 1000  # as many peers as a node knows
MAX_LISTED_MESSAGES = 1000
DEFAULT_LISTED_MESSAGES = 100


async def peers_of(request: Request) -> list[PeerEntry]:
    """The peers to add: all of them are good."""
    try:
        return parse_peers(await _short_list(request))
    except PeerListError as error:
        raise BadRequest(_sentence(error)) from None


async def keys_of(request: Request) -> list[bytes]:
    """The keys of the peers to remove: all of them are good."""
    try:
        return parse_keys(await _short_list(request))
    except PeerListError as error:
        raise BadRequest(_sentence(error)) from None


async def marks_of(request: Request) -> list[PeerMark]:
    """Names and switches of known peers: all of them are good."""
    try:
        return parse_marks(await _short_list(request))
    except PeerListError as error:
        raise BadRequest(_sentence(error)) from None


async def message_of(request: Request) -> bytes:
    """The message to publish, from one of the two forms of payload."""
    content = await _json(request)
    if not isinstance(content, dict):
        raise BadRequest('The body must be an object like {"payload": "text"}.')
    given = {name for name in ("payload", "payloadBase64") if name in content}
    if len(given) != 1:
        raise BadRequest('Give either "payload" (text) or "payloadBase64", and only one of them.')
    (name,) = given
    value = content[name]
    if not isinstance(value, str):
        raise BadRequest(f"{name} is {show(value)}, but must be text.")
    return _utf8(value) if name == "payload" else _base64(value)


async def only_connected(request: Request) -> bool:
    """The filter of the list of peers, from the query or from the body, if there is one."""
    text = request.query_params.get("onlyConnected")
    if text is not None:
        return _flag("onlyConnected", text)
    if not (await request.body()).strip():
        return False
    content = await _json(request)
    value = content.get("onlyConnected", False) if isinstance(content, dict) else None
    if not isinstance(value, bool):
        raise BadRequest('The body must be an object like {"onlyConnected": true}.')
    return value


def with_known(request: Request) -> bool:
    """Whether the verified peers are wanted beside the neighbors."""
    return _flag("known", request.query_params.get("known", "0"))


def limit_of(request: Request) -> int:
    """How many messages are wanted."""
    text = request.query_params.get("limit", str(DEFAULT_LISTED_MESSAGES))
    if text.isascii() and text.isdecimal() and len(text) < 9:
        limit = int(text)
        if 1 <= limit <= MAX_LISTED_MESSAGES:
            return limit
    raise BadRequest(
        f"limit is {show(text)}, but must be a number from 1 to {MAX_LISTED_MESSAGES}."
    )


async def _short_list(request: Request) -> object:
    content = await _json(request)
    if isinstance(content, list) and len(content) > MAX_ENTRIES:
        raise BadRequest(
            f"Nothing was changed: the list has {len(content)} entries, but at most {MAX_ENTRIES}"
            " are taken at once."
        )
    return content


async def _json(request: Request) -> object:
    body = await request.body()
    if not body.strip():
        raise BadRequest("The body is empty; send JSON.")
    try:
        return json.loads(body)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadRequest(f"The body is not JSON: {where}: {error.msg}.") from None
    except UnicodeDecodeError:
        raise BadRequest("The body is not JSON: it is not UTF-8 text.") from None
    except RecursionError:
        raise BadRequest("The body is nested too deep.") from None
    except ValueError:  # a number of thousands of digits
        raise BadRequest("The body holds a number that is too long.") from None


def _flag(name: str, text: str) -> bool:
    flags = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in flags:
        raise BadRequest(f"{name} is {show(text)}, but must be true or false.")
    return flags[text.lower()]


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can write and UTF-8 cannot
        raise BadRequest("payload is not valid Unicode; use payloadBase64 for bytes.") from None


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("payloadBase64 is not valid base64.") from None


def _sentence(error: PeerListError) -> str:
    text = str(error)
    return f"Nothing was changed: {text.rstrip('.')}."
