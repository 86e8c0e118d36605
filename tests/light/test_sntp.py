"""The board's time client: answers of servers and of those who lie, and when it asks whom.

Answers are judged as bytes, asked for over real UDP on loopback, and scheduled on a virtual clock.
"""

from helpers import MICROPYTHON, rows_of, skip, unhex

if not MICROPYTHON:
    skip("needs MicroPython's asyncio")

import asyncio
import os
import socket

from light.board_parts import Datagrams, random_port, run
from shimlet_light import clock, files, sntp

NOW_MS = 1_790_000_000_250
NUMBER = b"\xde\xad\xbe\xef\x01\x02\x03\x04"
ERA_1 = 2_085_978_496  # unix time at which the seconds since 1900 start again


def timestamp(unix_ms):
    """A timestamp of a packet."""
    seconds = (unix_ms // 1000 + 2_208_988_800) % (1 << 32)
    return seconds.to_bytes(4, "big") + (((unix_ms % 1000) << 32) // 1000).to_bytes(4, "big")


def packet(number=NUMBER, unix_ms=NOW_MS, first=0x24, stratum=2, code=b"LOCL", held_ms=0):
    """A server's answer. `first`: leap indicator, version and mode."""
    head = bytes((first, stratum, 6, 0xEC)) + bytes(8) + code + timestamp(unix_ms - 60_000)
    return head + number + timestamp(unix_ms - held_ms) + timestamp(unix_ms)


class AnyYear:
    """Without the check that a time is one of today's."""

    def __enter__(self):
        self.kept = clock.EARLIEST
        clock.EARLIEST = 0

    def __exit__(self, kind, error, trace):
        clock.EARLIEST = self.kept


# Bytes


def test_answers_that_others_recorded_give_their_time():
    with AnyYear():
        for row in rows_of("sntp"):
            answer, number = unhex(row["answer"]), unhex(row["number"])
            assert sntp.read_answer(answer, number, 0) == row["sent_ms"], row["name"]
            assert sntp.read_answer(answer, number, 80) == row["sent_ms"] + 40
            assert sntp.read_answer(answer + b"more", number, 0) == row["sent_ms"]


def test_a_recorded_answer_of_long_ago_is_no_time_for_now():
    for row in rows_of("sntp"):
        answer = sntp.read_answer(unhex(row["answer"]), unhex(row["number"]), 0)
        assert answer == sntp.UNUSABLE


def test_every_cut_answer_is_passed_over():
    with AnyYear():
        for row in rows_of("sntp"):
            answer, number = unhex(row["answer"]), unhex(row["number"])
            for length in range(48):
                assert sntp.read_answer(answer[:length], number, 0) == sntp.NOT_OURS


def test_every_changed_byte_is_refused_or_leaves_the_time_within_the_round_trip():
    row = next(rows_of("sntp"))
    answer, number = bytearray(unhex(row["answer"])), unhex(row["number"])
    refused = 0
    with AnyYear():
        for place in range(48):
            kept = answer[place]
            for value in range(256):
                answer[place] = value
                if value == kept:
                    continue
                told = sntp.read_answer(answer, number, 20)
                if told < 0:
                    refused += 1
                    assert place not in range(10, 32) or told == sntp.NOT_OURS
                else:
                    assert abs(told - row["sent_ms"] - 10) <= 12, (place, value)
                    assert place < 24 or place >= 36, (place, value)
            answer[place] = kept
    assert refused > 12 * 255


def test_servers_that_know_no_time_are_refused():
    for wrong in (
        packet(stratum=16),
        packet(stratum=255),
        packet(first=0xE4),  # leap indicator 3: not synchronised
        packet(first=0x04),  # version 0
        packet(first=0x2C),  # version 5
        packet(unix_ms=1_600_000_000_000),
        packet(unix_ms=4_102_444_800_000),
        packet(held_ms=60),  # longer than the whole way took
        packet(held_ms=-5),
        packet()[:40] + bytes(8),
        packet()[:32] + bytes(16),  # would be the day in 2036
        packet()[:32] + bytes(8) + packet()[40:],
        packet()[:4] + b"\x00\x10" + packet()[6:],  # 16 s to its reference
        packet()[:8] + b"\xff\xff" + packet()[10:],
    ):
        assert sntp.read_answer(wrong, NUMBER, 50) == sntp.UNUSABLE, wrong
    for mode in (0, 1, 2, 3, 5, 6, 7):
        assert sntp.read_answer(packet(first=0x20 | mode), NUMBER, 50) == sntp.NOT_OURS
    for first in (0x24, 0x1C, 0x0C, 0x64, 0xA4):
        assert sntp.read_answer(packet(first=first), NUMBER, 50) == NOW_MS + 25


def test_the_time_that_the_server_held_the_question_is_not_the_ways():
    assert sntp.read_answer(packet(held_ms=40), NUMBER, 100) == NOW_MS + 30
    assert sntp.read_answer(packet(held_ms=2), NUMBER, 0) == NOW_MS, "both round down"


def test_kisses_of_death_are_told_apart_and_must_be_meant_for_us():
    for code, meaning in (
        (b"DENY", sntp.DENIED),
        (b"RSTR", sntp.DENIED),
        (b"RATE", sntp.TOO_OFTEN),
        (b"INIT", sntp.UNUSABLE),
        (bytes(4), sntp.UNUSABLE),
    ):
        kiss = packet(first=0xE4, stratum=0, code=code)
        assert sntp.read_answer(kiss, NUMBER, 50) == meaning
        assert sntp.read_answer(kiss, b"another!", 50) == sntp.NOT_OURS


def test_seconds_that_start_again_in_2036_go_on():
    # As RFC 5905 has it: 8 Feb 2036 is 63,104 s after the start of era 1.
    feb_8 = packet()[:32] + (bytes((0, 0, 0xF6, 0x80)) + bytes(4)) * 2
    assert sntp.read_answer(feb_8, NUMBER, 0) == 2_086_041_600_000
    last, first = b"\xff" * 4 + b"\x80" + bytes(3), bytes(7) + b"\x01"
    assert sntp.read_answer(packet()[:32] + last * 2, NUMBER, 0) == ERA_1 * 1000 - 500
    assert sntp.read_answer(packet()[:32] + first * 2, NUMBER, 0) == ERA_1 * 1000
    assert sntp.read_answer(packet()[:32] + last + first, NUMBER, 510) == ERA_1 * 1000 + 5
    assert sntp.read_answer(packet(unix_ms=4_000_000_000_000), NUMBER, 0) == 4_000_000_000_000


# Sockets


async def as_it_is(host):
    """The resolve() of a net that gets numbers only."""
    return host


def open_files():
    """How many this process has, where that can be found out."""
    return len(os.listdir("/proc/self/fd")) if files.exists("/proc/self/fd") else 0


def asked(reply, patience_ms=300, questions=1):
    """What ask() says to a server that replies so, each time, and the server."""

    async def main():
        server = Datagrams(reply)
        task = asyncio.create_task(server.serve())
        before = open_files()
        told = []
        for _ in range(questions):
            told.append(await sntp.ask(as_it_is, "127.0.0.1:%d" % server.port))
        assert open_files() == before
        task.cancel()
        return told, server

    kept, sntp._PATIENCE_MS = sntp._PATIENCE_MS, patience_ms
    try:
        return run(main())
    finally:
        sntp._PATIENCE_MS = kept


def near(told):
    """Whether the time is that of packet(), give or take the way."""
    return 0 <= told - NOW_MS <= 300


def test_a_question_tells_nothing_but_a_new_random_number():
    told, server = asked(lambda question: [packet(question[40:48])], questions=3)
    assert all(near(time) for time in told), told
    for question in server.received:
        assert question[0] == 0x23 and question[1:40] == bytes(39) and len(question) == 48
    assert len({bytes(question[40:48]) for question in server.received}) == 3


def test_broken_and_foreign_answers_do_not_end_the_wait_for_ours():
    seen = []

    def reply(question):
        seen.append(question[40:48])
        good = packet(question[40:48])
        wrong = packet(seen[0] if len(seen) > 1 else NUMBER, NOW_MS + 9_000_000)
        return [b"", good[:47], wrong, good]

    told, _ = asked(reply, questions=2)
    assert all(near(time) for time in told), "an earlier answer was taken again"


def test_answers_from_another_address_are_not_heard():
    async def main():
        forger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        loop = socket.getaddrinfo("127.0.0.1", random_port())[0][-1]
        forger.bind(loop)
        server = Datagrams(lambda question: [])

        async def serve():
            from shimlet_light.waiting import readable

            await readable(server.socket)
            question, sender = server.socket.recvfrom(600)
            forger.sendto(packet(question[40:48], NOW_MS + 9_000_000), sender)
            await asyncio.sleep_ms(30)
            server.socket.sendto(packet(question[40:48]), sender)

        task = asyncio.create_task(serve())
        told = await sntp.ask(as_it_is, "127.0.0.1:%d" % server.port)
        await task
        forger.close()
        server.socket.close()
        return told

    assert near(run(main()))


def test_silence_a_closed_port_and_a_name_that_is_not_found_are_no_answer():
    told, server = asked(lambda question: [], patience_ms=100)
    assert told == [sntp.NO_ANSWER] and len(server.received) == 1
    told, _ = asked(lambda question: [packet(NUMBER)] * 5, patience_ms=100)
    assert told == [sntp.NO_ANSWER]

    async def not_found(host):
        raise OSError(-1)

    assert run(sntp.ask(not_found, "time.example:123")) == sntp.NO_ANSWER
    before = open_files()
    assert run(sntp.ask(as_it_is, "127.0.0.1:%d" % random_port())) == sntp.NO_ANSWER
    assert open_files() == before


def test_a_question_that_is_given_up_leaves_no_socket():
    async def main():
        silent = Datagrams(lambda question: [])
        before = open_files()
        task = asyncio.create_task(sntp.ask(as_it_is, "127.0.0.1:%d" % silent.port))
        await asyncio.sleep_ms(20)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass
        assert open_files() == before
        silent.socket.close()

    run(main())


# Time


def _finish(coroutine):
    """Run it, which waits for nothing here; asyncio.run() would take long for so many."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")


class World:
    """A node, its servers and a virtual clock. `true_ms` passes; the board's own crystal counts
    `slow` times too little of it.
    """

    def __init__(self, *servers, unset=True, slow=0.0):
        self.true_ms = NOW_MS
        self.slow = slow
        self.unset = unset
        self.answers = {}  # server -> a code, or how many ms its time is off; None: right
        self.questions = []  # (server, s passed)
        self.said = []
        self.settings = self.net = self.log = self.manual = self  # it is the node, too
        self.uptime = self
        self.ntp = list(servers)
        self.offline = False
        self.known_peers = {}
        self.resolve = self.add = None
        self.sync = sntp.Sync(self)

    def __enter__(self):
        self.kept = {name: getattr(clock, name) for name in dir(clock) if name[0] != "_"}
        private = ("_source", "_set_at", "_was_off_ms", "_base_s", "_base", "_in_port")
        self.kept.update({name: getattr(clock, name) for name in private})
        self.kept_ask = sntp.ask
        clock.now = self.now
        if self.unset:
            clock.time = self
        else:
            clock.set_time(self.true_ms, "serial")
        sntp.ask = self.ask
        self.say = self.add = self.said.append
        return self

    def __exit__(self, kind, error, trace):
        sntp.ask = self.kept_ask
        for name, value in self.kept.items():
            setattr(clock, name, value)

    # What the node and the port have

    def time(self):
        return 0

    def gmtime(self, seconds):
        return (2000, 1, 1, 0, 0, 0, 5, 1)

    def now(self):
        return int((self.true_ms - NOW_MS) * (1 - self.slow)) % (1 << 30)

    def seconds(self):
        return (self.true_ms - NOW_MS) // 1000

    def random_byte(self):
        return os.urandom(1)[0]

    async def ask(self, resolve, server):
        self.questions.append((server, self.seconds()))
        answer = self.answers.get(server)
        if answer is None:
            return self.true_ms
        return answer if answer < 0 else self.true_ms + answer

    # What tests do

    def pass_s(self, seconds):
        """Let time pass, a turn a second; the largest error of the set clock in ms."""
        worst_ms = 0
        for _ in range(seconds):
            _finish(self.sync.turn())
            if clock.unix_time():
                worst_ms = max(worst_ms, abs(clock.behind_ms(self.true_ms)))
            self.true_ms += 1000
        return worst_ms

    def pauses(self, server):
        """Seconds between the questions to one server."""
        times = [when for asked, when in self.questions if asked == server]
        return [later - earlier for earlier, later in zip(times, times[1:])]


def test_the_first_server_that_answers_sets_the_clock_and_is_asked_again():
    with World("a:123", "b:123", "c:123") as world:
        world.answers["a:123"] = sntp.NO_ANSWER
        world.pass_s(1)
        assert world.questions == [("a:123", 0), ("b:123", 0)]
        assert world.said == ["The clock is set by b:123"]
        assert clock.status() == {"source": "ntp", "syncedAgo": 1, "offsetMs": None}
        world.pass_s(4 * 3600)
        assert all(1500 <= pause <= 2100 for pause in world.pauses("b:123")), world.questions
        assert 6 <= len(world.pauses("b:123")) <= 10
        assert len(world.said) == 1, "a clock that stays right is no news"


def test_a_crystal_that_is_off_is_corrected_before_a_handshake_notices():
    with World("a:123", slow=0.0002) as world:
        assert world.pass_s(40_000) < 500
        assert 250 <= clock.status()["offsetMs"] <= 500
        world.answers["a:123"] = sntp.NO_ANSWER
        assert world.pass_s(10_000) > 1500, "without a server it drifts"


def test_a_clock_that_was_far_off_is_set_at_once_and_both_ways():
    with World("a:123", unset=False) as world:
        world.answers["a:123"] = 3_600_000
        world.pass_s(1)
        assert world.said == ["The clock was 3600 s behind; set by a:123"]
        world.answers["a:123"] = None
        world.pass_s(2200)
        assert world.said[1:] == ["The clock was 3600 s ahead; set by a:123"]
        assert clock.unix_time() == world.true_ms // 1000


def test_while_nobody_answers_the_pauses_grow_but_less_while_the_clock_is_unset():
    for unset, longest_s in ((True, 68), (False, 1160)):
        with World("a:123", unset=unset) as world:
            world.answers["a:123"] = sntp.NO_ANSWER
            world.pass_s(6000)
            pauses = world.pauses("a:123")
            assert 15 <= pauses[0] <= 17 and pauses[1] > 20, pauses
            assert min(pauses) >= 15 and longest_s * 3 // 4 <= max(pauses) <= longest_s
            assert len(world.said) == 1, world.said
            assert ("not set" in world.said[0]) == unset
            world.answers["a:123"] = None
            world.pass_s(longest_s)
            assert clock.unix_time() == world.true_ms // 1000


def test_nobody_is_asked_without_a_network_and_at_once_with_it():
    with World("a:123") as world:
        world.offline = True
        world.pass_s(3000)
        assert world.questions == []
        world.offline = False
        world.answers["a:123"] = sntp.NO_ANSWER
        world.pass_s(700)
        before = len(world.questions)
        world.offline = True
        world.pass_s(30)
        world.offline = False
        world.answers["a:123"] = None
        world.pass_s(1)
        assert len(world.questions) == before + 1 and clock.unix_time()


def test_a_network_that_comes_and_goes_does_not_make_it_ask_more_often():
    with World("a:123") as world:
        world.answers["a:123"] = sntp.NO_ANSWER
        for _ in range(200):
            world.offline = not world.offline
            world.pass_s(3)
        assert min(world.pauses("a:123")) >= 15


def test_servers_that_do_not_want_to_be_asked_are_left_alone():
    with World("deny:123", "rate:123", "good:123") as world:
        world.answers = {"deny:123": sntp.DENIED, "rate:123": sntp.TOO_OFTEN}
        world.pass_s(5 * 3600)
        assert len(world.pauses("deny:123")) == 0
        assert min(world.pauses("rate:123")) >= 3600
        assert len(world.pauses("good:123")) > 5 and clock.unix_time()
    with World("deny:123") as world:
        world.answers = {"deny:123": sntp.DENIED}
        world.pass_s(20_000)
        assert len(world.questions) == 1


def test_a_new_list_of_servers_is_asked_at_once():
    with World("a:123") as world:
        world.answers["a:123"] = sntp.DENIED
        world.pass_s(5)
        world.ntp = ["b:123", "a:123"]
        world.answers["b:123"] = sntp.NO_ANSWER
        world.pass_s(1)
        assert world.questions == [("a:123", 0), ("b:123", 5), ("a:123", 5)]
        world.ntp = []
        world.pass_s(3600)
        assert len(world.questions) == 3


def test_a_time_server_at_the_address_of_a_known_peer_is_the_desktop():
    class Peer:
        address = "192.0.2.7:14666"

    for server, source in (("192.0.2.7:14123", "desktop"), ("192.0.2.8:14123", "ntp")):
        with World(server) as world:
            world.known_peers = {b"k": Peer()}
            world.pass_s(1)
            assert clock.status()["source"] == source
