"""Pending peers and the rule who makes room: strangers are remembered, within bounds."""

from shimlet.admission import crowded_out
from shimlet.pending import MAX_PENDING, RATE_BURST, PendingPeers
from shimlet.ticks import PERIOD_MS

UNIX = 1_700_000_000


def key(number):
    return bytes([number]) * 32


def filled(count, source="10.0.0.9"):
    """A table that `count` strangers entered, a second apart, from `source` or source(number)."""
    pending = PendingPeers()
    for number in range(count):
        where = source(number) if callable(source) else source
        assert pending.note(key(number), where, number * 1000, UNIX + number), number
    return pending


def test_caller_is_remembered_with_its_times_and_attempts():
    pending = PendingPeers()
    assert pending.note(key(1), "10.0.0.9", 0, UNIX)
    assert not pending.note(key(1), "10.0.0.8", 10, UNIX + 5)
    (peer,) = pending.peers
    assert (peer.public_key, peer.source) == (key(1), "10.0.0.8")
    assert (peer.first_seen, peer.last_seen, peer.attempts) == (UNIX, UNIX + 5, 2)


def test_at_most_32_are_kept_and_the_oldest_of_the_noisiest_source_goes():
    pending = filled(MAX_PENDING, lambda number: "10.0.0.%d" % (number if number < 3 else 9))
    assert pending.note(key(100), "10.0.0.7", 99_000, UNIX)
    keys = [peer.public_key for peer in pending.peers]
    assert len(keys) == MAX_PENDING
    assert key(0) in keys and key(2) in keys and key(100) in keys
    assert key(3) not in keys and key(4) in keys


def test_new_ones_enter_at_a_limited_rate_and_known_ones_are_always_counted():
    pending = PendingPeers()
    entered = [pending.note(key(number), "10.0.0.9", 0, UNIX) for number in range(20)]
    assert entered == [True] * RATE_BURST + [False] * (20 - RATE_BURST)
    assert not pending.note(key(0), "10.0.0.9", 0, UNIX)
    assert pending.peers[0].attempts == 2
    assert not pending.note(key(50), "10.0.0.9", 999, UNIX)
    assert pending.note(key(50), "10.0.0.9", 1000, UNIX)
    assert not pending.note(key(51), "10.0.0.9", 1000, UNIX)


def test_rate_recovers_to_its_burst_and_no_further():
    pending = PendingPeers()
    for number in range(20):
        pending.note(key(number), "10.0.0.9", 0, UNIX)
    entered = [pending.note(key(30 + number), "10.0.0.9", 60_000, UNIX) for number in range(20)]
    assert sum(entered) == RATE_BURST


def test_rate_survives_the_wrap_of_the_ticks_and_days_without_a_caller():
    for first, later in ((PERIOD_MS - 400, 600), (1000, 1000 + PERIOD_MS // 2 + 5)):
        pending = PendingPeers()
        for number in range(20):
            pending.note(key(number), "10.0.0.9", first, UNIX)
        assert not pending.note(key(40), "10.0.0.9", first, UNIX)
        entered = [pending.note(key(40 + number), "10.0.0.9", later, UNIX) for number in range(20)]
        assert 1 <= sum(entered) <= RATE_BURST, (first, later)


def test_listed_key_is_forgotten():
    pending = filled(3)
    pending.forget(key(1))
    pending.forget(key(99))
    assert [peer.public_key for peer in pending.peers] == [key(0), key(2)]


def test_board_keeps_fewer():
    pending = PendingPeers(4)
    for number in range(8):
        pending.note(key(number), "10.0.0.9", number * 1000, UNIX)
    assert [peer.public_key for peer in pending.peers] == [key(4), key(5), key(6), key(7)]


def test_oldest_of_the_most_crowded_source_makes_room():
    for sources, index in (
        ("a", 0),
        ("ab", 0),
        ("abb", 1),
        ("abab", 0),
        ("cabbab", 2),
        ("abcccba", 2),
    ):
        assert crowded_out(list(sources)) == index, sources
