"""The queue of one neighbor, bounded in bytes."""

from helpers import no_alloc
from shimlet.gossip import MAX_FRAME_HEADER, MESSAGE, MESSAGE_REQUEST, frame_header
from shimlet.outbox import Outbox


def test_packets_leave_in_the_order_in_which_they_came():
    outbox = Outbox(1000)
    for number in range(5):
        assert outbox.push(MESSAGE, bytes((number,)))
    assert outbox.push(MESSAGE_REQUEST, b"id")
    assert [outbox.pop()[1][0] for _ in range(5)] == [0, 1, 2, 3, 4]
    assert outbox.pop() == (MESSAGE_REQUEST, b"id")
    assert (len(outbox), outbox.queued_bytes) == (0, 0)


def test_contents_are_shared_and_not_copied():
    content = bytes(100)
    first, second = Outbox(1000), Outbox(1000)
    first.push(MESSAGE, content)
    second.push(MESSAGE, content)
    assert first.pop()[1] is second.pop()[1] is content


def test_what_does_not_fit_is_dropped_and_counted():
    outbox = Outbox(100)
    assert outbox.push(MESSAGE, bytes(80))
    assert not outbox.push(MESSAGE, bytes(80))
    assert not outbox.push(MESSAGE, b"")
    assert (len(outbox), outbox.dropped) == (1, 2)
    outbox.pop()
    assert outbox.push(MESSAGE, bytes(88))
    assert outbox.dropped == 2
    assert not outbox.push(MESSAGE, bytes(1000))


def test_empty_packets_count_too_so_that_they_are_bounded():
    outbox = Outbox(1000)
    while outbox.push(MESSAGE, b""):
        assert len(outbox) <= 1000
    assert len(outbox) * MAX_FRAME_HEADER <= 1000


def test_a_frame_is_never_larger_than_what_was_counted_for_it():
    header = bytearray(MAX_FRAME_HEADER)
    for length in (0, 1, 127, 128, 16384):
        outbox = Outbox(100000)
        outbox.push(MESSAGE, bytes(length))
        assert frame_header(header, MESSAGE, length) + length <= outbox.queued_bytes


def ask(outbox, wanted):
    assert len(outbox) == wanted


def test_asking_whether_something_waits_allocates_nothing():
    no_alloc(ask, Outbox(100), 0)
