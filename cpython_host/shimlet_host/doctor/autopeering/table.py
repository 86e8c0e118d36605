"""The two tables of what can keep neighbors away: of one peer, and of the whole node.

In: nothing. Out: PEERS and NODE, each in the order in which causes are to be mended. The words in
braces are those of `words.Words`; a remedy is a command to paste, at the side that the sentence
names. Called by `findings`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from . import causes
from .causes import OfNode, OfPeer

Shown = TypeVar("Shown")


@dataclass(frozen=True, slots=True)
class Row(Generic[Shown]):
    """One cause, and what to do about it."""

    cause: str
    shown_by: Shown
    sentence: str
    remedy: str


PEERS: tuple[Row[OfPeer], ...] = (
    Row(
        "unresolved-name",
        causes.unresolved_name,
        "The name in {listed} of {it} has no address.",
        "{list_it_elsewhere}",
    ),
    Row(
        "swapped-key",
        causes.swapped_key,
        "On UDP port {port} of {ip}, where {it} should be, the node {answering_key} answers.",
        "{list_answering_key}",
    ),
    Row(
        "wrong-network-version",
        causes.other_network,
        "{It} is in network {other_network}, and this full node in {own_network}.",
        "{join_network}",
    ),
    Row(
        "skewed-clock",
        causes.skewed_clock,
        "{It} answers to Pings that are dated some {skew} only: the clock of this full node or its"
        " own is wrong, and a Ping bears less than 20 s.",
        "{set_clock}",
    ),
    Row(
        "closed-udp-port",
        causes.closed_udp_port,
        "Nothing listens on UDP port {port} of {ip}{tcp}: if that is its machine, autopeering must"
        " be started there.",
        "{listen_for_udp_there}",
    ),
    Row(
        "unreachable-udp-port",
        causes.blocked_udp,
        "UDP port {port} of {ip} does not answer{tcp}: a firewall there must let UDP in.",
        "{let_udp_in_there}",
    ),
    Row(
        "no-answer",
        causes.no_answer,
        "UDP port {port} of {ip} does not answer{tcp}: {it} is off, or not there, or a firewall"
        " keeps UDP away.",
        "{list_it_elsewhere}",
    ),
    Row(
        "wrong-own-address",
        causes.seen_elsewhere,
        "{It} sees this full node at {seen_as}, and network.externalAddress is {external}.",
        "{learn_address}",
    ),
    Row(
        "closed-tcp-port",
        causes.closed_tcp_port,
        "{It} answers over UDP, and nothing listens on TCP port {tcp_port} of {ip}, where it must"
        " listen for gossip.",
        "{listen_for_tcp_there}",
    ),
    Row(
        "unreachable-tcp-port",
        causes.blocked_tcp,
        "{It} answers over UDP, and TCP port {tcp_port} of {ip} does not: a firewall there must"
        " let TCP in.",
        "{let_tcp_in_there}",
    ),
)

NODE: tuple[Row[OfNode], ...] = (
    Row(
        "autopeering-off",
        causes.is_off,
        "Autopeering is off: this full node has its known peers alone.",
        "{switch_on}",
    ),
    Row(
        "no-entry-nodes",
        causes.nowhere_to_start,
        "No entry node is listed, and nobody has called: there is nobody to start from.",
        "{list_entry_node}",
    ),
    Row(
        "wrong-own-address",
        causes.is_elsewhere,
        "Others see this full node at {seen_by_all}, and network.externalAddress is {external}.",
        "{learn_address}",
    ),
    Row(
        "wrong-network-version",
        causes.another_network_calls,
        "Nodes of another network call, and this full node is in network {own_network}: it or they"
        " must change.",
        "{join_some_network}",
    ),
    Row(
        "skewed-clock",
        causes.another_time_calls,
        "Others call with another time: the clock of this full node or theirs is 20 s or more"
        " off.",
        "{set_clock}",
    ),
    Row(
        "no-verified-peers",
        causes.nobody_verified,
        "Nobody answers over UDP, as it is said above of each entry node.",
        "{list_entry_node}",
    ),
    Row(
        "unreachable-udp-port",
        causes.closed_from_outside_by_udp,
        "UDP port {own_port} of this full node gets answers, and nothing else from outside: nobody"
        " new can call. A router must forward UDP to it, or a firewall here must let it in.",
        "{let_udp_in}",
    ),
    Row(
        "unreachable-tcp-port",
        causes.closed_from_outside_by_tcp,
        "Accepted neighbors do not get to TCP port {own_tcp_port} of this full node, though UDP"
        " gets there; it listens on {gossip} alone.",
        "{let_tcp_in}",
    ),
    Row(
        "out-of-range",
        causes.out_of_range_by_mana,
        "{candidates} verified peers might be neighbors, and the mana of none is similar to ours.",
        "{ignore_mana}",
    ),
    Row(
        "out-of-range",
        causes.out_of_range_by_theta,
        "{similar} verified peers might be neighbors, and autoPeering.theta lets none of them.",
        "{usual_theta}",
    ),
    Row(
        "all-refuse",
        causes.all_refuse,
        "All {in_range} peers in range refuse: their places are taken, or they do not count this"
        " full node. One of them must have more places.",
        "{more_places}",
    ),
)
