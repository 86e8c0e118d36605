"""Open links in virtual time: exactly one per identity, dead ones noticed, each end named."""

from pretend import HIGH, LOW, frame
from pretend_net import MUTE, RESET
from pretend_node import Answerer, Caller, PretendNode, play, two_nodes
from shimlet.link import ESTABLISHED
from shimlet.reasons import (
    BODY_TIMEOUT,
    CLOSED_BEFORE_RESPONSE,
    CLOSED_BY_PEER,
    CONNECTION_LOST,
    FRAME_TOO_LARGE,
    REMOVED,
    SEND_STUCK,
    SILENT,
    STOPPING,
    UNKNOWN_KEY,
)
from shimlet.ticks import PERIOD_MS, since


def downs(node):
    """Why links went down, in order."""
    return [news[1] for news in node.watcher.of("down")]


def waiter(world):
    """A node that waits for LOW, and the entry of its list."""
    node = PretendNode(world, HIGH, "10.0.0.2")
    return node, node.lists(LOW, "10.0.0.1:14666")


def test_newer_connection_replaces_the_older_and_its_end_changes_nothing():
    async def test(world):
        node, peer = waiter(world)
        first = Caller(world, node)
        await world.run(1000)
        second = Caller(world, node)
        await world.run(0)
        assert first.end.ended and not second.end.ended
        connection = node.streams.links[LOW.public_key]
        assert len(node.streams.links) == 1 and connection.reason == 0
        first.end.hang_up()
        await world.run(1000)
        assert node.streams.links[LOW.public_key] is connection and peer.connected
        assert second.events() == [ESTABLISHED]
        node.streams.publish(b"to the newer")
        await world.run(200)
        assert second.events() == [frame(b"to the newer")[4:]]
        assert not downs(node) and len(node.watcher.of("up")) == 2

    play(test)


def test_newer_connection_replaces_a_half_dead_one():
    async def test(world):
        node, peer = waiter(world)
        dead = Caller(world, node)
        await world.run(500)
        dead.end.frozen = dead.end.peer.frozen = dead.end.peer.stuck = True
        node.streams.publish(b"into the void")
        await world.run(500)
        alive = Caller(world, node)
        await world.run(0)
        assert peer.state(True) == "connected" and not node.streams.half_open
        node.streams.publish(b"heard")
        await world.run(200)
        assert alive.events() == [ESTABLISHED, frame(b"heard")[4:]]
        assert not downs(node) and len(node.streams.alive) == 1

    play(test)


def test_two_handshakes_at_once_leave_one_link():
    async def test(world):
        node, peer = waiter(world)
        callers = [Caller(world, node, age=age) for age in (0, 1, 2)]
        await world.run(0)
        assert [caller.end.ended for caller in callers] == [True, True, False]
        assert len(node.streams.links) == len(node.streams.alive) == 1 and peer.connected

    play(test)


def test_newer_connection_that_ends_takes_the_peer_down():
    async def test(world):
        node, peer = waiter(world)
        Caller(world, node)
        await world.run(0)
        second = Caller(world, node, age=1)
        await world.run(0)
        second.end.hang_up()
        await world.run(0)
        assert downs(node) == [CLOSED_BY_PEER] and peer.state(True) == "waiting"
        assert not node.streams.links

    play(test)


def test_dialler_that_restarts_is_connected_again_though_its_old_link_never_closed():
    async def test(world):
        dialler, keeper = two_nodes(world)
        await world.run(500)
        stream = dialler.connection(keeper).stream
        stream.frozen = stream.peer.frozen = True  # the power fails
        await dialler.stop()
        again = PretendNode(world, LOW, "10.0.0.1")
        again.lists(keeper)
        await world.run(500)
        assert again.state(keeper) == keeper.state(again) == ("connected", 0)
        again.streams.publish(b"back")
        await world.run(200)
        assert [news[0] for news in keeper.watcher.of("message")] == [b"back"]

    play(test)


def test_link_that_the_peer_closes_is_dialled_again_after_one_interval():
    async def test(world):
        dialler, keeper = two_nodes(world)
        await world.run(500)
        dialler.connection(keeper).stream.peer.cut()
        await world.run(0)
        assert dialler.state(keeper) == ("backing-off", CONNECTION_LOST)
        assert keeper.state(dialler) == ("waiting", CONNECTION_LOST)
        peer = dialler.manual.known_peers[keeper.key]
        assert 4375 <= since(peer.next_attempt, dialler.net.now()) <= 5625
        await world.run(5600)
        assert dialler.state(keeper) == keeper.state(dialler) == ("connected", 0)
        assert peer.last_connected > 0

    play(test)


def test_keep_alive_goes_out_after_thirty_seconds_without_sending():
    async def test(world):
        node, _ = waiter(world)
        caller = Caller(world, node)
        await world.run(29_000)
        assert caller.events() == [ESTABLISHED]
        await world.run(1300)
        assert caller.end.take() == bytes(4)
        await world.run(20_000)
        node.streams.publish(b"resets the wait")
        await world.run(29_000)
        assert caller.end.take() == frame(b"resets the wait")
        await world.run(1300)
        assert caller.end.take() == bytes(4)

    play(test)


def test_quiet_link_of_two_nodes_lives_on():
    async def test(world):
        dialler, keeper = two_nodes(world)
        await world.run(300_000)
        assert dialler.state(keeper) == keeper.state(dialler) == ("connected", 0)
        assert world.given == 2

    play(test, PERIOD_MS - 150_000)


def silence_after(data, expected):
    """A peer sends `data` and then nothing for 101 s."""

    async def test(world):
        node, peer = waiter(world)
        caller = Caller(world, node)
        await world.run(0)
        caller.end.write(data)
        await world.run(99_000)
        assert peer.connected
        await world.run(2000)
        assert downs(node) == expected

    play(test)


def test_silence_of_100_seconds_ends_only_links_of_peers_that_kept_alive():
    silence_after(bytes(4), [SILENT])
    silence_after(frame(b"hello"), [])


def test_send_that_cannot_progress_ends_the_link():
    async def test(world):
        node, peer = waiter(world)
        caller = Caller(world, node)
        await world.run(200)
        caller.end.peer.stuck = True
        node.streams.publish(b"stuck")
        await world.run(9500)
        assert peer.connected
        await world.run(1000)
        assert downs(node) == [SEND_STUCK] and caller.end.ended

    play(test)


def test_send_that_fails_ends_the_link():
    async def test(world):
        node, _ = waiter(world)
        caller = Caller(world, node)
        await world.run(200)
        caller.end.peer.error = RESET  # noticed by the writer, not by the reader
        node.streams.publish(b"broken")
        await world.run(0)
        assert downs(node) == [CONNECTION_LOST] and caller.end.ended

    play(test)


def test_body_that_is_not_complete_in_four_seconds_ends_the_link():
    async def test(world):
        node, _ = waiter(world)
        caller = Caller(world, node)
        await world.run(0)
        caller.end.write(frame(b"unfinished")[:-1])
        await world.run(3900)
        assert not downs(node)
        await world.run(400)
        assert downs(node) == [BODY_TIMEOUT]

    play(test)


def test_header_above_the_limit_ends_the_link():
    async def test(world):
        node, _ = waiter(world)
        caller = Caller(world, node)
        await world.run(0)
        caller.end.write(b"\x00\x01\x04\x01")
        await world.run(0)
        assert downs(node) == [FRAME_TOO_LARGE]

    play(test)


def test_frames_above_both_buffers_are_skipped_and_counted_and_both_links_live():
    async def test(world):
        dialler, keeper = two_nodes(world)
        await world.run(500)
        for sender, receiver in ((dialler, keeper), (keeper, dialler)):
            sender.streams.publish(b"%d" % sender.net.world.passed + bytes(1000))
            sender.streams.publish(b"after " + sender.key)
            await world.run(100)
            assert [news[0] for news in receiver.watcher.of("message")] == [b"after " + sender.key]
            assert receiver.connection(sender).link.frames_skipped == 1
        assert dialler.state(keeper) == keeper.state(dialler) == ("connected", 0)

    play(test)


def test_ignored_frames_leave_the_link_alone():
    async def test(world):
        node, peer = waiter(world)
        caller = Caller(world, node)
        await world.run(0)
        for data in (
            bytes(4),
            b"\x00\x00\x00\x01\x63",  # an unknown type
            b"\x00\x00\x00\x03\x14\x0a\x05",  # a field longer than the frame
            b"\x00\x00\x00\x02\x14\x0b",  # a group
            b"\x00\x00\x00\x01\x15",  # a request without an id
            b"\x00\x00\x00\x04\x15\x0a\x01\x00",  # a short id
        ):
            caller.end.write(data)
        caller.end.write(frame(b"good"))
        await world.run(0)
        assert peer.connected
        assert [news[0] for news in node.watcher.of("message")] == [b"good"]
        assert node.streams.links[LOW.public_key].ignored == 5

    play(test)


def test_removing_a_peer_closes_its_link_at_once_without_a_word():
    async def test(world):
        dialler, keeper = two_nodes(world)
        await world.run(500)
        stream = keeper.connection(dialler).stream
        keeper.streams.publish(b"queued, and too late")
        assert keeper.streams.remove(dialler.key)
        keeper.streams.publish(b"not for a removed peer")
        await world.run(0)
        assert downs(keeper) == [REMOVED] and len(stream.writes) == 1
        assert not keeper.streams.alive
        assert not keeper.streams.remove(dialler.key)
        assert downs(dialler) == [CLOSED_BY_PEER]
        await world.run(20_000)
        assert dialler.state(keeper) == ("backing-off", CLOSED_BEFORE_RESPONSE)
        reasons = [news[2] for news in keeper.watcher.of("refused")]
        assert 3 <= len(reasons) <= 5 and reasons == [UNKNOWN_KEY] * len(reasons)

    play(test)


def test_peer_may_be_removed_listed_and_dialled_again_in_one_turn_of_the_loop():
    async def test(world):
        answerer = Answerer(world, "10.0.0.2:14666")
        node = PretendNode(world, LOW, "10.0.0.1")
        peer = node.lists(HIGH, "10.0.0.2:14666")
        await world.run(300)
        node.streams.remove(HIGH.public_key)
        peer = node.lists(HIGH, "10.0.0.2:14666")
        node.streams.tick()
        await world.run(0)
        assert peer.state(True) == "dialling" and len(answerer.ends) == 2
        assert node.streams.dials[HIGH.public_key].peer is peer
        assert answerer.ends[0].ended
        answerer.answer()
        await world.run(0)
        assert peer.state(True) == "connected"

    play(test)


def test_one_buffer_serves_one_link_after_the_other():
    async def test(world):
        node, _ = waiter(world)
        buffers = []
        for age in range(3):
            caller = Caller(world, node, age=age)
            await world.run(0)
            buffers.append(node.streams.links[LOW.public_key].link.buf)
            caller.end.hang_up()
            await world.run(0)
        assert buffers[0] is buffers[1] is buffers[2]

    play(test)


def test_frames_behind_a_removal_are_not_delivered():
    async def test(world):
        node, _ = waiter(world)
        caller = Caller(world, node)
        await world.run(0)
        node.watcher.hooks["message"] = lambda *news: node.streams.remove(LOW.public_key)
        caller.end.write(frame(b"one") + frame(b"two"))
        await world.run(0)
        assert [news[0] for news in node.watcher.of("message")] == [b"one"]
        assert downs(node) == [REMOVED]

    play(test)


def stop_while_dialling(stage):
    """A node that stops in the midst of a dial closes what it has."""

    async def test(world):
        world.names["far.example"] = MUTE if stage == "name" else "10.0.0.2"
        answerer = Answerer(world, "10.0.0.2:14666")
        if stage == "connect":
            world.hosts["10.0.0.2:14666"] = MUTE
        node = PretendNode(world, LOW, "10.0.0.1")
        node.lists(HIGH, "far.example:14666")
        await world.run(300)
        assert len(node.streams.dials) == 1
        await node.stop()
        assert [news[2] for news in node.watcher.of("failed")] == [STOPPING], stage
        assert stage != "response" or answerer.ends[0].ended

    play(test)


def test_node_that_stops_ends_its_dials_at_every_stage():
    for stage in ("name", "connect", "response"):
        stop_while_dialling(stage)


def test_node_that_stops_closes_links_and_half_open_connections():
    async def test(world):
        node, _ = waiter(world)
        linked = Caller(world, node)
        silent = Caller(world, node, silent=True)
        await world.run(300)
        linked.end.peer.stuck = True
        node.streams.publish(b"never sent")
        await world.run(100)
        just_now = Caller(world, node)
        node.task.cancel()
        await world.settle()
        late = Caller(world, node, silent=True)
        await world.run(100)
        assert node.task.done()
        assert all(caller.end.ended for caller in (linked, silent, just_now, late))
        assert downs(node) == [STOPPING] and not node.streams.alive

    play(test)
