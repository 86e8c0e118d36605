"""All seven messages and the mana rank, against what was recorded from a running existing node."""

import json
from collections import Counter
from pathlib import Path

import pytest
from shimlet_host.autopeering import Reason, encoding
from shimlet_host.autopeering import messages as m
from shimlet_host.autopeering.decoding import decode
from shimlet_host.autopeering.envelope import Envelope, open_envelope, seal
from shimlet_host.autopeering.mana import mana_bounds
from shimlet_host.autopeering.requests import request_hash
from shimlet_host.identity import HostIdentity

VECTORS = Path(__file__).parents[1] / "vectors"
CASES = {case["name"]: case for case in json.loads((VECTORS / "udp_messages.json").read_text())}
IDENTITIES = json.loads((VECTORS / "identities.json").read_text())
MANA = json.loads((VECTORS / "mana_rank.json").read_text())["cases"]
ENCODERS = {
    m.Ping: encoding.encode_ping,
    m.Pong: encoding.encode_pong,
    m.DiscoveryRequest: encoding.encode_discovery_request,
    m.DiscoveryResponse: encoding.encode_discovery_response,
    m.PeeringRequest: encoding.encode_peering_request,
    m.PeeringResponse: encoding.encode_peering_response,
    m.PeeringDrop: encoding.encode_peering_drop,
}
TYPES = {m.Ping: 10, m.Pong: 11, m.DiscoveryRequest: 12, m.DiscoveryResponse: 13}
TYPES |= {m.PeeringRequest: 20, m.PeeringResponse: 21, m.PeeringDrop: 22}
UNSORTED = {"pong_unsorted_map"}  # in a random order of Go's: to be decoded only
TOO_LONG = {"ping_over_size_1281"}


def services_of(record):
    """A service map as the vectors write it."""
    if record is None:
        return None
    entries = record["map"].items()
    return {
        name: m.Service(entry.get("network", ""), entry.get("port", 0)) for name, entry in entries
    }


def expected(case):
    """The message that the fields of a case describe."""
    fields, kind = case["fields"], case["message"]
    number = {key: int(fields[key]) for key in fields if key in ("timestamp", "version")}
    if kind == "Ping":
        rest = {key: fields[key] for key in ("network_id", "src_addr", "src_port", "dst_addr")}
        return m.Ping(**number, **rest)
    if kind == "Pong":
        return m.Pong(
            bytes.fromhex(fields["req_hash"]), services_of(fields["services"]), fields["dst_addr"]
        )
    if kind == "DiscoveryResponse":
        peers = tuple(
            m.PeerEntry(bytes.fromhex(p["public_key"]), p["ip"], services_of(p["services"]))
            for p in fields["peers"]
        )
        return m.DiscoveryResponse(bytes.fromhex(fields["req_hash"]), peers)
    if kind == "PeeringRequest":
        salt = fields["salt"]
        if salt is None:
            return m.PeeringRequest(**number)
        return m.PeeringRequest(
            **number, salt=bytes.fromhex(salt["bytes"]), expiration_time=int(salt["exp_time"])
        )
    if kind == "PeeringResponse":
        return m.PeeringResponse(bytes.fromhex(fields["req_hash"]), fields["status"])
    return getattr(m, kind)(**number)


@pytest.mark.parametrize("name", CASES)
def test_recorded_data_decodes_to_its_fields(name):
    case = CASES[name]
    assert decode(bytes.fromhex(case["data"])) == expected(case)


@pytest.mark.parametrize("name", CASES)
def test_fields_encode_to_the_recorded_data(name):
    case = CASES[name]
    message = expected(case)
    data = bytes.fromhex(case["data"])
    encoded = ENCODERS[type(message)](message)
    assert decode(encoded) == message
    assert (encoded == data) != (name in UNSORTED)
    assert encoded[0] == TYPES[type(message)] == case["type"]


@pytest.mark.parametrize("name", CASES)
def test_recorded_packet_opens_verifies_and_is_sealed_again(name):
    case = CASES[name]
    packet, data = bytes.fromhex(case["packet"]), bytes.fromhex(case["data"])
    identity = HostIdentity(bytes.fromhex(IDENTITIES[case["signer"]]["seed"]))
    assert seal(identity, data) == packet
    assert request_hash(data).hex() == case["packet_hash"]
    envelope = open_envelope(packet)
    if name in TOO_LONG:
        assert envelope == Reason.PACKET_TOO_LARGE
        return
    assert isinstance(envelope, Envelope)
    assert envelope.data == data
    assert envelope.public_key == identity.public_key
    assert envelope.verify(identity)


def test_every_kind_of_message_is_among_the_recorded_ones():
    assert {case["message"] for case in CASES.values()} == {kind.__name__ for kind in ENCODERS}


@pytest.mark.parametrize("case", MANA, ids=range(len(MANA)))
def test_mana_rank_is_that_of_an_existing_node(case):
    mana = case["identities_mana"]
    lowest, highest = mana_bounds(Counter(mana), case["target_mana"], case["r"], case["ro"])
    included = [index for index, value in enumerate(mana) if lowest <= value <= highest]
    assert included == [index for index in case["result"] if index >= 0]
