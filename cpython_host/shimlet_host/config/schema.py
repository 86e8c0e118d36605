"""Every setting of a full node: its key, its default, its limits, and how to write it.

In: a dict of sections with the existing nodes' keys. Out: the frozen `Config`, with seconds as
floats and the unit in the name. The description of a field is the remedy that an error shows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator
from shimlet.link import MAX_FRAME

from shimlet_host.config.fields import (
    U32,
    Address,
    Bind,
    EntryNodes,
    ExternalAddress,
    Float,
    Folder,
    Int,
    KnownPeers,
    Level,
    ManaSource,
    Names,
    NumericAddresses,
    Seconds,
    Seed,
    Theta,
    Word,
)

ONE_DAY_S = 86_400
SHORTEST_S = 0.001  # with less a node would do nothing else
SHORTEST_RECONNECT_S = 0.01  # far below what a network wants: tests reconnect that fast
SMALLEST_BUFFER = 512  # a handshake packet of 256 bytes must fit, and some frame

_DURATION = 'Write a number with a unit: "500ms", "5s", "1m30s" or "2h".'
_BIND = 'Write a host and a port, like "0.0.0.0:14666" or "[::]:14666".'
_TIME = 'Write a host and a port, like "0.0.0.0:14123", or leave the key out.'
_ADDRESSES = 'Write a list of numeric addresses, like ["203.0.113.7:14666"].'
_HOSTS = 'Write a list of names under which browsers may call it, like ["node.example"].'
_COUNT = "Write a whole number from 1 to 1000000."
_U32 = "Write a whole number from 0 to 4294967295."
_FLAG = "Write true or false."
_FRAME = f"Write a number of bytes from {SMALLEST_BUFFER} to {MAX_FRAME}."
_PEERS = (
    'Write a list like [{"publicKey": "<base58>", "address": "192.0.2.1:14666"}]; "alias" and'
    ' "enabled" may stand beside them.'
)
_ENTRIES = 'Write a list like ["<base58 public key>@entry.example:14626"].'
_SALTS = 'Write a duration of at least "1s", the same in the whole network, like "2h".'
_MANA = 'Write "none", the path of a JSON file, or a URL like "http://192.0.2.7:8080".'
_RECONNECT = 'Write a duration from "10ms" to "24h", like "5s".'


def _duration(alias: str, default_s: float) -> float:
    value: float = Field(
        default_s, alias=alias, ge=SHORTEST_S, le=10_000 * 3600, description=_DURATION
    )
    return value


def _count(alias: str, default: int) -> int:
    value: int = Field(default, alias=alias, ge=1, le=1_000_000, description=_COUNT)
    return value


class Section(BaseModel):
    """A frozen part of the config; unknown keys never get here."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


S = TypeVar("S", bound=Section)


def _section(kind: type[S], alias: str) -> S:
    value: S = Field(default_factory=lambda: kind.model_validate({}), alias=alias)
    return value


class Node(Section):
    seed: Seed | None = Field(
        None,
        alias="seed",
        repr=False,
        exclude=True,
        description='Write "base58:<32 bytes>" or "base64:<32 bytes>", or leave the key out.',
    )
    data_directory: Folder = Field(
        Path("shimletdb"), alias="dataDirectory", description="Write the path of a folder."
    )


class Network(Section):
    external_address: ExternalAddress = Field(
        "auto", alias="externalAddress", description='Write an IP address, or "auto".'
    )


class Gossip(Section):
    bind_address: Bind = Field(Address("0.0.0.0", 14666), alias="bindAddress", description=_BIND)
    addresses: NumericAddresses = Field((), alias="addresses", description=_ADDRESSES)
    buffer_size: Int = Field(
        MAX_FRAME,
        alias="bufferSize",
        ge=SMALLEST_BUFFER,
        le=MAX_FRAME,
        description=_FRAME,
    )


class ManualPeering(Section):
    known_peers: KnownPeers = Field((), alias="knownPeers", description=_PEERS)
    reconnect_interval_s: Seconds = Field(
        5.0,
        alias="reconnectInterval",
        ge=SHORTEST_RECONNECT_S,
        le=ONE_DAY_S,
        description=_RECONNECT,
    )
    max_backoff_s: Seconds = Field(
        5.0, alias="maxBackoff", ge=SHORTEST_RECONNECT_S, le=ONE_DAY_S, description=_RECONNECT
    )

    @model_validator(mode="before")
    @classmethod
    def _same_unless_stretched(cls, data: object) -> object:
        """Without maxBackoff the pause never grows: it is the reconnectInterval."""
        if isinstance(data, dict) and "maxBackoff" not in data and "reconnectInterval" in data:
            return data | {"maxBackoff": data["reconnectInterval"]}
        return data


class WebApi(Section):
    """`basic_auth`: every request needs the name and the password, or the node's token."""

    bind_address: Bind = Field(Address("127.0.0.1", 8080), alias="bindAddress", description=_BIND)
    hosts: Names = Field((), alias="hosts", description=_HOSTS)
    basic_auth: bool = Field(False, alias="basicAuth.enabled", description=_FLAG)
    username: str = Field("", alias="basicAuth.username", description="Write a name.")
    password: str = Field(
        "", alias="basicAuth.password", repr=False, exclude=True, description="Write a password."
    )


class Dashboard(Section):
    """The page under /dashboard of the web API, where its extra is installed."""

    enabled: bool = Field(True, alias="enabled", description=_FLAG)


class Sntp(Section):
    """The time server for boards; without an address there is none."""

    bind_address: Bind | None = Field(None, alias="bindAddress", description=_TIME)


class Logger(Section):
    level: Annotated[Literal["debug", "info", "warning", "error", "critical"], Level] = Field(
        "info", alias="level", description="Write debug, info, warning, error or critical."
    )
    encoding: Annotated[Literal["console", "json"], Word] = Field(
        "console", alias="encoding", description="Write console or json."
    )


class AutoPeering(Section):
    """Off unless `enabled`, because joining tells others our address. `mana_source` is a URL, an
    absolute path, or None: all nodes are equal.
    """

    enabled: bool = Field(False, alias="enabled", description=_FLAG)
    bind_address: Bind = Field(Address("0.0.0.0", 14626), alias="bindAddress", description=_BIND)
    entry_nodes: EntryNodes = Field((), alias="entryNodes", description=_ENTRIES)
    entry_node_only: bool = Field(False, alias="entryNodeOnly", description=_FLAG)
    limit_private_networks: bool = Field(False, alias="limitPrivateNetworks", description=_FLAG)
    mana_source: ManaSource = Field(None, alias="manaSource", description=_MANA)
    version: U32 = Field(0, alias="version", description=_U32)
    network_version: U32 = Field(40, alias="networkVersion", description=_U32)
    request_expiration_time_s: Seconds = _duration("requestExpirationTime", 20.0)
    response_timeout_s: Seconds = _duration("responseTimeout", 0.5)
    max_verify_attempts: Int = _count("maxVerifyAttempts", 3)
    max_reverify_attempts: Int = _count("maxReverifyAttempts", 3)
    verification_lifetime_s: Seconds = _duration("verificationLifetime", 12 * 3600.0)
    query_interval_s: Seconds = _duration("queryInterval", 60.0)
    k: Int = _count("k", 8)
    salt_update_interval_s: Seconds = Field(
        2 * 3600.0, alias="saltUpdateInterval", ge=1, le=10_000 * 3600, description=_SALTS
    )
    max_peering_attempts: Int = _count("maxPeeringAttempts", 3)
    outbound_update_interval_s: Seconds = _duration("outboundUpdateInterval", 1.0)
    full_outbound_update_interval_s: Seconds = _duration("fullOutboundUpdateInterval", 60.0)
    r: Int = _count("r", 40)
    ro: Float = Field(2.0, alias="ro", ge=1, le=1e6, description="Write a number from 1 up.")
    theta: Theta = Field(
        None, alias="theta", description='Write "auto", or a number above 0 and at most 1.'
    )
    max_managed: Int = _count("maxManaged", 1000)
    max_replacements: Int = _count("maxReplacements", 10)


class Config(Section):
    """Everything that a full node is told. `theta` None means auto; `warnings` are sentences."""

    profile: Annotated[Literal["spec", "goshimmer"], Word] = Field(
        "spec", alias="profile", description="Write spec or goshimmer."
    )
    node: Node = _section(Node, "node")
    network: Network = _section(Network, "network")
    gossip: Gossip = _section(Gossip, "gossip")
    manual_peering: ManualPeering = _section(ManualPeering, "manualPeering")
    webapi: WebApi = _section(WebApi, "webapi")
    dashboard: Dashboard = _section(Dashboard, "dashboard")
    sntp: Sntp = _section(Sntp, "sntp")
    logger: Logger = _section(Logger, "logger")
    auto_peering: AutoPeering = _section(AutoPeering, "autoPeering")
    warnings: tuple[str, ...] = Field((), exclude=True)
    file: Path | None = Field(None, exclude=True)


def _remedies() -> dict[str, str]:
    """The description of every setting by its dotted key, in the order of this file."""
    found: dict[str, str] = {}
    for outer in Config.model_fields.values():
        section = outer.annotation
        if isinstance(section, type) and issubclass(section, Section):
            for inner in section.model_fields.values():
                found[f"{outer.alias}.{inner.alias}"] = inner.description or ""
        elif outer.alias:
            found[outer.alias] = outer.description or ""
    return found


REMEDIES = _remedies()
SECRET_KEYS = frozenset({"node.seed", "webapi.basicAuth.password"})
