"""Accepting, in virtual time: slow, silent, many, wrong and eager callers."""

import asyncio

from helpers import NotEd25519
from pretend import HIGH, LOW, frame
from pretend_node import Caller, PretendNode, play
from shimlet.link import ESTABLISHED
from shimlet.reasons import (
    BAD_PACKET,
    BAD_SIGNATURE,
    CLOSED_BEFORE_REQUEST,
    CONNECTION_LOST,
    EXPIRED,
    IN_THE_FUTURE,
    OWN_KEY,
    REMOVED,
    REPLAYED,
    REQUEST_TIMEOUT,
    SEND_STUCK,
    TOO_MANY_HALF_OPEN,
    UNKNOWN_KEY,
    WRONG_ADDRESS,
    WRONG_DIRECTION,
)
from shimlet.streams import Limits


def waiter(world, profile="spec"):
    """A node that waits for LOW."""
    node = PretendNode(world, HIGH, "10.0.0.2", profile)
    node.lists(LOW, "10.0.0.1:14666")
    return node


def reasons_of(node):
    """Why callers were refused, in order."""
    return [news[2] for news in node.watcher.of("refused")]


def test_request_is_read_in_any_split():
    async def test(world):
        node = waiter(world)
        for step, hesitant in ((1, False), (1, True), (13, True), (0, True)):
            caller = Caller(world, node, silent=True)
            caller.end.peer.step = step
            caller.end.peer.hesitant = hesitant
            await world.run(1000)
            caller.end.write(caller.request + frame(b"eager"))
            await world.run(10)
            assert caller.events() == [ESTABLISHED], (step, hesitant)
            assert node.watcher.of("message") or step != 1
            caller.end.hang_up()
            await world.run(2000)

    play(test)


def test_caller_that_trickles_its_request_has_two_seconds_in_all():
    async def test(world):
        node = waiter(world)
        caller = Caller(world, node, silent=True)
        for at in range(19):
            caller.end.write(caller.request[at : at + 1])
            await world.run(100)
        assert not caller.end.ended
        await world.run(400)
        assert caller.refused() and reasons_of(node) == [REQUEST_TIMEOUT]

    play(test)


def test_callers_that_leave_or_break_before_their_request_are_named():
    async def test(world):
        node = waiter(world)
        first, second = (Caller(world, node, silent=True) for _ in range(2))
        first.end.write(first.request[:40])
        await world.run(0)
        first.end.hang_up()
        second.end.cut()
        await world.run(0)
        assert reasons_of(node) == [CLOSED_BEFORE_REQUEST] * 2
        assert node.streams.refusals == {CLOSED_BEFORE_REQUEST: 2}

    play(test)


def refusal(reason, profile="spec", identity=LOW, **how):
    """A caller that is closed without an answer, for this reason, at once."""

    async def test(world):
        node = waiter(world, profile)
        caller = Caller(world, node, identity, **how)
        await world.run(0)
        assert caller.refused(), (profile, how)
        assert node.watcher.of("refused") == [("10.0.0.9", identity.public_key, reason)]
        assert node.streams.refusals == {reason: 1} and not node.watcher.of("up")

    play(test)


def test_each_refusal_closes_without_an_answer_and_is_counted():
    for profile in ("spec", "goshimmer"):
        refusal(EXPIRED, profile, age=20)
        refusal(IN_THE_FUTURE, profile, age=-21)
        refusal(OWN_KEY, profile, HIGH)
        refusal(UNKNOWN_KEY, profile, NotEd25519(b"stranger"))
    refusal(WRONG_ADDRESS, to="10.0.0.3:14666")


def test_request_to_another_address_opens_a_link_in_profile_goshimmer():
    async def test(world):
        node = waiter(world, "goshimmer")
        caller = Caller(world, node, to="10.0.0.3:14666")
        await world.run(0)
        assert caller.events() == [ESTABLISHED]

    play(test)


def test_peer_that_we_should_dial_is_refused_and_the_operator_sees_why():
    async def test(world):
        node = PretendNode(world, LOW, "10.0.0.1")
        peer = node.lists(HIGH, "10.0.0.66:14666")
        await world.run(300)
        caller = Caller(world, node, HIGH)
        await world.run(0)
        assert caller.refused() and peer.last_error == WRONG_DIRECTION
        assert reasons_of(node) == [WRONG_DIRECTION]

    play(test)


def test_forged_and_broken_requests_are_refused_and_nobody_becomes_pending():
    async def test(world):
        node = waiter(world)
        callers = [Caller(world, node, silent=True) for _ in range(3)]
        request = callers[0].request
        callers[0].end.write(request[:-1] + bytes([request[-1] ^ 1]))
        callers[1].end.write(frame(b"a frame first"))
        callers[2].end.write(b"GET / HTTP/1.1\r\nHost: 10.0.0.2:14666\r\n\r\n" + bytes(300))
        await world.run(0)
        assert all(caller.refused() for caller in callers)
        assert sorted(reasons_of(node)) == sorted([BAD_SIGNATURE, BAD_PACKET, BAD_PACKET])
        assert not node.manual.pending.peers

    play(test)


def replay(profile, pause_ms, source):
    """Whether a request is refused that is sent again from `source` after `pause_ms`."""
    found = []

    async def test(world):
        node = waiter(world, profile)
        first = Caller(world, node)
        await world.run(pause_ms)
        second = Caller(world, node, source=source, silent=True)
        second.end.write(first.request)
        await world.run(0)
        found.append(second.refused())
        if second.refused():
            assert reasons_of(node) == [REPLAYED]
            assert not first.end.ended, "the link that it was meant to kill lives on"

    play(test)
    return found[0]


def test_replayed_request_is_refused_and_an_existing_node_may_retry():
    assert replay("spec", 500, "10.0.0.9")
    assert replay("spec", 500, "10.0.0.8")
    assert not replay("goshimmer", 500, "10.0.0.9")
    assert replay("goshimmer", 2500, "10.0.0.9")
    assert replay("goshimmer", 500, "10.0.0.8")


def test_two_peers_that_dial_in_the_same_second_both_get_their_link():
    async def test(world):
        node = waiter(world)
        third = smaller_than(HIGH)
        node.lists(third, "10.0.0.3:14666")
        callers = [Caller(world, node), Caller(world, node, third, source="10.0.0.3")]
        await world.run(0)
        assert [caller.events() for caller in callers] == [[ESTABLISHED]] * 2
        assert len(node.streams.links) == 2

    play(test)


def smaller_than(identity):
    """Another identity than LOW with a smaller key."""
    for number in range(200):
        found = NotEd25519(b"%d" % number)
        if found.public_key < identity.public_key:
            return found
    raise AssertionError


def test_half_open_connections_are_bounded_and_the_noisiest_source_makes_room():
    async def test(world):
        node = waiter(world)
        lone = Caller(world, node, source="10.0.0.5", silent=True)
        await world.run(0)
        noisy = []
        for _ in range(10):
            noisy.append(Caller(world, node, silent=True))
            await world.run(10)
            assert len(node.streams.half_open) <= 4
        assert [caller.end.ended for caller in noisy] == [True] * 7 + [False] * 3
        assert not lone.end.ended
        assert node.streams.refusals == {TOO_MANY_HALF_OPEN: 7}
        lone.end.write(lone.request)
        await world.run(0)
        assert lone.events() == [ESTABLISHED]

    play(test)


def test_half_open_connections_are_bounded_also_when_all_come_in_one_turn_of_the_loop():
    async def test(world):
        node = waiter(world)
        lone = Caller(world, node, source="10.0.0.5")
        noisy = [world.dial(node.address) for _ in range(20)]
        assert len(node.streams.half_open) == 4
        await world.run(0)
        assert [end.ended for end in noisy] == [True] * 17 + [False] * 3
        assert lone.events() == [ESTABLISHED]

    play(test)


def handshake_among_silent_callers(source_of):
    """200 silent callers, from source_of(number), and a valid one must not cost it 100 ms."""

    async def test(world):
        node = waiter(world)
        for number in range(200):
            world.dial(node.address, source_of(number))
            if number % 3 == 0:
                await world.run(1)
                node.watcher.news = []
        started = world.passed
        caller = Caller(world, node)
        for _ in range(4):
            world.dial(node.address, "10.0.0.7")
        await world.settle()
        assert caller.events() == [ESTABLISHED]
        assert world.passed - started <= 100

    play(test)


def test_silent_callers_do_not_delay_a_valid_handshake():
    handshake_among_silent_callers(lambda number: "10.0.0.9")
    handshake_among_silent_callers(lambda number: f"10.0.1.{number}")


def test_first_frame_waits_100_ms_after_the_response():
    async def test(world):
        node = waiter(world)
        caller = Caller(world, node)
        await world.run(0)
        node.streams.publish(b"first")
        await world.run(90)
        assert caller.events() == [ESTABLISHED]
        await world.run(20)
        assert caller.events() == [frame(b"first")[4:]]
        node.streams.publish(b"second")
        await world.run(0)
        assert caller.events() == [frame(b"second")[4:]]

    play(test)


def test_first_frame_waits_no_longer_than_for_a_received_one():
    async def test(world):
        node = waiter(world)
        caller = Caller(world, node)
        await world.run(0)
        node.streams.publish(b"first")
        caller.events()
        caller.end.write(bytes(4))
        await world.run(10)
        assert caller.events() == [frame(b"first")[4:]]

    play(test)


def test_quiet_begins_when_the_response_is_sent_however_long_signing_took():
    async def test(world):
        class Slow(NotEd25519):
            """Signs for a second, as a board may."""

            def sign(self, buf, start, length, out, at):
                world.passed += 1000
                super().sign(buf, start, length, out, at)

        slow = Slow(b"two")
        assert slow.public_key in (LOW.public_key, HIGH.public_key)
        node = PretendNode(world, slow, "10.0.0.2")
        caller_identity = smaller_than(slow)
        node.lists(caller_identity, "10.0.0.1:14666")
        caller = Caller(world, node, caller_identity)
        await world.run(0)
        node.streams.publish(b"first")
        await world.run(90)
        assert caller.events() == [ESTABLISHED]
        await world.run(20)
        assert caller.events() == [frame(b"first")[4:]]

    play(test)


def test_response_that_cannot_be_sent_ends_the_connection():
    async def test(world):
        node = waiter(world)
        caller = Caller(world, node, silent=True)
        caller.end.peer.stuck = True
        caller.end.write(caller.request)
        await world.run(9000)
        assert len(node.streams.half_open) == 1
        await world.run(2000)
        assert reasons_of(node) == [SEND_STUCK] and caller.end.ended

    play(test)


def test_peer_that_is_removed_while_its_response_is_sent_gets_no_link():
    async def test(world):
        node = waiter(world)
        caller = Caller(world, node, silent=True)
        send = caller.end.peer.send

        async def slow_send(data):
            await asyncio.sleep(0)
            node.streams.remove(LOW.public_key)
            await send(data)

        caller.end.peer.send = slow_send
        caller.end.write(caller.request)
        await world.run(0)
        assert reasons_of(node) == [REMOVED] and not node.watcher.of("up")

    play(test)


def test_connection_that_breaks_while_the_response_is_sent_is_named():
    async def test(world):
        node = waiter(world)
        caller = Caller(world, node)
        caller.end.closed = 1  # gone without a word
        await world.run(0)
        assert reasons_of(node) == [CONNECTION_LOST]
        peer = node.manual.known_peers[LOW.public_key]
        assert (peer.state(True), peer.last_error) == ("waiting", CONNECTION_LOST)

    play(test)


def connect_in_profiles(first, second):
    """Two nodes of these profiles get their link."""

    async def test(world):
        dialler = PretendNode(world, LOW, "10.0.0.1", first)
        other = PretendNode(world, HIGH, "10.0.0.2", second)
        dialler.lists(other)
        other.lists(dialler)
        await world.run(500)
        assert other.state(dialler) == dialler.state(other) == ("connected", 0)

    play(test)


def test_nodes_of_different_profiles_get_their_link():
    connect_in_profiles("spec", "goshimmer")
    connect_in_profiles("goshimmer", "spec")


def test_host_keeps_64_half_open_connections_and_takes_the_largest_frames():
    limits = Limits()
    assert (limits.half_open, limits.frame_bytes) == (64, 65 * 1024)
