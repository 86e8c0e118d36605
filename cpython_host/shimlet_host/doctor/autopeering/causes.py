"""The evidence for each cause around autopeering: does it show the cause?

In: the full node, and the peer or, for the causes of the whole, nobody in particular. Out: whether
the cause is shown. Called through the rows of `table`.
"""

from __future__ import annotations

from collections.abc import Callable

from ..evidence import OPEN, REFUSED, TIMEOUT, UNREACHABLE
from .evidence import Own, Remote

OfPeer = Callable[[Own, Remote], bool]
OfNode = Callable[[Own], bool]

OTHER_NETWORK = ("wrong-network", "wrong-version")
OTHER_TIME = ("expired", "in-the-future")
_LOST = (TIMEOUT, UNREACHABLE)


# OF ONE PEER


def unresolved_name(own: Own, remote: Remote) -> bool:
    """The name of an entry node leads nowhere."""
    return remote.unresolved


def swapped_key(own: Own, remote: Remote) -> bool:
    """Somebody else answers there."""
    answer = remote.answer
    return answer is not None and remote.answers and answer.public_key != remote.public_key


def other_network(own: Own, remote: Remote) -> bool:
    """It answers to Pings of another network alone."""
    answer = remote.answer
    return answer is not None and remote.answers and answer.network != own.network


def skewed_clock(own: Own, remote: Remote) -> bool:
    """It answers to Pings of another time alone."""
    return remote.answer is not None and remote.answer.ahead_s != 0


def closed_udp_port(own: Own, remote: Remote) -> bool:
    """Its machine says that nothing listens there."""
    return remote.answer is not None and remote.answer.end == REFUSED


def blocked_udp(own: Own, remote: Remote) -> bool:
    """UDP gets lost where TCP arrives."""
    return _is_silent(remote) and remote.tcp_end == OPEN


def no_answer(own: Own, remote: Remote) -> bool:
    """Nothing arrives, as far as can be seen."""
    return _is_silent(remote) and remote.tcp_end != OPEN


def seen_elsewhere(own: Own, remote: Remote) -> bool:
    """It sees the full node at another address than the configured one."""
    answer = remote.answer
    seen = answer.seen_as if answer is not None and remote.answers else ""
    return bool(own.external and seen) and seen not in own.ips


def closed_tcp_port(own: Own, remote: Remote) -> bool:
    """UDP answers, and its machine says that nothing listens where its gossip should be."""
    return remote.answers and remote.tcp_end == REFUSED


def blocked_tcp(own: Own, remote: Remote) -> bool:
    """TCP gets lost where UDP arrives."""
    return remote.answers and remote.tcp_end in _LOST


def _is_silent(remote: Remote) -> bool:
    return remote.answer is not None and remote.answer.end in _LOST


# OF THE WHOLE


def is_off(own: Own) -> bool:
    """Nobody switched it on."""
    return not own.enabled


def nowhere_to_start(own: Own) -> bool:
    """No entry node, and nobody known from before."""
    return not (own.entries or own.known or own.verified or own.refusals)


def another_network_calls(own: Own) -> bool:
    """All that arrives is of another network."""
    return own.verified == 0 and _refused(own, *OTHER_NETWORK) > 0


def another_time_calls(own: Own) -> bool:
    """What arrives is of another time."""
    return own.verified == 0 and _refused(own, *OTHER_TIME) > 0


def is_elsewhere(own: Own) -> bool:
    """Nobody sees it at its configured address."""
    return bool(own.external and own.seen_as) and not own.ips & own.seen_as.keys()


def closed_from_outside_by_udp(own: Own) -> bool:
    """Answers come to the port that asked, and no packet that is not expected."""
    return own.called_back == TIMEOUT


def closed_from_outside_by_tcp(own: Own) -> bool:
    """Nobody who was accepted dials, though all of that was arranged over UDP."""
    awaited = {failed.public_key for failed in own.failed if not failed.outbound}
    return bool(awaited and own.gossip and own.address) and own.accepted <= awaited


def nobody_verified(own: Own) -> bool:
    """Nobody answers."""
    return own.verified == 0


def out_of_range_by_mana(own: Own) -> bool:
    """There are others, and the mana of none is similar."""
    around = own.neighborhood
    return around.seeks and around.candidates > 0 and around.similar == 0


def out_of_range_by_theta(own: Own) -> bool:
    """There are others, and theta lets none of them be a neighbor."""
    around = own.neighborhood
    return around.seeks and around.similar > 0 and around.in_range == 0


def all_refuse(own: Own) -> bool:
    """Everybody was asked in vain."""
    around = own.neighborhood
    asked = around.refused + around.silent
    return around.seeks and 0 < around.in_range <= asked and around.refused > 0


def _refused(own: Own, *reasons: str) -> int:
    return sum(own.refusals.get(reason, 0) for reason in reasons)
