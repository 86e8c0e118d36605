"""The doctor's table without any process: what is shown, what may be, and what cannot be told."""

from __future__ import annotations

import ipaddress
import shlex
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shimlet.identity import base58_encode
from shimlet_host.board.line import LineError
from shimlet_host.doctor.addresses import addresses_for, no_address, share_a_network
from shimlet_host.doctor.diagnose import (
    CANNOT_TELL,
    CONNECTED,
    diagnose,
    shown_causes,
    who_dials,
)
from shimlet_host.doctor.evidence import (
    NAMELESS,
    OPEN,
    REFUSED,
    TIMEOUT,
    UNREACHABLE,
    Evidence,
    Interface,
    Listing,
    Side,
)
from shimlet_host.doctor.gather import board_side, unknown_side
from shimlet_host.doctor.table import TABLE

SMALL, LARGE, OTHER = (base58_encode(bytes([n]) * 32) for n in (1, 200, 100))
HOST_AT, BOARD_AT = "192.168.1.10:14666", "192.168.1.50:14666"


def network(text: str) -> tuple[Interface, ...]:
    return (ipaddress.ip_interface(text),)


# A board that dials and a host that waits, with nothing wrong but the missing link.
BOARD = Side(
    name="the board",
    public_key=SMALL,
    port="/dev/ttyUSB0",
    clock_ahead_s=0.0,
    clock_is_set=True,
    offline=False,
    bind="0.0.0.0:14666",
    listens=True,
    interfaces=network("192.168.1.50/24"),
    peers=(Listing(LARGE, HOST_AT, "backing-off"),),
    reach=OPEN,
)
HOST = Side(
    name="the full node",
    public_key=LARGE,
    url="http://127.0.0.1:8080",
    clock_ahead_s=0.0,
    clock_is_set=True,
    offline=False,
    bind="0.0.0.0:14666",
    listens=True,
    interfaces=network("192.168.1.10/24"),
    peers=(Listing(SMALL, BOARD_AT, "waiting"),),
    reach=OPEN,
)


def shown(**changes: dict[str, object]) -> list[str]:
    """The causes that are shown with these changes of the two sides."""
    return shown_causes(evidence(**changes))


def evidence(**changes: dict[str, object]) -> Evidence:
    host = replace(HOST, **changes.get("host", {}))
    return Evidence(host, replace(BOARD, **changes.get("board", {})))


def test_without_evidence_it_cannot_tell_and_names_every_cause() -> None:
    nothing = Evidence(Side("the full node", LARGE), unknown_side(SMALL))
    finding = diagnose(nothing)
    assert finding.cause == CANNOT_TELL
    assert finding.sentence.startswith("Cannot tell; it may be: ")
    assert set(finding.candidates) == {row.cause for row in TABLE}
    assert all(cause in finding.sentence for cause in finding.candidates)


def test_when_nothing_is_wrong_but_the_link_it_names_no_candidate() -> None:
    finding = diagnose(evidence())
    assert (finding.cause, finding.candidates) == (CANNOT_TELL, ())


def test_a_link_that_one_side_tells_of_is_a_link() -> None:
    peers = (Listing(SMALL, BOARD_AT, "connected"),)
    assert diagnose(evidence(host={"peers": peers})).cause == CONNECTED


def test_who_dials_is_said_with_both_keys() -> None:
    said = who_dials(evidence())
    assert said.startswith("The board dials, because its key is smaller: 01010101... < c8c8c8c8")


def test_clocks_may_differ_by_less_than_20_s() -> None:
    assert shown(board={"clock_ahead_s": 19.0}) == []
    for skew in (20.0, -20.0, 1e6):
        assert shown(board={"clock_ahead_s": skew}) == ["skewed-clock"]


def test_a_board_that_knows_the_time_by_ntp_is_believed_more_than_the_full_node() -> None:
    skewed = evidence(board={"clock_ahead_s": 60.0, "clock_source": "ntp"})
    assert diagnose(skewed).remedy == "sudo timedatectl set-ntp true"


def test_a_clock_that_is_not_set_is_no_skewed_one() -> None:
    unset = {"clock_is_set": False, "clock_ahead_s": None}
    assert shown(board=unset) == ["clock-not-set"]
    assert shown(host=unset) == ["clock-not-set"]


def test_a_stranger_at_another_address_is_no_swapped_key() -> None:
    stranger = (Listing(OTHER, "192.168.1.51:14666"),)
    assert shown(host={"peers": stranger}) == ["key-not-listed"]
    assert shown(host={"peers": (Listing(OTHER, BOARD_AT),)}) == ["swapped-key"]


def test_a_second_key_at_the_address_of_a_listed_peer_matters_if_it_is_dialled() -> None:
    waits = (Listing(OTHER, BOARD_AT), Listing(SMALL, BOARD_AT))
    assert shown(host={"peers": waits}) == []
    dials = (Listing(OTHER, HOST_AT), Listing(LARGE, HOST_AT))
    assert shown(board={"peers": dials}) == ["swapped-key"]
    assert shown(board={"peers": (Listing(OTHER, HOST_AT, "connected"), dials[1])}) == []


def test_loopback_is_the_address_of_the_other_only_on_the_same_machine() -> None:
    at_loopback = (Listing(LARGE, "127.0.0.1:14666"),)
    assert shown(board={"peers": at_loopback, "reach": REFUSED}) == ["changed-address"]
    here = network("127.0.0.1/8")
    virtual = {"peers": at_loopback, "reach": OPEN, "interfaces": here}
    assert shown(board=virtual, host={"interfaces": here}) == []


@pytest.mark.parametrize(
    ("there", "back", "cause"),
    [
        (REFUSED, None, ["closed-port"]),
        (REFUSED, REFUSED, ["closed-port"]),
        (REFUSED, OPEN, ["wrong-direction"]),
        (UNREACHABLE, OPEN, ["wrong-direction"]),
        (TIMEOUT, OPEN, ["wrong-direction"]),
        (UNREACHABLE, TIMEOUT, ["wrong-network"]),
        (TIMEOUT, TIMEOUT, []),
        (OPEN, REFUSED, []),
        (None, OPEN, []),
        (None, None, []),
    ],
)
def test_how_connections_end_both_ways(there: str, back: str | None, cause: list[str]) -> None:
    assert shown(board={"reach": there}, host={"reach": back}) == cause


def test_a_dial_of_which_nothing_is_known_may_be_in_the_wrong_direction() -> None:
    finding = diagnose(evidence(board={"reach": None}, host={"reach": OPEN}))
    assert finding.candidates == ("wrong-direction",)


def test_time_outs_between_two_networks_are_a_matter_of_the_networks() -> None:
    far = {"interfaces": network("10.0.0.5/24"), "reach": TIMEOUT}
    listed = (Listing(SMALL, "10.0.0.5:14666"),)
    assert shown(board=far, host={"reach": TIMEOUT, "peers": listed}) == ["wrong-network"]
    finding = diagnose(evidence(board=far, host={"reach": TIMEOUT, "peers": listed}))
    assert finding.remedy == "shimlet board wifi /dev/ttyUSB0 --ssid NAME"


def test_time_outs_inside_one_network_may_have_two_causes() -> None:
    finding = diagnose(evidence(board={"reach": TIMEOUT}, host={"reach": TIMEOUT}))
    assert finding.candidates == ("closed-port", "wrong-network")


def test_a_board_in_no_network_is_found_before_its_addresses_are_looked_at() -> None:
    offline = {"offline": True, "interfaces": (), "reach": UNREACHABLE}
    assert shown(board=offline, host={"reach": UNREACHABLE}) == ["wrong-network"]
    assert diagnose(evidence(board=offline)).sentence == "The board is in no network."


def test_a_full_node_on_loopback_alone_is_a_closed_port_for_a_board() -> None:
    peers = (Listing(LARGE, HOST_AT),)
    host = {"bind": "127.0.0.1:14666"}
    finding = diagnose(evidence(host=host, board={"peers": peers, "reach": REFUSED}))
    assert finding.cause == "closed-port"
    assert finding.remedy == "shimlet run --set gossip.bindAddress=0.0.0.0:14666"


def test_a_listed_name_is_not_taken_for_a_wrong_address() -> None:
    named = (Listing(LARGE, "desk.example:14666"),)
    assert shown(board={"peers": named}) == []


# What the full node knows alone. It dials, as its key is smaller.

ALONE = replace(HOST, public_key=SMALL)
PEER = unknown_side(LARGE)


def alone(error: str = "", reach: str | None = None, **changes: object) -> Evidence:
    peers = (Listing(LARGE, BOARD_AT, "backing-off", error),)
    return Evidence(replace(ALONE, **{"peers": peers, "reach": reach, **changes}), PEER)


def test_a_refused_connection_is_a_closed_port() -> None:
    finding = diagnose(alone("connection-refused"))
    assert finding.cause == "closed-port"
    assert "TCP port 14666 of 192.168.1.50" in finding.sentence


def test_a_probe_counts_more_than_an_older_error() -> None:
    assert shown_causes(alone("connection-refused", OPEN)) == []


def test_an_answer_of_another_key_is_a_swapped_key() -> None:
    finding = diagnose(alone("key-mismatch", OPEN))
    assert finding.cause == "swapped-key"
    assert "a node with another key answers" in finding.sentence
    assert LARGE in finding.remedy and "KEY@" in finding.remedy


def test_a_closed_connection_may_have_any_cause_inside_the_handshake() -> None:
    finding = diagnose(alone("closed-before-response", OPEN))
    handshake = {"clock-not-set", "skewed-clock", "swapped-key", "key-not-listed"}
    assert finding.cause == CANNOT_TELL
    assert set(finding.candidates) == {*handshake, "changed-address"}


def test_what_cannot_be_told_here_is_asked_at_the_peer_which_knows_its_own_list() -> None:
    finding = diagnose(alone("closed-before-response", OPEN))
    assert (finding.remedy, finding.at) == (f"shimlet doctor {SMALL}", "the peer")
    asked = diagnose(evidence())  # a board that told all
    assert (asked.cause, asked.remedy, asked.at) == (CANNOT_TELL, "", "")


def test_a_remedy_for_a_machine_out_of_reach_says_where_it_is_to_be_run() -> None:
    closed = diagnose(alone("connection-refused"))
    assert (closed.cause, closed.at) == ("closed-port", "the peer")
    assert diagnose(alone("key-mismatch", OPEN)).at == ""
    board = {"clock_is_set": False, "clock_ahead_s": None}
    assert diagnose(evidence(board=board)).at == "", "over its serial line, from here"


@pytest.mark.parametrize("known", [None, NAMELESS])
def test_a_name_without_an_address_is_no_matter_of_networks(known: str | None) -> None:
    named = (Listing(LARGE, "nobody.invalid:14666", "backing-off", "name-not-found"),)
    finding = diagnose(alone(reach=known, peers=named))
    assert shown_causes(alone(reach=known, peers=named)) == ["unresolved-name"]
    assert "nobody.invalid:14666" in finding.sentence
    assert finding.remedy == f"shimlet peers add {LARGE}@HOST:PORT"


def test_what_does_not_speak_as_a_node_is_not_the_peer() -> None:
    finding = diagnose(alone("bad-packet", OPEN))
    assert finding.cause == "changed-address" and BOARD_AT in finding.sentence
    assert "something answers that is no node" in finding.sentence
    assert finding.remedy == f"shimlet peers add {LARGE}@HOST:PORT"


def test_a_peer_that_is_no_board_is_not_told_to_join_a_wifi() -> None:
    finding = diagnose(alone("unreachable", UNREACHABLE))
    assert (finding.cause, finding.at) == ("wrong-network", "")
    assert finding.remedy == f"shimlet peers add {LARGE}@HOST:PORT"


def test_a_time_out_to_a_far_machine_may_have_any_cause_before_the_handshake() -> None:
    far = (Listing(LARGE, "203.0.113.9:14666", "backing-off", "connect-timeout"),)
    finding = diagnose(alone(reach=TIMEOUT, peers=far))
    network_causes = {"changed-address", "closed-port", "wrong-direction", "wrong-network"}
    assert (finding.cause, set(finding.candidates)) == (CANNOT_TELL, network_causes)


def test_a_caller_that_is_not_listed_is_to_be_listed_where_it_calls_from() -> None:
    caller = unknown_side(LARGE, "192.168.1.77")
    finding = diagnose(Evidence(replace(ALONE, peers=()), caller))
    assert finding.cause == "key-not-listed"
    words = shlex.split(finding.remedy)
    assert words[:4] == ["shimlet", "peers", "add", f"{LARGE}@192.168.1.77:14666"]


# Addresses


def test_an_address_in_a_shared_network_is_the_only_one_offered() -> None:
    two = (*network("10.9.9.9/16"), *HOST.interfaces)
    assert addresses_for(replace(HOST, interfaces=two), BOARD) == [HOST_AT]


def test_without_a_shared_network_all_but_loopback_are_offered() -> None:
    many = (*network("127.0.0.1/8"), *network("2001:db8::1/64"), *network("10.9.9.9/16"))
    host = replace(HOST, interfaces=many)
    assert addresses_for(host, BOARD) == ["10.9.9.9:14666", "[2001:db8::1]:14666"]
    assert share_a_network(host, BOARD) is None


def test_a_side_that_cannot_be_dialled_at_all_is_told_from_one_in_no_network() -> None:
    alone_at_home = replace(HOST, bind="127.0.0.1:14666")
    assert addresses_for(alone_at_home, BOARD) == []
    said = no_address(alone_at_home, BOARD)
    assert said.startswith("The full node listens on 127.0.0.1:14666 alone")
    assert "`shimlet run --set gossip.bindAddress=0.0.0.0:14666`" in said
    adrift = replace(BOARD, offline=True, interfaces=())
    assert addresses_for(adrift, HOST) == []
    for said in (no_address(adrift, HOST), no_address(HOST, adrift)):
        assert "`shimlet board wifi /dev/ttyUSB0 --ssid NAME`" in said


@pytest.mark.parametrize(
    ("mask", "network"),
    [
        ("255.255.0.0", "192.168.0.0/16"),
        ("255.255.255.128", "192.168.1.0/25"),
        ("", "192.168.1.0/24"),
        (None, "192.168.1.0/24"),
        ("255.0.255.0", "192.168.1.0/24"),
    ],
)
def test_a_board_is_in_the_network_that_it_tells(mask: object, network: str) -> None:
    status = {"publicKey": SMALL, "ip": "192.168.1.50", "wifi": {"netmask": mask}}
    (interface,) = board_side("/dev/ttyUSB0", status, {}).interfaces or ()
    assert str(interface.network) == network


# Any evidence

ends = st.sampled_from((None, OPEN, REFUSED, UNREACHABLE, TIMEOUT, NAMELESS))
flags = st.sampled_from((None, True, False))
listed = st.sampled_from((HOST_AT, BOARD_AT, "", "long.example:", "[::1]:14666", "a.example:1"))
addresses = st.sampled_from((HOST_AT, BOARD_AT, "127.0.0.1:14666", "a.example:1", "[::1]:14666"))
networks = st.sampled_from((None, (), network("192.168.1.10/24"), network("127.0.0.1/8")))
errors = st.sampled_from(
    ("", "key-mismatch", "closed-before-response", "connection-refused", "bad-packet")
)
states = st.sampled_from(("waiting", "backing-off", "clock-not-set"))
keys = st.sampled_from((SMALL, LARGE, OTHER))
lists = st.none() | st.lists(st.builds(Listing, keys, listed, states, errors), max_size=3).map(
    tuple
)


def sides(key: str) -> st.SearchStrategy[Side]:
    return st.builds(
        Side,
        name=st.sampled_from(("the board", "the full node")),
        public_key=st.just(key),
        port=st.sampled_from(("", "/dev/ttyUSB0")),
        clock_ahead_s=st.none() | st.floats(-1e9, 1e9),
        clock_is_set=flags,
        offline=flags,
        bind=st.none() | st.sampled_from((HOST_AT, "0.0.0.0:14666", "[::]:14666")),
        listens=flags,
        interfaces=networks,
        addresses=st.lists(addresses, max_size=2).map(tuple),
        peers=lists,
        refusals=st.dictionaries(keys, st.sampled_from(("expired", "unknown-key")), max_size=2),
        reach=ends,
    )


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(sides(SMALL), sides(LARGE), st.booleans())
def test_any_evidence_gets_a_finding_with_a_sentence(one: Side, two: Side, turned: bool) -> None:
    finding = diagnose(Evidence(two, one) if turned else Evidence(one, two))
    assert finding.sentence.endswith(".") and "{" not in finding.sentence
    if finding.cause == CANNOT_TELL:
        assert set(finding.candidates) <= {row.cause for row in TABLE}
        assert bool(finding.remedy) == bool(finding.at), "only the other side can be asked"
    else:
        assert finding.remedy and finding.cause in {row.cause for row in TABLE}


ODD = (None, True, -1, 2**70, 1e400, "", "x", "::", "127.0.0.1:1", SMALL, LARGE, [], {}, [1], [{}])
FIELDS = (
    *("publicKey", "unixTime", "clock", "offline", "bindAddress", "ip", "listening"),
    *("addresses", "peers", "pending", "address", "state", "lastError"),
)
odd = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(ODD), max_size=5)
answers = (
    st.builds(lambda told, rows: {**told, "peers": rows}, odd, st.lists(odd, max_size=2)) | odd
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(answers, answers)
def test_whatever_a_board_answers_there_is_a_finding_or_a_sentence(
    status: dict[str, object], peers: dict[str, object]
) -> None:
    for key in ({}, {"publicKey": SMALL}):
        try:
            board = board_side("/dev/ttyUSB0", {**status, **key}, peers)
        except LineError as error:
            assert not key and str(error).endswith("it has no key.")
        else:
            assert diagnose(Evidence(HOST, board)).sentence
