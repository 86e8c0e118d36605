"""Dialling, in virtual time: what goes out and when, every way to fail, and the next attempt."""

from helpers import NotEd25519
from pretend import HIGH, LOW, UNIX, LinkPair, frame
from pretend_net import MUTE
from pretend_node import Answerer, PretendNode, play, two_nodes
from shimlet.link import RESPONSE_TIMEOUT_MS
from shimlet.reasons import (
    ADDRESS_CHANGED,
    CLOCK_NOT_SET,
    CLOSED_BEFORE_RESPONSE,
    CONNECT_TIMEOUT,
    CONNECTION_REFUSED,
    KEY_MISMATCH,
    NAME_NOT_FOUND,
    NAME_TIMEOUT,
    REMOVED,
    REPLACED,
    RESPONSE_MISMATCH,
    RESPONSE_TIMEOUT,
    UNKNOWN_KEY,
)
from shimlet.ticks import PERIOD_MS, since

FAR = "10.0.0.2:14666"


class Signer(NotEd25519):
    """Notes when it signs."""

    def __init__(self, diary):
        super().__init__(b"")
        self.public_key = LOW.public_key
        self.diary = diary

    def sign(self, buf, start, length, out, at):
        self.diary.append("signed")
        super().sign(buf, start, length, out, at)


def lonely(world, address=FAR, identity=LOW):
    """A node that dials HIGH at `address`; it and the entry of its list."""
    node = PretendNode(world, identity, "10.0.0.1")
    return node, node.lists(HIGH, address)


def test_two_nodes_that_list_each_other_connect_in_a_second():
    async def test(world):
        dialler, waiter = two_nodes(world)
        assert dialler.state(waiter) == ("backing-off", 0)
        assert waiter.state(dialler) == ("waiting", 0)
        await world.run(1000)
        assert dialler.state(waiter) == waiter.state(dialler) == ("connected", 0)
        assert dialler.watcher.of("up") == [(waiter.key, True, "10.0.0.2")]
        assert waiter.watcher.of("up") == [(dialler.key, False, "10.0.0.1")]
        assert world.given == 2, "one connection"

    play(test)


def test_request_is_signed_before_the_connection_and_sent_in_one_write():
    async def test(world):
        diary = []
        lonely(world, identity=Signer(diary))
        answerer = Answerer(world, FAR)
        accept = answerer.ends.append
        world.hosts[FAR] = lambda end: (diary.append("connected"), accept(end))
        await world.run(300)
        assert diary == ["signed", "connected"], diary
        assert len(answerer.ends[0].peer.writes) == 1
        assert len(answerer.ends[0].inbox) == len(answerer.ends[0].peer.writes[0])

    play(test)


def test_nothing_more_is_sent_before_the_response():
    async def test(world):
        node, _ = lonely(world)
        answerer = Answerer(world, FAR)
        await world.run(300)
        node.streams.publish(b"too early")
        await world.run(4000)
        assert len(answerer.ends[0].peer.writes) == 1
        answerer.answer()
        node.streams.publish(b"in time")
        await world.run(300)
        assert len(answerer.ends[0].peer.writes) == 1, "there was no link when it was published"
        node.streams.publish(b"on the link")
        await world.run(300)
        assert answerer.ends[0].peer.writes[1:] == [frame(b"on the link")]

    play(test)


def test_bytes_behind_the_response_are_the_first_frame():
    async def test(world):
        node, _ = lonely(world)
        answerer = Answerer(world, FAR)
        await world.run(300)
        answerer.answer(frame(b"eager"))
        await world.run(300)
        assert [news[0] for news in node.watcher.of("message")] == [b"eager"]

    play(test)


def failure(reason, after_ms, address=FAR, prepare=None):
    """A dial fails for this reason after so many ms, and is due again one interval later."""

    async def test(world):
        if prepare:
            prepare(world)
        node, peer = lonely(world, address)
        if after_ms > 400:
            await world.run(after_ms - 100)
            assert peer.state(True) == "dialling" and not peer.last_error, peer.last_error
            await world.run(500)
        await world.run(100)
        assert node.watcher.of("failed") == [(HIGH.public_key, address, reason)], node.watcher.news
        assert (peer.state(True), peer.last_error) == ("backing-off", reason)
        assert 4000 < since(peer.next_attempt, node.net.now()) <= 5625

    play(test)


def test_refused_connection_is_named():
    failure(CONNECTION_REFUSED, 0)


def test_host_that_never_answers_is_a_connect_timeout_after_five_seconds():
    failure(CONNECT_TIMEOUT, 5000, prepare=lambda world: world.hosts.update({FAR: MUTE}))


def test_name_that_is_unknown_is_named():
    failure(NAME_NOT_FOUND, 0, "board.example:14666")


def test_name_server_that_never_answers_is_a_timeout_after_five_seconds():
    def prepare(world):
        world.names["board.example"] = MUTE

    failure(NAME_TIMEOUT, 5000, "board.example:14666", prepare)


def test_peer_that_never_responds_is_a_timeout_after_five_seconds():
    failure(RESPONSE_TIMEOUT, RESPONSE_TIMEOUT_MS, prepare=lambda world: Answerer(world, FAR))


def test_slow_connection_leaves_the_peer_five_seconds_to_respond():
    async def test(world):
        _, peer = lonely(world)
        answerer = Answerer(world, FAR)
        world.delays[FAR] = 4800
        await world.run(4800 + 4800)
        answerer.answer()
        await world.run(100)
        assert peer.state(True) == "connected"

    play(test)


def test_peer_that_closes_without_an_answer_is_named():
    def prepare(world):
        world.hosts[FAR] = lambda end: end.hang_up()

    failure(CLOSED_BEFORE_RESPONSE, 0, prepare=prepare)


def test_connection_that_breaks_before_the_response_is_named():
    def prepare(world):
        world.hosts[FAR] = lambda end: end.cut()

    failure(CLOSED_BEFORE_RESPONSE, 0, prepare=prepare)


def answer_badly(response_of, reason):
    """A dial fails for this reason at once when response_of(answerer) is what comes back."""

    async def test(world):
        _, peer = lonely(world)
        answerer = Answerer(world, FAR)
        await world.run(300)
        answerer.ends[0].write(response_of(answerer))
        await world.run(10)
        assert (peer.state(True), peer.last_error) == ("backing-off", reason)
        assert answerer.ends[0].ended

    play(test)


def test_response_of_another_key_is_refused():
    def response_of(answerer):
        answerer.identity = NotEd25519(b"stranger")
        # A request names no key, so anybody can answer it.
        return answerer.response()

    answer_badly(response_of, KEY_MISMATCH)


def test_response_to_another_request_is_refused():
    def response_of(answerer):
        pair = LinkPair()
        replies = []
        pair.to_acceptor(pair.request(UNIX + 7), replies)
        return replies[0]

    answer_badly(response_of, RESPONSE_MISMATCH)


def test_name_is_kept_as_typed_and_resolved_at_each_dial():
    async def test(world):
        world.names["board.example"] = "10.0.0.8"
        node, peer = lonely(world, "board.example:14666")
        await world.run(1000)
        assert peer.last_error == CONNECTION_REFUSED
        world.names["board.example"] = "10.0.0.2"
        waiter = PretendNode(world, HIGH, "10.0.0.2")
        waiter.lists(node)
        await world.run(6000)
        assert peer.state(True) == "connected" and peer.address == "board.example:14666"

    play(test)


def dial_times(world, address=FAR):
    """The moments at which `address` is dialled, growing; every dial is hung up on."""
    times = []

    def hang_up(end):
        times.append(world.passed)
        end.hang_up()

    world.hosts[address] = hang_up
    return times


def test_dials_follow_each_other_by_the_interval_with_jitter():
    async def test(world):
        times = dial_times(world)
        node, _ = lonely(world)
        for byte, low, high in ((0, 4375, 4600), (255, 5600, 5900), (128, 5000, 5300)):
            node.net.chance = byte
            del times[:]
            await world.run(30_000)
            waits = [later - earlier for earlier, later in zip(times, times[1:])][1:]
            assert waits and all(low <= wait <= high for wait in waits), (byte, waits)

    play(test)


def test_max_backoff_lets_the_wait_double_and_success_resets_it():
    async def test(world):
        times = dial_times(world)
        node, peer = lonely(world)
        node.manual.max_backoff_ms = 40_000
        await world.run(100_000)
        waits = [later - earlier for earlier, later in zip(times, times[1:])]
        assert [round(wait / 5000) for wait in waits] == [1, 2, 4, 8], waits
        answerer = Answerer(world, FAR)
        await world.run(16_000)
        answerer.answer()
        await world.run(100)
        assert peer.state(True) == "connected"
        del times[:]
        dial_times(world)
        answerer.ends[-1].hang_up()
        await world.run(100)
        assert peer.failures == 0 and since(peer.next_attempt, node.net.now()) <= 5625

    play(test)


def test_node_whose_clock_is_not_set_neither_dials_nor_accepts_and_starts_by_itself():
    async def test(world):
        dialler, waiter = two_nodes(world)
        dialler.net.clock_offset = None
        await world.run(20_000)
        assert dialler.state(waiter) == ("clock-not-set", 0) and not world.given
        dialler.net.clock_offset, waiter.net.clock_offset = 0, None
        await world.run(1000)
        assert waiter.state(dialler) == ("clock-not-set", 0)
        assert waiter.watcher.of("refused") == [("10.0.0.1", b"", CLOCK_NOT_SET)]
        assert dialler.state(waiter) == ("backing-off", CLOSED_BEFORE_RESPONSE)
        waiter.net.clock_offset = 0
        await world.run(6000)
        assert dialler.state(waiter) == waiter.state(dialler) == ("connected", 0)
        dialler.net.clock_offset = None
        await world.run(1000)
        assert dialler.state(waiter) == ("connected", 0), "an open link needs no clock"

    play(test)


def test_ticks_may_wrap_at_any_stage_of_a_dial():
    async def test(world):
        times = dial_times(world)
        lonely(world)
        await world.run(60_000)
        assert 11 <= len(times) <= 13, times

    for before in (1, 150, 3000, 5100, 12_345):
        play(test, PERIOD_MS - before)


def test_timeouts_hold_across_the_wrap():
    async def test(world):
        world.hosts[FAR] = MUTE
        _, peer = lonely(world)
        await world.run(4900)
        assert peer.state(True) == "dialling"
        await world.run(500)
        assert peer.last_error == CONNECT_TIMEOUT

    for before in (1, 100, 3000, 5100):
        play(test, PERIOD_MS - before)


def readdress_at(stage):
    """A new address in the midst of a dial."""

    async def test(world):
        old = "10.0.0.7:14666"
        world.names["old.example"] = MUTE if stage == "name" else "10.0.0.7"
        answerer = Answerer(world, old)
        if stage == "connect":
            world.hosts[old] = MUTE
        node, peer = lonely(world, "old.example:14666")
        waiter = PretendNode(world, HIGH, "10.0.0.2")
        waiter.lists(node)
        await world.run(1000)
        assert peer.state(True) == "dialling"
        node.lists(waiter)
        await world.run(500)
        assert peer.state(True) == "connected" and not peer.last_error, stage
        assert [news[2] for news in node.watcher.of("failed")] == [ADDRESS_CHANGED], stage
        assert stage != "response" or answerer.ends[0].ended

    play(test)


def test_new_address_while_dialling_ends_the_dial_and_dials_at_once():
    for stage in ("name", "connect", "response"):
        readdress_at(stage)


def test_new_address_while_connected_is_dialled_at_once_and_replaces_the_link():
    async def test(world):
        dialler, waiter = two_nodes(world)
        await world.run(500)
        first = dialler.connection(waiter)
        world.hosts["10.0.0.3:14666"] = waiter.on_stream
        waiter.rules.addresses.append(b"10.0.0.3:14666")
        dialler.lists(waiter, "10.0.0.3:14666")
        await world.run(500)
        assert dialler.connection(waiter) is not first and first.reason == REPLACED
        assert dialler.state(waiter) == waiter.state(dialler) == ("connected", 0)
        assert dialler.connection(waiter).link.source == "10.0.0.3"
        assert not dialler.watcher.of("down"), "it was never down"

    play(test)


def test_new_address_that_leads_nowhere_leaves_the_open_link():
    async def test(world):
        dialler, waiter = two_nodes(world)
        await world.run(500)
        dialler.lists(waiter, "10.0.0.66:14666")
        await world.run(20_000)
        assert dialler.state(waiter) == waiter.state(dialler) == ("connected", 0)
        assert [news[2] for news in dialler.watcher.of("failed")] == [CONNECTION_REFUSED]

    play(test)


def test_new_address_while_backing_off_is_dialled_at_once():
    async def test(world):
        dialler, waiter = two_nodes(world)
        dialler.lists(waiter, "10.0.0.66:14666")
        await world.run(1000)
        assert dialler.state(waiter) == ("backing-off", CONNECTION_REFUSED)
        dialler.lists(waiter)
        await world.run(300)
        assert dialler.state(waiter) == ("connected", 0)

    play(test)


def remove_at(stage):
    """A peer is removed in the midst of a dial."""

    async def test(world):
        world.names["old.example"] = MUTE if stage == "name" else "10.0.0.2"
        Answerer(world, FAR)
        if stage == "connect":
            world.hosts[FAR] = MUTE
        node, _ = lonely(world, "old.example:14666")
        await world.run(1000)
        assert node.streams.remove(HIGH.public_key)
        await world.run(0)
        assert not node.streams.alive and not node.streams.dials, stage
        assert [news[2] for news in node.watcher.of("failed")] == [REMOVED], stage
        await world.run(20_000)
        assert len(node.watcher.of("failed")) == 1

    play(test)


def test_removing_a_peer_ends_its_dial_at_every_stage():
    for stage in ("name", "connect", "response"):
        remove_at(stage)


def test_both_sides_must_list_each_other_and_the_caller_becomes_pending():
    async def test(world):
        dialler = PretendNode(world, LOW, "10.0.0.1")
        waiter = PretendNode(world, HIGH, "10.0.0.2")
        dialler.lists(waiter)
        await world.run(12_000)
        assert dialler.state(waiter) == ("backing-off", CLOSED_BEFORE_RESPONSE)
        assert waiter.watcher.of("refused")[0] == ("10.0.0.1", dialler.key, UNKNOWN_KEY)
        (pending,) = waiter.manual.pending.peers
        assert (pending.public_key, pending.source, pending.attempts) == (
            dialler.key,
            "10.0.0.1",
            3,
        )
        assert len(waiter.watcher.of("pending")) == 1
        waiter.lists(dialler)
        assert not waiter.manual.pending.peers
        await world.run(6000)
        assert dialler.state(waiter) == waiter.state(dialler) == ("connected", 0)

    play(test)


def test_peer_that_is_removed_and_listed_again_connects_at_once():
    async def test(world):
        dialler, waiter = two_nodes(world)
        await world.run(300)
        for node, other in ((dialler, waiter), (waiter, dialler)):
            for _ in range(3):
                node.streams.remove(other.key)
                node.lists(other)
                await world.run(210)
            await world.run(6000)
            assert dialler.state(waiter) == waiter.state(dialler) == ("connected", 0)
        replays = [news for news in waiter.watcher.of("refused") if news[2] != UNKNOWN_KEY]
        assert not replays, replays

    play(test)
