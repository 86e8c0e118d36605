"""Watchers that raise, and watchers that change the list in the midst of the news."""

from pretend import HIGH, LOW, frame
from pretend_node import Caller, PretendNode, play, two_nodes
from shimlet.reasons import CLOSED_BY_PEER, OWN_FAULT, REMOVED

EVERY_KIND = ("up", "down", "failed", "refused", "pending", "message", "fault")


def fail(*news):
    """What a broken watcher does."""
    raise ValueError("a broken watcher")


def waiter(world):
    """A node that waits for LOW."""
    node = PretendNode(world, HIGH, "10.0.0.2")
    node.lists(LOW, "10.0.0.1:14666")
    return node


def raise_at(kind):
    """A watcher that raises at news of this kind costs one connection, and the node goes on."""

    async def test(world):
        dialler, keeper = two_nodes(world)
        for node in (dialler, keeper):
            node.watcher.hooks[kind] = fail
        keeper.streams.remove(dialler.key)  # refused, pending and failed come first
        await world.run(300)
        keeper.lists(dialler)
        await world.run(6000)
        dialler.streams.publish(b"one")
        await world.run(1000)
        for node in (dialler, keeper):
            for connection in list(node.streams.links.values()):
                connection.stream.cut()
        await world.run(1000)
        for node in (dialler, keeper):
            assert len(node.streams.alive) == len(node.streams.links) + len(node.streams.dials)
            assert (
                kind not in node.watcher.hooks or node.watcher.faults or not node.watcher.of(kind)
            )
            node.watcher.hooks = {}
            node.watcher.faults = []
        await world.run(12_000)
        assert dialler.state(keeper) == keeper.state(dialler) == ("connected", 0), kind
        dialler.streams.publish(b"two")
        await world.run(100)
        assert b"two" in [news[0] for news in keeper.watcher.of("message")]

    play(test)


def test_watcher_that_raises_costs_one_connection_and_the_node_goes_on():
    for kind in EVERY_KIND:
        raise_at(kind)


def test_fault_is_told_and_named():
    async def test(world):
        node = waiter(world)
        node.watcher.hooks["message"] = fail
        caller = Caller(world, node)
        await world.run(0)
        caller.end.write(frame(b"one") + frame(b"two"))
        await world.run(0)
        assert node.watcher.of("down") == [(LOW.public_key, OWN_FAULT, None)]
        assert [str(fault) for fault in node.watcher.faults] == ["a broken watcher"]
        node.watcher.hooks["fault"] = fail
        caller = Caller(world, node, age=1)
        await world.run(0)
        caller.end.write(frame(b"three"))
        await world.run(0)
        assert caller.end.ended and len(node.watcher.faults) == 2
        node.watcher.faults = []

    play(test)


def remove_at(kind):
    """A watcher removes the peer in the midst of its news, and lists it again in the next."""

    async def test(world):
        dialler, keeper = two_nodes(world)
        for node, other in ((dialler, keeper), (keeper, dialler)):
            forget_and_list(node, other, kind)
        await world.run(20_000)
        dialler.streams.publish(b"one")
        await world.run(20_000)
        for node in (dialler, keeper):
            node.watcher.hooks = {}
            assert len(node.streams.links) <= 1 and not node.watcher.faults, kind
        await world.run(20_000)
        assert dialler.state(keeper) == keeper.state(dialler) == ("connected", 0), kind

    play(test)


def forget_and_list(node, other, kind):
    def change(*news):
        node.streams.remove(other.key)
        node.lists(other)

    node.watcher.hooks[kind] = change


def test_watcher_may_remove_and_list_the_peer_that_the_news_is_about():
    for kind in EVERY_KIND[:-1]:
        remove_at(kind)


def test_watcher_that_removes_a_peer_when_its_link_comes_up_leaves_no_link():
    async def test(world):
        node = waiter(world)
        node.watcher.hooks["up"] = lambda *news: node.streams.remove(LOW.public_key)
        caller = Caller(world, node)
        await world.run(0)
        assert caller.end.ended and not node.streams.links
        assert node.watcher.of("down") == [(LOW.public_key, REMOVED, None)]

    play(test)


def test_watcher_may_publish_in_answer_to_a_message():
    async def test(world):
        dialler, keeper = two_nodes(world)
        keeper.watcher.hooks["message"] = lambda data, *more: keeper.streams.publish(
            b"re: " + data
        )
        await world.run(500)
        dialler.streams.publish(b"question")
        await world.run(200)
        assert [news[0] for news in dialler.watcher.of("message")] == [b"re: question"]

    play(test)


def test_watcher_that_lists_a_pending_peer_accepts_its_next_call():
    async def test(world):
        dialler = PretendNode(world, LOW, "10.0.0.1")
        keeper = PretendNode(world, HIGH, "10.0.0.2")
        dialler.lists(keeper)
        keeper.watcher.hooks["pending"] = lambda key, source, _: keeper.lists(dialler)
        await world.run(7000)
        assert dialler.state(keeper) == keeper.state(dialler) == ("connected", 0)

    play(test)


def no_memory(*arguments):
    """What a board may meet anywhere."""
    raise MemoryError("none left")


def test_node_that_is_short_of_memory_for_a_while_goes_on():
    async def test(world):
        dialler, keeper = two_nodes(world)
        for part in ("_connection", "_run"):
            whole = getattr(dialler.streams, part)
            setattr(dialler.streams, part, no_memory)
            await world.run(1000)
            assert dialler.watcher.faults and not dialler.streams.alive
            assert dialler.state(keeper) == ("backing-off", 0)
            setattr(dialler.streams, part, whole)
            dialler.watcher.faults = []
        await world.run(300)
        assert dialler.state(keeper) == keeper.state(dialler) == ("connected", 0)

    play(test)


def test_stream_for_which_there_is_no_memory_is_left_to_the_caller():
    async def test(world):
        node = waiter(world)
        node.streams._run = no_memory
        _, far = world.join("10.0.0.9", node.address)
        try:
            node.streams.on_stream(far)
            raise AssertionError("no MemoryError")
        except MemoryError:
            pass
        assert not node.streams.half_open and not node.streams.alive and not far.closed

    play(test)


def test_link_down_is_told_once():
    async def test(world):
        node = waiter(world)
        caller = Caller(world, node)
        await world.run(0)
        caller.end.hang_up()
        await world.run(5000)
        assert node.watcher.of("down") == [(LOW.public_key, CLOSED_BY_PEER, None)]

    play(test)
