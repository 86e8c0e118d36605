"""Where the mana of other nodes comes from: a JSON file, or the web API of an existing node.

In: what `autoPeering.manaSource` says. Out: new figures by public key for the mana rank, None when
there are none, or ManaError with a sentence; the caller then keeps the last good ones. Reading is
done beside the loop, bounded in size and time. Called by auto.py.
"""

from __future__ import annotations

import json
import math
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import Protocol

from shimlet.identity import base58_decode, decode_key

from shimlet_host.background import in_background
from shimlet_host.config.fields import is_url

MAX_BYTES = 16 * 1024 * 1024  # 100,000 nodes and more
MAX_MANA = 2**64 - 1
LONGEST_ID = 44  # characters of 32 bytes in base58
FILE_INTERVAL_S = 1.0  # one look at the file's date
NODE_INTERVAL_S = 60.0
STEP_TIMEOUT_S = 5.0  # of one connect or read
TOTAL_TIMEOUT_S = 30.0
_ROUTE = "/mana/all"

Mana = Mapping[bytes, int]


class ManaError(Exception):
    """There are no new figures; the text is a sentence."""


class ManaSource(Protocol):
    """`interval_s`: how often to read."""

    interval_s: float

    async def read(self) -> Mana | None:
        """All figures, None when they are as before. Raises ManaError."""


def mana_source(text: str | None) -> ManaSource | None:
    """The source that the config names: a URL or a path; None: all nodes are equal."""
    if text is None:
        return None
    if is_url(text):
        return ManaOfNode(text)
    return ManaFile(Path(text))


class ManaFile:
    """A JSON file {"<base58 public key>": <integer>}, read again when it has changed."""

    interval_s = FILE_INTERVAL_S

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None

    async def read(self) -> Mana | None:
        """See ManaSource."""
        return await in_background(self._read, "mana file")

    def _read(self) -> Mana | None:
        try:
            status = os.stat(self._path)
            state = (status.st_mtime_ns, status.st_size, status.st_ino)
            if state == self._seen:
                return None
            with self._path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            self._seen = None
            raise ManaError(f"{self._path} cannot be read: {error.strerror}.") from error
        except ValueError as error:  # a path that no system has
            raise ManaError(f"{str(self._path)!r} cannot be read: {error}.") from error
        self._seen = state
        try:
            return mana_by_key(_parsed(content))
        except ValueError as error:
            raise ManaError(f"{self._path}: {error}.") from None


class ManaOfNode:
    """The consensus mana that an existing node tells under /mana/all."""

    interval_s = NODE_INTERVAL_S

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/").removesuffix(_ROUTE) + _ROUTE

    async def read(self) -> Mana | None:
        """See ManaSource."""
        return await in_background(self._read, "mana of a node")

    def _read(self) -> Mana:
        try:
            return mana_by_node(_parsed(self._fetched()))
        except urllib.error.HTTPError as error:
            raise ManaError(f"{self._url} answers with status {error.code}.") from error
        except (OSError, HTTPException) as error:
            why = getattr(error, "reason", None) or error
            raise ManaError(f"{self._url} cannot be read: {why}.") from error
        except ValueError as error:
            raise ManaError(f"{self._url}: {error}.") from None

    def _fetched(self) -> bytes:
        deadline = time.monotonic() + TOTAL_TIMEOUT_S
        content = b""
        with urllib.request.urlopen(self._url, timeout=STEP_TIMEOUT_S) as answer:
            while piece := answer.read1(1 << 20):
                content += piece
                if len(content) > MAX_BYTES:
                    break
                if time.monotonic() > deadline:
                    raise TimeoutError("it takes too long")
        return content


class ByNode(Mapping[bytes, int]):
    """Mana by public key, where only the hashes of the keys are known."""

    def __init__(self, mana: dict[bytes, int]) -> None:
        self._mana = mana

    def __getitem__(self, public_key: bytes) -> int:
        return self._mana[sha256(public_key).digest()]

    def __iter__(self) -> Iterator[bytes]:
        """The hashes: nobody knows the keys."""
        return iter(self._mana)

    def __len__(self) -> int:
        return len(self._mana)


def mana_by_key(content: object) -> Mana:
    """{public key: mana} from the content of a file. ValueError says what is wrong."""
    if not isinstance(content, dict):
        raise ValueError('this is not an object like {"<base58 public key>": 100}')
    return {_key(text): _whole(mana, text) for text, mana in content.items()}


def mana_by_node(content: object) -> Mana:
    """The consensus mana from the answer of an existing node. ValueError says what is wrong."""
    if not isinstance(content, dict) or "consensus" not in content:
        raise ValueError("this is not the answer of an existing node")
    entries = content["consensus"]
    if entries is None:
        entries = []  # an existing node's empty list
    if not isinstance(entries, list):
        raise ValueError("this is not the answer of an existing node")
    return ByNode(dict(map(_entry, entries)))


def _entry(entry: object) -> tuple[bytes, int]:
    if not isinstance(entry, dict) or not isinstance(entry.get("nodeID"), str):
        raise ValueError("an entry has no nodeID")
    node_id = base58_decode(entry["nodeID"][: LONGEST_ID + 1])
    mana = entry.get("mana")
    if len(node_id) != sha256().digest_size:
        raise ValueError(f"the nodeID {entry['nodeID'][:LONGEST_ID]} has not 32 bytes")
    if isinstance(mana, bool) or not isinstance(mana, (int, float)) or mana != mana:  # NaN
        raise ValueError(f"the mana of {entry['nodeID']} is not a number")
    return node_id, math.floor(min(max(mana, 0), MAX_MANA))


def _key(text: str) -> bytes:
    try:
        return decode_key(text)
    except ValueError as error:
        raise ValueError(f"{text[:60]}: {str(error).rstrip('.')}") from None


def _whole(mana: object, text: str) -> int:
    if isinstance(mana, bool) or not isinstance(mana, int) or not 0 <= mana <= MAX_MANA:
        raise ValueError(f"the mana of {text} is not a whole number from 0 to {MAX_MANA}")
    return mana


def _parsed(content: bytes) -> object:
    if len(content) > MAX_BYTES:
        raise ValueError(f"this is larger than {MAX_BYTES} bytes")
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("this is nested too deep") from None
    except ValueError as error:
        raise ValueError(f"this is not JSON: {error}") from None
