"""A clock that jumps, by hours and both ways, at any moment: timers do not look at it, so links
stay, retries go on, and once both sides agree on the time again everything is as before.
"""

from pretend import UNIX
from pretend_node import play, two_nodes
from shimlet.reasons import EXPIRED, IN_THE_FUTURE

HOUR = 3600
JUMPS = (5 * HOUR, -5 * HOUR, 11, -11, 0)


def linked(one, other):
    """Whether both say so."""
    return one.state(other)[0] == other.state(one)[0] == "connected"


def jump(seconds, *nodes):
    """Set the clocks to so much ahead of the world's."""
    for node in nodes:
        node.net.clock_offset = seconds


def test_links_stay_and_messages_pass_while_both_clocks_jump():
    async def test(world):
        dialler, waiter = two_nodes(world)
        await world.run(1000)
        link = dialler.connection(waiter)
        count = 0
        for seconds in JUMPS * 3:
            jump(seconds, dialler, waiter)
            count += 1
            dialler.streams.publish(b"out %d" % count)
            waiter.streams.publish(b"back %d" % count)
            await world.run(150_000)  # longer than any silence is allowed
            assert linked(dialler, waiter) and dialler.connection(waiter) is link
        heard = [[entry[0] for entry in node.watcher.of("message")] for node in (waiter, dialler)]
        assert heard[0] == [b"out %d" % n for n in range(1, count + 1)]
        assert heard[1] == [b"back %d" % n for n in range(1, count + 1)]

    play(test)


def test_links_stay_while_one_clock_alone_is_wrong():
    async def test(world):
        dialler, waiter = two_nodes(world)
        await world.run(1000)
        for seconds in JUMPS:
            jump(seconds, waiter)
            await world.run(150_000)
            assert linked(dialler, waiter)

    play(test)


def test_a_lost_link_comes_back_at_once_wherever_both_clocks_have_jumped_to():
    async def test(world):
        dialler, waiter = two_nodes(world)
        for seconds in JUMPS * 3:
            jump(seconds, dialler, waiter)
            await world.run(12_000)
            assert linked(dialler, waiter), seconds
            peer = dialler.manual.known_peers[waiter.key]
            told = UNIX + world.passed // 1000 + seconds - peer.last_connected
            assert 0 <= told <= 12, "the time of the link is that of the clock then"
            dialler.connection(waiter).stream.cut()
            await world.run(100)
            assert not linked(dialler, waiter)

    play(test)


def test_a_clock_that_is_wrong_alone_is_named_and_retries_go_on_until_it_is_right():
    async def test(world):
        dialler, waiter = two_nodes(world)
        for seconds, reason in ((5 * HOUR, EXPIRED), (-5 * HOUR, IN_THE_FUTURE)):
            jump(seconds, waiter)
            before = len(dialler.watcher.of("failed"))
            await world.run(60_000)
            refused = {entry[2] for entry in waiter.watcher.of("refused")}
            assert reason in refused, refused
            assert 10 <= len(dialler.watcher.of("failed")) - before <= 14, "one in 5 s"
            jump(0, waiter)
            await world.run(6000)
            assert linked(dialler, waiter)
            dialler.connection(waiter).stream.cut()
            await world.run(100)

    play(test)


def test_a_clock_may_jump_in_the_middle_of_a_dial():
    async def test(world):
        dialler, waiter = two_nodes(world)
        for seconds in JUMPS:
            for delay in (100, 1000, 4000):
                world.delays[waiter.address] = delay
                await world.run(6000 - delay // 2)  # somewhere before, in or after it
                jump(seconds, dialler, waiter)
                await world.run(25_000)
                assert linked(dialler, waiter), (seconds, delay)
                dialler.connection(waiter).stream.cut()
                await world.run(100)

    play(test)
