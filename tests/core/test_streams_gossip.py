"""Messages between nodes, in virtual time: delivered once, relayed, asked for, bounded, fair."""

import asyncio

from helpers import NotEd25519
from pretend import HIGH, LOW, frame
from pretend_node import Caller, PretendNode, play, two_nodes
from shimlet.link import ESTABLISHED
from shimlet.reasons import OWN_FAULT


def texts(node):
    """The messages that a node heard, in order."""
    return [news[0] for news in node.watcher.of("message")]


def connect(*pairs):
    """Let each pair of nodes list each other."""
    for one, other in pairs:
        one.lists(other)
        other.lists(one)


def node_number(world, number, relays):
    """A node of its own identity at 10.0.0.<number>."""
    return PretendNode(world, NotEd25519(b"%d" % number), f"10.0.0.{number}", relays=relays)


def waiter_with_caller(world):
    """A node that waits for LOW, and the caller; run the world for their link."""
    node = PretendNode(world, HIGH, "10.0.0.2")
    node.lists(LOW, "10.0.0.1:14666")
    return node, Caller(world, node)


def test_message_reaches_every_neighbor_and_is_kept():
    async def test(world):
        nodes = [node_number(world, number, False) for number in (1, 2, 3)]
        connect((nodes[0], nodes[1]), (nodes[0], nodes[2]))
        await world.run(500)
        message_id = nodes[0].streams.publish(b"reading 1")
        await world.run(200)
        for node in nodes[1:]:
            assert node.watcher.of("message") == [(b"reading 1", message_id, nodes[0].key)]
            assert node.store.get(message_id) == b"reading 1"
        assert not texts(nodes[0]), "our own message is no news"

    play(test)


def test_host_relays_new_messages_to_all_but_their_sender():
    async def test(world):
        a, b, c, d = [node_number(world, number, True) for number in (1, 2, 3, 4)]
        connect((a, b), (b, c), (b, d), (c, d))  # with a triangle
        await world.run(500)
        a.streams.publish(b"pass on")
        await world.run(500)
        assert [texts(node) for node in (a, b, c, d)] == [
            [],
            [b"pass on"],
            [b"pass on"],
            [b"pass on"],
        ]
        assert b.connection(a).messages_out == 0, "not back to its sender"
        assert a.connection(b).messages_in == 0
        duplicates = sum(
            connection.duplicates
            for node in (b, c, d)
            for connection in node.streams.links.values()
        )
        assert duplicates == 2, "c and d told each other, at the same moment"

    play(test)


def test_board_does_not_relay():
    async def test(world):
        a, b, c = [node_number(world, number, False) for number in (1, 2, 3)]
        connect((a, b), (b, c))
        await world.run(500)
        a.streams.publish(b"stays")
        await world.run(500)
        assert texts(b) == [b"stays"] and not texts(c)

    play(test)


def test_message_seen_before_is_neither_delivered_nor_relayed_again():
    async def test(world):
        node, caller = waiter_with_caller(world)
        other = node_number(world, 3, False)
        node.streams.gossip.relays = True
        connect((node, other))
        await world.run(500)
        for _ in range(3):
            caller.end.write(frame(b"again"))
            await world.run(50)
        assert texts(node) == texts(other) == [b"again"]
        assert node.streams.links[LOW.public_key].duplicates == 2
        assert other.connection(node).messages_in == 1
        node.streams.publish(b"again")
        caller.end.write(frame(b"ours"))
        node.streams.publish(b"ours")
        caller.end.write(frame(b"ours"))
        await world.run(50)
        assert texts(node) == [b"again"], "our own, coming back"

    play(test)


def test_message_request_is_answered_from_the_store():
    async def test(world):
        node, caller = waiter_with_caller(world)
        message_id = node.streams.publish(b"kept")
        await world.run(200)
        caller.end.write(frame(bytes(32), 21))
        await world.run(50)
        assert caller.events() == [ESTABLISHED], "an unknown id has no answer"
        caller.end.write(frame(message_id, 21) + frame(message_id + b"longer", 21))
        await world.run(50)
        assert caller.events() == [frame(b"kept")[4:]] * 2

    play(test)


def test_outbox_is_bounded_in_bytes_and_what_is_dropped_is_counted():
    async def test(world):
        node, caller = waiter_with_caller(world)
        await world.run(200)
        connection = node.streams.links[LOW.public_key]
        caller.events()
        caller.end.peer.stuck = True
        sent = [b"%02d" % number + bytes(90) for number in range(40)]
        for data in sent:
            node.streams.publish(data)
            await world.run(0)
        assert connection.outbox.queued_bytes <= 2000
        kept = len(connection.outbox) + 1  # one is being sent
        assert connection.outbox.dropped == 40 - kept and 15 < kept < 22, kept
        message_id = node.streams.publish(b"stored all the same")
        assert node.store.get(message_id)

    play(test)


def test_messages_keep_their_order():
    async def test(world):
        dialler, waiter = two_nodes(world)
        await world.run(500)
        sent = [b"%d" % number for number in range(60)]
        for data in sent:
            dialler.streams.publish(data)
        await world.run(100)
        assert texts(waiter) == sent

    play(test)


def turns_until(done):
    """A coroutine: how many turns of the loop pass until done(), at most 500."""

    async def count():
        for turns in range(500):
            if done():
                return turns
            await asyncio.sleep(0)
        return 500

    return count()


def flood(data, step=0):
    """One peer floods a node with `data`; another's message must be heard in the midst of it."""

    async def test(world):
        node, caller = waiter_with_caller(world)
        other = node_number(world, 3, False)
        connect((node, other))
        await world.run(500)
        caller.end.peer.step = step
        caller.end.write(data)
        other.streams.publish(b"heard")
        turns = await turns_until(lambda: b"heard" in texts(node))
        assert turns < 40 and caller.end.peer.inbox, (turns, len(caller.end.peer.inbox))
        assert LOW.public_key in node.streams.links

    play(test)


def test_flood_of_tiny_frames_starves_nobody():
    flood(b"\x00\x00\x00\x01\x63" * 800)
    flood(frame(b"x") * 600)


def test_flood_of_empty_frames_starves_nobody():
    flood(bytes(4000))


def test_flood_of_large_frames_that_are_skipped_starves_nobody():
    flood(b"\x00\x00\x0c\x00" + bytes(3072), step=4)


def test_flood_of_single_bytes_starves_nobody():
    flood(frame(b"x") * 120, step=1)


def test_fault_in_the_writer_ends_its_connection_alone():
    async def test(world):
        node, caller = waiter_with_caller(world)
        other = node_number(world, 3, False)
        connect((node, other))
        await world.run(500)

        async def broken(header, header_length, content):
            raise ValueError("a fault of ours")

        caller.end.peer.send_frame = broken
        node.streams.publish(b"hello")
        await world.run(100)
        assert [str(fault) for fault in node.watcher.faults] == ["a fault of ours"]
        assert node.watcher.of("down") == [(LOW.public_key, OWN_FAULT, None)]
        assert caller.end.ended and texts(other) == [b"hello"]
        node.watcher.faults = []

    play(test)
