"""The value types of the settings: each turns what a person wrote into what the node uses.

In: a value from the config file (any JSON), or text from the environment or `--set`. Out: a typed
value; else ValueError with a sentence, to which the description of the key in `schema` adds the
remedy.
"""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator, Field
from shimlet.identity import decode_key, format_address, parse_address

from shimlet_host.config.durations import parse_duration
from shimlet_host.config.peers import PeerEntry, parse_peers, parse_peers_text, show
from shimlet_host.config.seeds import parse_seed


class Address(NamedTuple):
    """A host and a port to listen on; port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return format_address(self.host, self.port)


class EntryNode(NamedTuple):
    """A node that discovery starts from."""

    public_key: bytes
    address: str


def bind_address(value: object) -> Address:
    """`host:port`, also `:port` for all interfaces, and port 0."""
    if isinstance(value, Address):
        return value
    text = _text(value)
    if text.startswith(":"):
        text = "0.0.0.0" + text
    if text.endswith(":0"):  # refused by parse_address, which is about addresses to dial
        return Address(parse_address(text[:-1] + "1")[0], 0)
    return Address(*parse_address(text))


def _numeric_address(value: object) -> str:
    text = _text(value)
    host, _ = parse_address(text)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f"{show(host)} is a name, but a handshake carries a numeric IP") from None
    return text


def _external_address(value: object) -> str:
    text = _text(value)
    if text.lower() == "auto":
        return "auto"
    try:
        ip = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        raise ValueError("this is neither an IP address nor auto") from None
    if ip.is_unspecified or ip.is_multicast:
        raise ValueError("this is not the address of one machine")
    return str(ip)


def entry_node(value: object) -> EntryNode:
    """`<base58 public key>@host:port`."""
    if isinstance(value, EntryNode):
        return value
    key, at, address = _text(value).partition("@")
    if not at:
        raise ValueError("an entry node is written <base58 public key>@host:port")
    parse_address(address)
    return EntryNode(decode_key(key), address)


def _known_peers(value: object) -> tuple[PeerEntry, ...]:
    return tuple(parse_peers_text(value) if isinstance(value, str) else parse_peers(value))


def list_of(value: object) -> object:
    """Text from the environment is a JSON list, or items with commas between them."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [item.strip() for item in value.split(",") if item.strip()]


def _theta(value: object) -> float | None:
    if isinstance(value, str) and value.strip().lower() == "auto":
        return None
    theta = _as_float(value)
    if not 0 < theta <= 1:
        raise ValueError(f"theta is {theta}, which is not above 0 and at most 1")
    return theta


def is_url(text: str) -> bool:
    """Whether this source of mana is a node's web API, and not a file."""
    return text.lower().startswith(("http://", "https://"))


def _mana_source(value: object) -> str | None:
    text = _text(value)
    if not text:
        raise ValueError("this is empty")
    return None if text.lower() == "none" else text


def _as_float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("this is not a number")
    try:
        return float(value)
    except ValueError:
        raise ValueError("this is not a number") from None


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("this is not a number")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("this must be text")
    return value.strip()


def _lower(value: object) -> str:
    return _text(value).lower()


def _level(value: object) -> str:
    level = _lower(value)
    return {"warn": "warning", "fatal": "critical", "panic": "critical"}.get(level, level)


Bind = Annotated[Address, BeforeValidator(bind_address)]
NumericAddresses = Annotated[
    tuple[Annotated[str, BeforeValidator(_numeric_address)], ...], BeforeValidator(list_of)
]
Names = Annotated[tuple[Annotated[str, BeforeValidator(_lower)], ...], BeforeValidator(list_of)]
EntryNodes = Annotated[
    tuple[Annotated[EntryNode, BeforeValidator(entry_node)], ...], BeforeValidator(list_of)
]
KnownPeers = Annotated[tuple[PeerEntry, ...], BeforeValidator(_known_peers)]
ExternalAddress = Annotated[str, BeforeValidator(_external_address)]
Seed = Annotated[bytes, BeforeValidator(parse_seed)]
Seconds = Annotated[float, BeforeValidator(parse_duration)]
Theta = Annotated[float | None, BeforeValidator(_theta)]
ManaSource = Annotated[str | None, BeforeValidator(_mana_source)]
Folder = Annotated[Path, BeforeValidator(_text)]
Int = Annotated[int, BeforeValidator(_no_bool)]
U32 = Annotated[int, BeforeValidator(_no_bool), Field(ge=0, le=2**32 - 1)]
Float = Annotated[float, BeforeValidator(_as_float)]
Word = BeforeValidator(_lower)
Level = BeforeValidator(_level)
