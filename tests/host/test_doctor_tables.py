"""The doctor's tables around autopeering, without any process: every evidence has a sentence, and
what an earlier or a strange node tells is no fault of ours.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shimlet.identity import base58_encode
from shimlet_host.autopeering.decoding import decode
from shimlet_host.autopeering.encoding import encode_pong
from shimlet_host.autopeering.envelope import Envelope, open_envelope, seal
from shimlet_host.autopeering.messages import Ping, Pong, Service
from shimlet_host.autopeering.parameters import BURST
from shimlet_host.autopeering.requests import request_hash
from shimlet_host.doctor.autopeering.evidence import Entry, Failed, Neighborhood, Own, Remote
from shimlet_host.doctor.autopeering.findings import diagnose_node, diagnose_peer
from shimlet_host.doctor.autopeering.gather import own_of, remote_of
from shimlet_host.doctor.autopeering.probe import ATTEMPTS, Answer, Network, UdpProbe
from shimlet_host.doctor.autopeering.table import NODE, PEERS
from shimlet_host.doctor.evidence import OPEN, REFUSED, TIMEOUT, UNREACHABLE
from shimlet_host.doctor.reach import reached_of
from shimlet_host.identity import HostIdentity

OWN, OTHER, THIRD = (base58_encode(bytes([n]) * 32) for n in (1, 2, 3))
UDP, TCP, NAME = "192.0.2.7:14626", "192.0.2.7:14666", "entry.example:14626"

ends = st.sampled_from((OPEN, REFUSED, TIMEOUT, UNREACHABLE))
networks = st.builds(Network, st.integers(0, 1), st.integers(39, 41))
answers = st.builds(
    Answer,
    ends,
    st.sampled_from((OTHER, THIRD)),
    st.sampled_from(("", "192.0.2.1", "2001:db8::1")),
    networks,
    st.sampled_from((0, 39, -3600)),
)
reasons = st.sampled_from(("connection-refused", "closed-before-response", "no-link", "what"))
failures = st.builds(Failed, st.sampled_from((OTHER, THIRD)), st.just(TCP), st.booleans(), reasons)
entries = st.builds(
    Entry, st.sampled_from((OTHER, THIRD)), st.just(NAME), st.sampled_from((UDP, ""))
)
few = st.integers(0, 4)
owns = st.builds(
    Own,
    public_key=st.just(OWN),
    url=st.just(""),
    enabled=st.booleans(),
    gossip=st.sampled_from(("0.0.0.0:14666", "[::1]:14666")),
    address=st.sampled_from(("0.0.0.0:14626", "127.0.0.1:14626")),
    ips=st.frozensets(st.sampled_from(("192.0.2.1", "127.0.0.1"))),
    external=st.sampled_from(("", "192.0.2.1")),
    network=networks,
    known=few,
    verified=few,
    seen_as=st.dictionaries(st.sampled_from(("192.0.2.1", "192.0.2.9")), few),
    refusals=st.dictionaries(st.sampled_from(("expired", "wrong-network", "unsolicited")), few),
    entries=st.lists(entries, max_size=2).map(tuple),
    neighborhood=st.builds(Neighborhood, few, few, few, few, few, few, few, few),
    accepted=st.frozensets(st.sampled_from((OTHER, THIRD))),
    failed=st.lists(failures, max_size=2).map(tuple),
    called_back=st.none() | ends,
)
remotes = st.builds(
    Remote,
    st.just(OTHER),
    st.sampled_from(("the entry node", "the neighbor", "the peer")),
    listed=st.sampled_from(("", NAME)),
    udp=st.just(UDP),
    tcp=st.just(TCP),
    neighbor=st.booleans(),
    verified=st.booleans(),
    failed=st.none() | failures,
    answer=st.none() | answers,
    tcp_end=st.none() | ends,
)
CAUSES = {row.cause for row in (*PEERS, *NODE)}


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(owns, remotes)
def test_any_evidence_gets_a_finding_with_a_sentence(own: Own, remote: Remote) -> None:
    for finding in (diagnose_node(own), diagnose_peer(own, remote)):
        assert finding.sentence.endswith(".") and "{" not in finding.sentence + finding.remedy
        if finding.cause in CAUSES - {"no-answer"}:  # a peer that is no entry node is let go of
            assert finding.remedy.startswith(("shimlet run --set ", "sudo "))


ODD = (
    None,
    True,
    -1,
    2**70,
    "",
    "x",
    "::",
    "[::]:1",
    OWN,
    "127.0.0.1:1",
    [],
    {},
    [1],
    [{}],
    {"a": 1},
)
FIELDS = (
    *("address", "externalAddress", "known", "verified", "seenAs", "refusals", "version"),
    *("entryNodes", "neighborhood", "failedLinks", "networkVersion"),
)
odd = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(ODD))
inner = st.dictionaries(
    st.sampled_from(("publicKey", "address", "resolved")), st.sampled_from(ODD)
)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(odd, st.lists(inner, max_size=2), st.sampled_from(ODD), st.sampled_from(ODD))
def test_whatever_a_node_tells_there_is_a_finding(
    told: dict[str, object], listed: list[dict[str, object]], one: object, other: object
) -> None:
    told = {"entryNodes": listed, "failedLinks": listed, **told}
    info = {"publicKey": OWN, "autoPeering": told, "interfaces": one, "addresses": other}
    own = own_of(info, {"known": [{"publicKey": OTHER, "services": one}]})
    assert diagnose_node(own).sentence
    told_of_reach = {"autoPeering": one, "reachability": other}
    assert all(each.cause for each in reached_of({"publicKey": OWN, **told_of_reach}))
    for key in (OTHER, THIRD, *(entry.public_key for entry in own.entries)):
        remote = remote_of(own, {}, key)
        assert remote is None or diagnose_peer(own, remote).sentence


def test_an_earlier_node_that_tells_less_is_no_worse_for_it() -> None:
    info = {"publicKey": OWN, "gossipAddress": TCP, "autoPeering": {"address": UDP, "verified": 2}}
    assert diagnose_node(own_of(info, {})).cause == "well"


# The probe


@contextmanager
def listener(*lies: str) -> Iterator[tuple[int, list[Ping]]]:
    """A port that collects Pings, and answers each as `lies` say: "forged", "unasked"."""
    pings: list[Ping] = []
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    port = sock.getsockname()[1]

    def answer() -> None:
        while (found := sock.recvfrom(2048))[0]:
            envelope = open_envelope(found[0])
            assert isinstance(envelope, Envelope)
            ping = decode(envelope.data)
            assert isinstance(ping, Ping)
            pings.append(ping)
            asked = bytes(32) if "unasked" in lies else request_hash(envelope.data)
            pong = Pong(asked, {"peering": Service("udp", port)}, "127.0.0.1")
            packet = bytearray(seal(HostIdentity(bytes(32)), encode_pong(pong)))
            if "forged" in lies:
                packet[-1] ^= 1
            if lies:
                sock.sendto(packet, found[1])

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield port, pings
    finally:
        sock.sendto(b"", sock.getsockname())
        thread.join(10)
        sock.close()


@pytest.mark.parametrize("lies", [(), ("forged",), ("unasked",)])
def test_only_a_signed_answer_to_a_question_counts_and_a_silent_node_is_asked_little(
    lies: tuple[str, ...],
) -> None:
    with listener(*lies) as (port, pings):
        assert UdpProbe(Network(0, 40)).ask("127.0.0.1", port) == Answer(TIMEOUT)
        assert pings[:ATTEMPTS] == [pings[0]] * ATTEMPTS or len({p.network_id for p in pings}) > 1
        assert len(pings) < BURST, "a node looks at so many packets of one IP"
        assert {38, 44} <= {ping.network_id for ping in pings}
        assert max(p.timestamp for p in pings) - min(p.timestamp for p in pings) > 20 * 3600


def test_the_answer_of_whoever_holds_another_key_names_that_key() -> None:
    with listener("true") as (port, _):
        answer = UdpProbe(Network(0, 40), source="127.0.0.1").ask("127.0.0.1", port)
    key = base58_encode(HostIdentity(bytes(32)).public_key)
    assert answer == Answer(OPEN, key, "127.0.0.1", Network(0, 40), 0)


def test_a_closed_port_and_an_address_without_a_way_are_told_apart() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    assert UdpProbe(Network(0, 40)).ask("127.0.0.1", port).end == REFUSED
    assert UdpProbe(Network(0, 40)).ask("255.255.255.255", port).end == UNREACHABLE
