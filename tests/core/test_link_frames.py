"""Frames of an open link: sizes, splits, skipping, and what time does to them."""

import random

from pretend import LinkPair, feed, frame
from shimlet.link import EMPTY, MAX_FRAME
from shimlet.packet import NEED_DATA
from shimlet.reasons import BODY_TIMEOUT, FRAME_TOO_LARGE, SILENT
from shimlet.ticks import PERIOD_MS


def open_pair(step=0, buffer=600):
    return LinkPair(step, buffer=buffer).shake_hands()


def big_frame(length):
    """A frame with a body of `length` bytes."""
    return bytes([length >> 24, length >> 16 & 255, length >> 8 & 255, length & 255]) + (
        b"\x14" + bytes(length - 1)
    )


def test_frames_arrive_whole_in_any_split_both_ways():
    wire = b"".join([frame(bytes([n]) * n) for n in range(1, 60)])
    expected = [frame(bytes([n]) * n)[4:] for n in range(1, 60)]
    for step in (0, 1, 3, 64, 599):
        pair = open_pair(step, buffer=80)
        assert pair.to_acceptor(wire) == expected, step
        assert pair.to_dialler(wire) == expected, step


def test_largest_frame_that_fits_is_taken_and_one_byte_more_is_skipped():
    for step in (0, 1):
        pair = open_pair(step, buffer=100)
        fits = big_frame(96)
        assert pair.to_acceptor(fits) == [fits[4:]]
        assert pair.to_acceptor(big_frame(97) + fits) == [fits[4:]]
        assert (pair.acceptor.frames_received, pair.acceptor.frames_skipped) == (2, 1)


def test_largest_frame_of_the_protocol_is_skipped_by_a_small_buffer_and_the_link_lives():
    pair = open_pair(buffer=600)
    for to_peer in (pair.to_acceptor, pair.to_dialler):
        assert to_peer(bytes([0, 1, 4, 0, 20])) == []
        for _ in range(MAX_FRAME // 1024 - 1):
            assert to_peer(bytes(1024)) == []
        assert to_peer(bytes(1023)) == []
        assert to_peer(frame(b"after")) == [frame(b"after")[4:]]
    assert pair.acceptor.frames_skipped == pair.dialler.frames_skipped == 1


def test_header_above_the_limit_ends_the_link():
    for header in (b"\x00\x01\x04\x01", b"\x00\xff\xff\xff", b"\x01\x00\x00\x00", b"\xff" * 4):
        for step in (0, 1):
            pair = open_pair(step)
            assert pair.to_acceptor(header + bytes(8)) == [FRAME_TOO_LARGE], header


def test_empty_frames_are_events_of_their_own_and_keep_no_time():
    pair = open_pair()
    assert pair.to_acceptor(bytes(12)) == [EMPTY] * 3
    assert pair.acceptor.frames_received == 0


def test_body_must_be_complete_within_four_seconds_of_its_header():
    pair = open_pair()
    whole = frame(b"slow body")
    pair.now = 1000
    pair.to_acceptor(whole[:6])
    pair.now = 4000
    pair.to_acceptor(whole[6:8])
    assert pair.acceptor.overdue(5000) == 0
    assert pair.acceptor.overdue(5001) == BODY_TIMEOUT


def test_skipped_body_has_four_seconds_too():
    pair = open_pair(buffer=100)
    pair.now = 1000
    pair.to_acceptor(big_frame(400)[:300])
    assert pair.acceptor.overdue(5000) == 0
    assert pair.acceptor.overdue(5001) == BODY_TIMEOUT
    pair.to_acceptor(big_frame(400)[300:])
    assert pair.acceptor.overdue(9000) == 0


def test_part_of_a_header_may_take_any_time():
    pair = open_pair()
    pair.to_acceptor(b"\x00\x00")
    assert pair.acceptor.overdue(60_000) == 0


def test_each_body_has_its_own_four_seconds():
    pair = open_pair()
    whole = frame(b"body")
    for moment in (0, 3000, 6000, 9000):
        pair.now = moment
        pair.to_acceptor(whole[-1:] + whole[:-1] if moment else whole[:-1])
        assert pair.acceptor.overdue(moment + 4000) == 0, moment


def test_complete_frame_ends_the_wait_for_its_body():
    pair = open_pair()
    whole = frame(b"body")
    pair.to_acceptor(whole[:7])
    pair.to_acceptor(whole[7:])
    assert pair.acceptor.overdue(100_000) == 0


def test_keep_alive_is_due_after_thirty_seconds_without_sending():
    pair = open_pair()
    for link in (pair.dialler, pair.acceptor):
        assert not link.keep_alive_due(29_999)
        assert link.keep_alive_due(30_000)
        link.last_sent = 30_000
        assert not link.keep_alive_due(59_999)


def test_silence_ends_only_links_of_peers_that_ever_kept_alive():
    pair = open_pair()
    pair.to_acceptor(frame(b"only messages"))
    assert pair.acceptor.overdue(1_000_000) == 0
    pair.to_acceptor(bytes(4))
    assert pair.acceptor.overdue(100_000) == 0
    assert pair.acceptor.overdue(100_001) == SILENT
    pair.now = 50_000
    pair.to_acceptor(frame(b"any byte counts")[:3])
    assert pair.acceptor.overdue(150_000) == 0
    assert pair.acceptor.overdue(150_001) == SILENT


def test_acceptor_holds_its_first_frame_back_for_100_ms_and_the_dialler_does_not():
    pair = open_pair()
    assert pair.dialler.quiet_ms(0) == 0
    pair.acceptor.connected(20)  # signing took its time
    assert pair.acceptor.quiet_ms(50) == 70
    assert pair.acceptor.quiet_ms(119) == 1
    assert pair.acceptor.quiet_ms(120) == 0


def test_any_frame_received_ends_the_quiet():
    for data in (frame(b"x"), bytes(4), big_frame(700)):
        pair = open_pair()
        assert pair.acceptor.quiet_ms(1) == 99
        pair.to_acceptor(data)
        assert pair.acceptor.quiet_ms(1) == 0, data


def test_quiet_does_not_come_back_when_the_ticks_wrap():
    pair = open_pair()
    assert pair.acceptor.quiet_ms(30_000) == 0
    assert pair.acceptor.quiet_ms(PERIOD_MS // 2 + 5) == 0, "half a period later"
    assert pair.acceptor.quiet_ms(10) == 0


def test_every_timer_of_a_link_survives_the_wrap_of_the_ticks():
    start = PERIOD_MS - 50
    pair = LinkPair()
    pair.now = start
    pair.shake_hands()
    assert pair.acceptor.quiet_ms(40) == 10 and pair.acceptor.quiet_ms(50) == 0
    assert not pair.acceptor.keep_alive_due(29_949) and pair.acceptor.keep_alive_due(29_950)
    pair.to_acceptor(bytes(4) + b"\x00\x00\x00\x09")
    assert pair.acceptor.overdue(3950) == 0 and pair.acceptor.overdue(3951) == BODY_TIMEOUT
    pair.to_acceptor(bytes(9))
    assert pair.acceptor.overdue(99_950) == 0 and pair.acceptor.overdue(99_951) == SILENT


def test_random_bytes_after_the_handshake_give_frames_or_one_reason():
    chance = random
    chance.seed(7)
    for _ in range(60):
        pair = open_pair(chance.randrange(40), buffer=64 + chance.randrange(200))
        data = b"".join([random_piece(chance) for _ in range(20)])
        events = pair.to_acceptor(data)
        reasons = [event for event in events if isinstance(event, int) and event < 0]
        assert reasons in ([], [FRAME_TOO_LARGE]), reasons
        if not reasons:
            assert pair.acceptor.next_event(0, 0) == NEED_DATA


def random_piece(chance):
    """A frame, an empty one, a large one, or now and then rubbish."""
    kind = chance.randrange(20)
    if kind < 12:
        return frame(bytes(chance.randrange(100)))
    if kind < 15:
        return bytes(4)
    if kind < 19:
        return big_frame(1 + chance.randrange(1000))
    return bytes([chance.randrange(256) for _ in range(10)])


def test_whole_and_byte_by_byte_give_the_same_events():
    chance = random
    chance.seed(11)
    for _ in range(10):
        data = b"".join([random_piece(chance) for _ in range(12)])
        whole, bytewise = open_pair(0), open_pair(1)
        assert whole.to_acceptor(data) == bytewise.to_acceptor(data)


def test_reading_goes_on_in_a_reused_buffer():
    pair = open_pair(buffer=100)
    pair.to_acceptor(frame(b"abc")[:5])
    pair.acceptor.adopt(bytearray(200))
    assert feed(pair.acceptor, frame(b"abc")[5:]) == [frame(b"abc")[4:]]
