"""The one string that describes a node, read: `<base58 key>@host:port`.

In: what an operator typed or pasted. Out: key and address, or ValueError with a sentence. Used by
`shimlet peers` and by the dashboard; `description.py` writes such strings.
"""

from __future__ import annotations

from shimlet.identity import decode_key, format_address, parse_address

from shimlet_host.config.peers import PeerEntry

GOSSIP_PORT = 14666  # where nodes listen unless they are told otherwise


def parse_node(text: str) -> PeerEntry:
    """Key and address of the one string. Raises ValueError."""
    key, at, address = text.strip().partition("@")
    if not at:
        raise ValueError("a node is written KEY@HOST:PORT, as `shimlet id` says it there")
    parse_address(address)
    return PeerEntry(decode_key(key), address)


def likely_address(remote_ip: str) -> str:
    """Where a caller from this IP may listen: the call came from another port."""
    return format_address(remote_ip, GOSSIP_PORT)
