"""Manual peering without a network: who dials, states, waits, and the operator's changes."""

from shimlet.manual import (
    BACKING_OFF,
    CLOCK_UNSET,
    CONNECTED,
    DIALLING,
    STATES,
    WAITING,
    ManualPeering,
    jittered,
)
from shimlet.reasons import (
    ADDRESS_CHANGED,
    CLOCK_NOT_SET,
    CLOSED_BY_PEER,
    CONNECTION_REFUSED,
    EXPIRED,
    LIST_FULL,
    OWN_KEY,
    REPLAYED,
    UNKNOWN_KEY,
    WRONG_DIRECTION,
)
from shimlet.ticks import PERIOD_MS, since

UNIX = 1_700_000_000
OWN = b"\x80" + bytes(31)
LARGER = b"\x80" + bytes(30) + b"\x01"
SMALLER = b"\x7f" + b"\xff" * 31
MIDDLE = 128  # the random byte that means (almost) no jitter


def listing(key=LARGER, max_known=4, now=0):
    """Manual peering with one peer; both."""
    manual = ManualPeering(OWN, max_known)
    assert manual.add(key, "10.0.0.2:14666", now) == 0
    return manual, manual.known_peers[key]


def test_smaller_key_dials_by_raw_bytes():
    for own, other, outbound in (
        (b"\x00" * 32, b"\x00" * 31 + b"\x01", True),
        (b"\x01" + bytes(31), b"\x00" + b"\xff" * 31, False),
        (b"\x7f" + bytes(31), b"\x80" + bytes(31), True),  # unsigned, not signed
        (b"\x00" * 31 + b"\x02", b"\x00" * 31 + b"\x01", False),
    ):
        manual = ManualPeering(own, 4)
        manual.add(other, "10.0.0.2:14666", 0)
        assert manual.known_peers[other].outbound is outbound, (own, other)


def test_own_key_and_a_full_list_are_refused():
    manual, _ = listing(max_known=1)
    assert manual.add(OWN, "10.0.0.2:14666", 0) == OWN_KEY
    assert manual.add(SMALLER, "10.0.0.3:14666", 0) == LIST_FULL
    assert manual.add(LARGER, "10.0.0.3:14666", 0) == 0, "listed already"
    assert len(manual.known_peers) == 1


def test_caller_is_accepted_only_when_we_wait_for_it():
    manual, _ = listing(SMALLER)
    manual.add(LARGER, "10.0.0.2:14666", 0)
    assert manual.accepts(SMALLER) == 0
    assert manual.accepts(LARGER) == WRONG_DIRECTION
    assert manual.accepts(bytes(32)) == UNKNOWN_KEY
    assert manual.accepts(OWN) == OWN_KEY


def test_outbound_peer_goes_through_its_states():
    manual, peer = listing()
    assert peer.state(False) == CLOCK_UNSET
    assert peer.state(True) == BACKING_OFF and manual.due(0) is peer
    manual.dial_started(peer)
    assert peer.state(True) == DIALLING and manual.due(0) is None
    manual.failed(peer, CONNECTION_REFUSED, 1000, MIDDLE)
    assert peer.state(True) == BACKING_OFF and peer.last_error == CONNECTION_REFUSED
    assert manual.due(2000) is None and manual.due(7000) is peer
    manual.dial_started(peer)
    manual.connected(peer, UNIX)
    assert peer.state(True) == peer.state(False) == CONNECTED
    assert (peer.last_error, peer.last_connected) == (0, UNIX) and manual.due(99_000) is None
    manual.disconnected(peer, CLOSED_BY_PEER, 100_000, MIDDLE)
    assert peer.state(True) == BACKING_OFF and peer.last_error == CLOSED_BY_PEER
    assert manual.due(104_000) is None and manual.due(106_000) is peer
    assert peer.last_connected == UNIX


def test_inbound_peer_waits_and_is_never_due():
    manual, peer = listing(SMALLER)
    assert peer.state(True) == WAITING and peer.state(False) == CLOCK_UNSET
    assert manual.due(0) is None and manual.due(99_000) is None
    manual.connected(peer, UNIX)
    assert peer.state(True) == CONNECTED
    manual.disconnected(peer, CLOSED_BY_PEER, 0, MIDDLE)
    assert peer.state(True) == WAITING and peer.last_error == CLOSED_BY_PEER
    assert manual.due(99_000) is None


def test_states_are_a_fixed_list():
    assert STATES == ("connected", "dialling", "waiting", "backing-off", "clock-not-set")


def waits(manual, peer, failures):
    """The wait after each of so many failed dials in a row, at 1000 each."""
    found = []
    for _ in range(failures):
        manual.dial_started(peer)
        manual.failed(peer, CONNECTION_REFUSED, 1000, MIDDLE)
        found.append(round(since(peer.next_attempt, 1000) / 1000))
    return found


def test_reconnect_interval_stays_the_same_unless_max_backoff_lets_it_stretch():
    manual, peer = listing()
    assert waits(manual, peer, 5) == [5, 5, 5, 5, 5]
    manual.max_backoff_ms = 60_000
    peer.failures = 0
    assert waits(manual, peer, 6) == [5, 10, 20, 40, 60, 60]
    assert waits(manual, peer, 100)[-1] == 60


def test_success_resets_the_wait():
    manual, peer = listing()
    manual.max_backoff_ms = 60_000
    waits(manual, peer, 4)
    manual.dial_started(peer)
    manual.connected(peer, UNIX)
    manual.disconnected(peer, CLOSED_BY_PEER, 0, MIDDLE)
    assert round(since(peer.next_attempt, 0) / 1000) == 5
    assert waits(manual, peer, 2) == [5, 10]


def test_max_backoff_below_the_interval_does_not_shorten_it():
    manual, peer = listing()
    manual.max_backoff_ms = 1000
    assert waits(manual, peer, 2) == [5, 5]


def test_jitter_stays_within_one_eighth():
    found = [jittered(5000, byte) for byte in range(256)]
    assert min(found) == found[0] == 4375 and max(found) == found[255] == 5625
    assert sorted(found) == found and abs(found[128] - 5000) < 5
    assert jittered(0, 255) == 0


def test_new_address_is_dialled_at_once_and_starts_the_waits_afresh():
    manual, peer = listing()
    manual.max_backoff_ms = 60_000
    waits(manual, peer, 3)
    assert manual.add(LARGER, "10.0.0.3:14666", 2000) == 0
    assert manual.due(2000) is peer and peer.address == "10.0.0.3:14666"
    assert (peer.state(True), peer.last_error) == (BACKING_OFF, ADDRESS_CHANGED)
    assert waits(manual, peer, 2) == [5, 10]


def test_new_address_is_dialled_at_once_while_connected():
    manual, peer = listing()
    manual.dial_started(peer)
    manual.connected(peer, UNIX)
    manual.add(LARGER, "10.0.0.3:14666", 2000)
    assert manual.due(2000) is peer and peer.state(True) == CONNECTED
    manual.dial_started(peer)
    assert manual.due(2000) is None and peer.state(True) == CONNECTED
    manual.failed(peer, CONNECTION_REFUSED, 3000, MIDDLE)
    assert (peer.state(True), peer.last_error) == (CONNECTED, 0), "the old link lives on"


def test_dial_of_the_old_address_that_ends_says_nothing_about_the_new_one():
    manual, peer = listing()
    manual.max_backoff_ms = 60_000
    manual.dial_started(peer)
    manual.add(LARGER, "10.0.0.3:14666", 2000)
    manual.failed(peer, ADDRESS_CHANGED, 2100, MIDDLE)
    assert manual.due(2100) is peer, "at once"
    assert waits(manual, peer, 1) == [5]


def test_same_address_again_changes_nothing():
    manual, peer = listing()
    waits(manual, peer, 1)
    assert manual.add(LARGER, "10.0.0.2:14666", 1000) == 0
    assert manual.due(1000) is None and not peer.redial


def test_link_that_ends_during_a_redial_leaves_the_dial_its_course():
    manual, peer = listing()
    manual.dial_started(peer)
    manual.connected(peer, UNIX)
    manual.add(LARGER, "10.0.0.3:14666", 2000)
    manual.disconnected(peer, CLOSED_BY_PEER, 2050, MIDDLE)
    assert manual.due(2050) is peer, "the new address is still due at once"
    manual.dial_started(peer)
    assert peer.state(True) == DIALLING and manual.due(9000) is None


def test_waiting_peer_with_a_new_address_goes_on_waiting():
    manual, peer = listing(SMALLER)
    manual.add(SMALLER, "10.0.0.3:14666", 2000)
    assert peer.state(True) == WAITING and not peer.redial and manual.due(2000) is None


def test_waits_survive_the_wrap_of_the_ticks():
    manual, peer = listing(now=PERIOD_MS - 100)
    assert manual.due(PERIOD_MS - 100) is peer
    manual.dial_started(peer)
    manual.failed(peer, CONNECTION_REFUSED, PERIOD_MS - 100, MIDDLE)
    assert manual.due(PERIOD_MS - 1) is None and manual.due(4500) is None
    assert manual.due(5000) is peer


def test_peer_is_due_also_when_the_clock_was_unset_for_more_than_half_a_period():
    manual, peer = listing(now=1000)
    assert manual.due(1000 + PERIOD_MS // 2 + 5000) is peer


def test_removed_peer_is_gone_and_unknown_keys_are_fine():
    manual, peer = listing()
    assert manual.remove(LARGER) is peer and manual.remove(LARGER) is None
    assert manual.due(9000) is None and manual.accepts(LARGER) == UNKNOWN_KEY


def test_no_two_requests_to_a_peer_carry_the_same_timestamp():
    _, peer = listing()
    assert [peer.next_timestamp(UNIX) for _ in range(3)] == [UNIX, UNIX + 1, UNIX + 2]
    assert peer.next_timestamp(UNIX + 9) == UNIX + 9
    assert peer.next_timestamp(UNIX - 1000) == UNIX - 1000, "the clock was set back"


def test_peer_that_is_removed_and_listed_again_gets_no_request_twice():
    manual, peer = listing()
    first = peer.next_timestamp(UNIX)
    manual.remove(LARGER)
    manual.add(LARGER, "10.0.0.2:14666", 0)
    assert manual.known_peers[LARGER].next_timestamp(UNIX) != first


def test_unlisted_caller_becomes_pending_until_it_is_listed():
    manual, _ = listing()
    assert manual.refused(SMALLER, UNKNOWN_KEY, "10.0.0.9", 0, UNIX)
    assert not manual.refused(SMALLER, UNKNOWN_KEY, "10.0.0.9", 0, UNIX), "known already"
    assert [peer.public_key for peer in manual.pending.peers] == [SMALLER]
    manual.add(SMALLER, "10.0.0.9:14666", 0)
    assert manual.pending.peers == []


def test_refused_listed_caller_shows_why_unless_it_is_connected():
    manual, peer = listing(SMALLER)
    for reason, shown in ((EXPIRED, EXPIRED), (WRONG_DIRECTION,) * 2, (CLOCK_NOT_SET, 0)):
        peer.last_error = 0
        assert not manual.refused(SMALLER, reason, "10.0.0.9", 0, UNIX)
        assert peer.last_error == shown
    manual.connected(peer, UNIX)
    manual.refused(SMALLER, REPLAYED, "10.0.0.9", 0, UNIX)
    assert peer.last_error == 0 and manual.pending.peers == []


def test_caller_refused_for_another_reason_is_not_pending():
    manual, _ = listing()
    assert not manual.refused(bytes(32), REPLAYED, "10.0.0.9", 0, UNIX)
    assert manual.pending.peers == []
