"""Other nodes for the tests of the dashboard, and where they stand on its page."""

from __future__ import annotations

from pathlib import Path

from host.processes import NodeProcess
from shimlet.identity import base58_encode
from shimlet_host.config.seeds import format_seed
from shimlet_host.identity import HostIdentity

# Three identities in the order of their keys: who has the smaller one dials.
SMALL, MIDDLE, LARGE = sorted(
    (bytes([number]) * 32 for number in (1, 2, 3)), key=lambda seed: HostIdentity(seed).public_key
)


def friend(folder: Path, seed: bytes, node: NodeProcess) -> NodeProcess:
    """Another node, which lists this one."""
    entry = {"publicKey": node.public_key, "address": node.gossip}
    seeds = {"node.seed": str(format_seed(seed))}
    return NodeProcess(folder, {**seeds, "manualPeering.knownPeers": [entry]})


def key_of(seed: bytes) -> str:
    """The public key in base58."""
    return base58_encode(HostIdentity(seed).public_key)


def row(key: str, part: str) -> str:
    """The selector of a part of a row of the page's lists."""
    return f'[data-id="{key}"] {part}'


def forget_all(node: NodeProcess) -> None:
    """Of the known peers."""
    listed = node.ask("GET", "/manualpeering/peers")[1]
    node.ask(
        "DELETE", "/manualpeering/peers", [{"publicKey": each["publicKey"]} for each in listed]
    )
