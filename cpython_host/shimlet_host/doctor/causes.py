"""The evidence for each cause: does it show which side is at fault?

In: Evidence. Out: the side at fault when the evidence shows the cause; False when it shows that
the cause is not there or cannot explain what is seen; None when it may be there. Called through
the rows of `table`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from .evidence import (
    NAMELESS,
    OPEN,
    REFUSED,
    TIMEOUT,
    UNREACHABLE,
    Evidence,
    Side,
    is_numeric,
    parts_of,
)

MOST_SKEW_S = 20  # what a handshake's timestamp may differ
# How a handshake fails with what is no node: a web server, a mail server.
NO_NODE_ERRORS = ("bad-packet", "packet-too-large")
CLOCK_REFUSALS = ("expired", "in-the-future")

Verdict = Side | Literal[False] | None
Cause = Callable[[Evidence], Verdict]


def clock_not_set(evidence: Evidence) -> Verdict:
    """One side says that its clock is not set."""
    for side, _ in evidence.sides:
        if side.clock_is_set is False:
            return side
    return _maybe_in_handshake(evidence, evidence.peer.clock_is_set)


def skewed_clock(evidence: Evidence) -> Verdict:
    """Both clocks are set and differ too much, or one side refused the other's time stamp."""
    host, peer = evidence.host, evidence.peer
    if clock_not_set(evidence):
        return False
    skew = skew_s(evidence)
    if skew is not None:
        wrong = host if peer.clock_source == "ntp" else peer
        return wrong if abs(skew) >= MOST_SKEW_S else False
    if host.refusals.get(peer.public_key) in CLOCK_REFUSALS:
        return peer
    return _maybe_in_handshake(evidence, None)


def skew_s(evidence: Evidence) -> float | None:
    """How far the peer's clock is ahead of the host's."""
    host, peer = evidence.host.clock_ahead_s, evidence.peer.clock_ahead_s
    return None if host is None or peer is None else peer - host


def swapped_key(evidence: Evidence) -> Verdict:
    """One side lists a key that is not the other's, at the other's address."""
    for side, other in evidence.sides:
        if side.wrong_listing(other) is not None:
            return side
    return _maybe_in_handshake(evidence, evidence.peer.peers)


def another_key_answers(evidence: Evidence) -> Verdict:
    """The dialler got an answer of another key, at an address that may be the waiter's."""
    mismatch = evidence.last_error == "key-mismatch" and evidence.waiter.bind is None
    return evidence.dialler if mismatch else False


def key_not_listed(evidence: Evidence) -> Verdict:
    """One side does not list the other, nor anybody else in its place."""
    for side, other in evidence.sides:
        if side.peers is None or side.listing(other) is not None:
            continue
        if side.wrong_listing(other) is None:
            return side
    return _maybe_in_handshake(evidence, evidence.peer.peers)


def offline(evidence: Evidence) -> Verdict:
    """One side says that it is in no network."""
    return next((side for side, _ in evidence.sides if side.offline), False)


def unresolved_name(evidence: Evidence) -> Verdict:
    """The dialler lists the waiter by a name that has no address."""
    if evidence.dial is not None or offline(evidence):
        return evidence.dialler if evidence.dial == NAMELESS else False
    parts = parts_of(evidence.address or "")
    return False if parts and is_numeric(parts[0]) else None


def no_node_answers(evidence: Evidence) -> Verdict:
    """Something answers the dialler that does not speak as nodes do."""
    strange = evidence.last_error in NO_NODE_ERRORS and evidence.waiter.bind is None
    return evidence.dialler if strange else False


def changed_address(evidence: Evidence) -> Verdict:
    """The dialler lists the waiter at an address that is not the waiter's."""
    if offline(evidence):
        return False
    if evidence.address is None:
        return None
    own = evidence.waiter.is_at(evidence.address)
    if own is None:
        return None
    return False if own else evidence.dialler


def closed_port(evidence: Evidence) -> Verdict:
    """The waiter is at the address where it is dialled, and nothing listens there."""
    if offline(evidence):
        return False
    if evidence.address is None:
        return None
    if evidence.waiter.is_at(evidence.address) is False or evidence.dial == NAMELESS:
        return False
    if evidence.waiter.takes(evidence.address) is False:
        return evidence.waiter
    if evidence.fails_in_tcp is False or evidence.waiter.reach == OPEN:
        return False
    if evidence.dial == REFUSED:
        return evidence.waiter
    return None


def wrong_network(evidence: Evidence) -> Verdict:
    """The waiter listens at its address, and no way leads there, nor back."""
    if evidence.address is None:
        return None
    if not _unreached_where_it_listens(evidence) or evidence.waiter.reach == OPEN:
        return False
    movable = evidence.peer if evidence.peer.port else evidence.host
    if evidence.dial == UNREACHABLE:
        return movable
    apart = evidence.dialler.shares_network(evidence.address) is False
    if evidence.dial == TIMEOUT and apart and evidence.waiter.bind is not None:
        return movable
    return None


def wrong_direction(evidence: Evidence) -> Verdict:
    """The dialler cannot reach the waiter, who listens and could reach the dialler."""
    if evidence.address is None:
        return None
    if not _unreached_where_it_listens(evidence):
        return False
    if evidence.waiter.reach == OPEN:
        return evidence.dialler if evidence.fails_in_tcp else None
    return None if evidence.waiter.reach is None and evidence.dial != REFUSED else False


def _unreached_where_it_listens(evidence: Evidence) -> bool:
    """Whether TCP connections fail, or may fail, though nothing speaks against the address."""
    address = evidence.address
    if address is None or evidence.fails_in_tcp is False or offline(evidence):
        return False
    if evidence.dial == NAMELESS:
        return False
    waiter = evidence.waiter
    return waiter.is_at(address) is not False and waiter.takes(address) is not False


def _maybe_in_handshake(evidence: Evidence, known: object) -> Verdict:
    """None if the peer did not tell and the handshake may be what fails, else False."""
    told = evidence.last_error == "key-mismatch" or evidence.last_error in NO_NODE_ERRORS
    if known is not None or evidence.fails_in_tcp or told:
        return False
    return None
