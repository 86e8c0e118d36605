"""The one string that describes a node to others: `<base58 key>@host:port`.

In: the config and the seed file, or a running node's /info. Out: one string for each address under
which others may reach it, the likeliest first. Called by `shimlet id`.
"""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from dataclasses import dataclass

from shimlet.identity import base58_encode, format_address, parse_address

from shimlet_host.config import Config
from shimlet_host.doctor.api import NodeApiClient
from shimlet_host.identity import SEED_FILE, load_identity
from shimlet_host.interfaces import interface_addresses
from shimlet_host.model import HostError

WILDCARDS = ("0.0.0.0", "::")


class DescriptionError(HostError):
    """There is nothing to describe yet, or the address cannot be one."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Who a node is, where it listens, and where else it may be dialled."""

    public_key: str
    host: str
    port: int
    further: tuple[str, ...]  # "ip:port" that the operator named
    interfaces: tuple[str, ...]  # "ip/prefix"


def of_config(config: Config) -> Facts:
    """The facts of a node that need not run. Raises HostErrors."""
    folder = config.node.data_directory
    if not (folder / SEED_FILE).exists():
        raise DescriptionError(f"There is no identity in {folder} yet: `shimlet init` makes one.")
    identity = load_identity(folder, None, lambda text: None)
    host, port = config.gossip.bind_address
    external = config.network.external_address
    further = list(config.gossip.addresses)
    if external != "auto":
        further.append(format_address(external, port))
    key = base58_encode(identity.public_key)
    return Facts(key, host, port, tuple(further), tuple(interface_addresses()))


def of_running(api: NodeApiClient) -> Facts:
    """The facts that a running node tells. Raises ApiError."""
    info = api.info()
    host, port = parse_address(info["gossipAddress"])
    return Facts(
        info["publicKey"], host, port, tuple(info["addresses"]), tuple(info["interfaces"])
    )


def describe(facts: Facts, address: str = "") -> list[str]:
    """Its strings; `address` is the operator's wish. Raises DescriptionError."""
    if address:
        return [f"{facts.public_key}@{_wished(address, facts.port)}"]
    return [f"{facts.public_key}@{each}" for each in dict.fromkeys(_addresses(facts))]


def _addresses(facts: Facts) -> list[str]:
    if facts.host not in WILDCARDS:
        return [*facts.further, format_address(facts.host, facts.port)]
    ips = [ipaddress.ip_interface(each).ip for each in facts.interfaces]
    if facts.host == WILDCARDS[0]:
        ips = [ip for ip in ips if ip.version == 4]
    there = [ip for ip in ips if not ip.is_loopback] or ips
    there.sort(key=lambda ip: (ip.version, ip.is_private))
    own = [format_address(str(ip), facts.port) for ip in there]
    return [*facts.further, *own] or [format_address("127.0.0.1", facts.port)]


def _wished(address: str, port: int) -> str:
    """The wish with our port, unless it names one."""
    texts = [address, f"{address}:{port}"]
    with suppress(ValueError):  # an IPv6 address that nobody put into brackets
        texts.append(format_address(str(ipaddress.IPv6Address(address.strip("[]"))), port))
    for text in texts:
        with suppress(ValueError):
            return format_address(*parse_address(text))
    raise DescriptionError(f"{address} is no address: write HOST or HOST:PORT.")
