"""The checks come in the order of the tables of common/protocol.md: a request with every fault is
mended fault by fault, and each time the next reason of the table is given.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from docs.documents import document, names_in, table, tables
from shimlet.handshake import Rules, encode_request
from shimlet.link import HANDSHAKE_BUFFER, REQUESTED, Link
from shimlet.manual import ManualPeering
from shimlet.packet import HEADROOM, seal
from shimlet.sentences import name
from shimlet.wire import Writer
from shimlet_host.autopeering import Autopeering, Parameters, encoding, messages
from shimlet_host.autopeering import envelope as envelopes
from shimlet_host.autopeering.messages import Service
from shimlet_host.identity import HostIdentity

PROTOCOL = document("common/protocol.md")
US, THEM = HostIdentity(b"\x01" * 32), HostIdentity(b"\x02" * 32)
NOW = 1_800_000_000
OUR_IP, THEIR_IP = "192.0.2.1", "198.51.100.2"
Fault = tuple[str, Callable[[dict[str, Any]], None]]


def fault(reason: str, **fields: Any) -> Fault:
    """What a request says wrong, and the reason that this must give."""
    return reason, lambda request: request.update(fields)


def reasons_given(
    right: dict[str, Any], faults: list[Fault], give: Callable[[dict[str, Any]], str]
) -> list[str]:
    """The reason for all faults, then for all but the first, and so on."""
    given = []
    for start in range(len(faults) + 1):
        request = dict(right)
        for _, spoil in reversed(faults[start:]):
            spoil(request)
        given.append(give(request))
    return given


def in_order(wanted: list[str], cells: list[str]) -> bool:
    """Whether the reasons stand in this order in the cells of a table."""
    listed = [reason for cell in cells for reason in names_in(cell)]
    return [reason for reason in listed if reason in wanted] == wanted


# Over UDP


def ping(request: dict[str, Any]) -> str:
    """The reason for a Ping, "" if there is none."""
    services = {"peering": Service("udp", 14626)}
    core = Autopeering(US, US.seed, Parameters(), services, random.Random(1), [OUR_IP], OUR_IP)
    core.start(0.0, NOW)
    fields = {key: value for key, value in request.items() if key != "sign"}
    data = encoding.encode_ping(messages.Ping(**fields))
    packet = envelopes.seal(THEM, data)
    if not request["sign"]:
        packet = packet[:-1] + bytes([packet[-1] ^ 1])
    return str(core.receive(packet, (THEIR_IP, 14626), 1.0, NOW) or "")


def test_a_ping_is_checked_in_the_order_of_the_table() -> None:
    right = {
        "version": 0,
        "network_id": 40,
        "timestamp": NOW,
        "src_addr": "0.0.0.0",
        "src_port": 14626,
        "dst_addr": OUR_IP,
        "sign": True,
    }
    faults = [
        fault("wrong-version", version=1),
        fault("wrong-network", network_id=41),
        fault("bad-source", src_addr=THEIR_IP),
        fault("wrong-destination", dst_addr=THEIR_IP),
        fault("expired", timestamp=NOW - 20),
        fault("bad-signature", sign=False),
    ]
    wanted = [reason for reason, _ in faults]
    assert reasons_given(right, faults, ping) == [*wanted, ""]
    rows = table(PROTOCOL.text, "step", "message", "reason", "when")
    cells = [reason for _, message, reason, _ in rows if message == "all" or "Ping" in message]
    assert in_order(wanted, cells)


# Over TCP


class Caller:
    """Shows handshake requests to one node, which waits for `listed` keys."""

    def __init__(self) -> None:
        self.rules = Rules("spec", [f"{OUR_IP}:14666".encode()], 16)
        self.manual = ManualPeering(US.public_key, 10)

    def call(self, request: dict[str, Any]) -> str:
        """The reason, "" for a request that is accepted."""
        signer = request["signer"]
        writer = Writer()
        writer.over(bytearray(HANDSHAKE_BUFFER), HEADROOM)
        if request["version"]:
            writer.varint(1 << 3)
            writer.varint(request["version"])
        timestamp = request["timestamp"]
        encode_request(writer, request["to"], timestamp & 0xFFFFFFF, timestamp >> 28)
        start = seal(signer, writer, HEADROOM)
        packet = bytearray(writer.buf[start : writer.pos])
        if not request["sign"]:
            packet[-1] ^= 1
        return self._shown(packet)

    def _shown(self, packet: bytearray) -> str:
        link = Link(US, self.rules, 0)
        link.source = THEIR_IP
        link.buf[: len(packet)] = packet
        link.received(len(packet), 0)
        event = link.next_event(0, NOW)
        if event != REQUESTED:
            return name(event)
        reason = self.manual.accepts(link.peer_key)
        if not reason:
            link.accept(0)
        return name(reason)


def test_a_handshake_request_is_checked_in_the_order_of_the_table() -> None:
    caller = Caller()
    larger, smaller = sorted((US, THEM), key=lambda each: each.public_key, reverse=True)
    assert smaller is THEM and larger is US, "the caller must be the one that dials"
    right = {"version": 0, "to": f"{OUR_IP}:14666".encode(), "timestamp": NOW, "sign": True}
    right["signer"] = THEM
    faults = [
        fault("wrong-version", version=1),
        fault("expired", timestamp=NOW - 20),
        fault("wrong-address", to=b"192.0.2.9:14666"),
        fault("bad-signature", sign=False),
    ]
    wanted = [reason for reason, _ in faults]
    assert reasons_given(right, faults, caller.call) == [*wanted, "unknown-key"]
    caller.manual.add(THEM.public_key, "192.0.2.2:14666", 0)
    assert [caller.call(right), caller.call(right)] == ["", "replayed"]
    caller.manual.remove(THEM.public_key)
    assert caller.call(right) == "replayed"  # before anybody asks who it is
    section = PROTOCOL.section("TCP: handshake, then gossip")
    rows = next(rows for rows in tables(section) if rows[0] == ["reason", "when"])
    order = [*wanted, "replayed", "unknown-key"]
    assert in_order(order, [cell for cell, _ in rows])
