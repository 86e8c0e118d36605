"""Who feeds the watchdog when, what a key in the window does, and what the board keeps of its
faults. What the hardware does, tests/host/test_watchdog_board.py shows.
"""

from helpers import MICROPYTHON, skip

if not MICROPYTHON:
    skip("needs MicroPython's asyncio")

import asyncio
import json
import sys

from light.board_parts import Scratch
from light.pretend_board import PretendMachine
from light.test_wifi import light_node
from light.virtual_time import run_virtually
from shimlet_light import files, health, watchdog
from shimlet_light.health import Health, described, reset_cause
from shimlet_light.watchdog import Guard


def guarded(play, **options):
    """Run play(guard, machine) beside the guard, in virtual time; what the guard raised."""

    async def main(virtual):
        with PretendMachine(**options) as machine:
            guard = Guard()
            task = asyncio.create_task(guard.run())
            await asyncio.sleep_ms(0)
            await play(guard, machine)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                return None

    try:
        return run_virtually(main)
    except KeyboardInterrupt:
        return KeyboardInterrupt


def test_the_watchdog_is_armed_after_the_window_of_3_s_and_fed_as_long_as_the_loop_turns():
    async def play(guard, machine):
        await asyncio.sleep_ms(2900)
        assert guard.is_open and machine.timeouts == []
        await asyncio.sleep_ms(200)
        assert not guard.is_open and machine.timeouts == [8000]
        fed = machine.fed
        await asyncio.sleep(60)
        assert 29 <= machine.fed - fed <= 31

    assert guarded(play) is None


def test_one_key_in_the_window_stops_the_node_before_anything_is_armed():
    seen = []

    def pressed(key):
        async def play(guard, machine):
            seen.append(machine)
            await asyncio.sleep_ms(2700)
            guard.key(key)
            await asyncio.sleep(10)

        return guarded(play)

    for key in b"x\r\x1b\t ":
        assert pressed(key) is KeyboardInterrupt, key
        assert seen.pop().timeouts == []


def test_noise_and_what_is_left_of_a_request_are_no_key():
    async def play(guard, machine):
        for noise in (b'status"}\n', b"AT\r", b"\n", b"\x00", b"\xff", b"\x1b[A"):
            for byte in noise:
                guard.key(byte)
            await asyncio.sleep_ms(400)
        await asyncio.sleep(1)
        guard.key(ord("x"))  # too late
        await asyncio.sleep(10)
        assert machine.timeouts == [8000]

    assert guarded(play) is None


def test_a_timer_feeds_while_nobody_runs_the_node_and_the_loop_takes_over_again():
    for numbered in (False, True):
        with PretendMachine(numbered_timers=numbered) as machine:
            watchdog.relieve()
            assert machine.timers == [], "there is nothing to feed"
            watchdog.arm()
            assert machine.timers == []
            watchdog.relieve()
            watchdog.relieve()
            (timer,) = machine.timers
            fed = machine.fed
            timer.callback(timer)
            assert machine.fed == fed + 1 and timer.period <= 2000
            watchdog.arm()
            assert machine.timers == [] and machine.timeouts == [8000, 8000]


def test_after_a_soft_reset_boot_feeds_what_may_be_armed_and_after_others_nothing():
    with PretendMachine(PretendMachine.SOFT_RESET) as machine:
        watchdog.after_reset()
        assert machine.timeouts == [8000] and len(machine.timers) == 1
    for cause in (PretendMachine.PWRON_RESET, PretendMachine.HARD_RESET, PretendMachine.WDT_RESET):
        with PretendMachine(cause) as machine:
            watchdog.after_reset()
            assert machine.timeouts == machine.timers == []


class Pico:
    """`with Pico("RP2040")`: this is a Pico W, as far as watchdog.py looks."""

    platform = "rp2"

    def __init__(self, chip):
        self.implementation = self
        self._machine = "Raspberry Pi Pico W with " + chip

    def __enter__(self):
        watchdog.sys = self

    def __exit__(self, kind, error, trace):
        watchdog.sys = sys


def test_a_pico_remembers_in_its_watchdog_whether_it_was_armed():
    for chip, base in (("RP2040", 0x40058000), ("RP2350", 0x400D8000)):
        with PretendMachine() as machine, Pico(chip):
            control, reason, scratch = base, base + 0x08, base + 0x0C
            machine.mem32 = {control: 0, reason: 1, scratch: 0}
            assert not watchdog._may_have_bitten()
            watchdog.after_reset()
            assert machine.timeouts == []
            watchdog.arm()
            assert watchdog._may_have_bitten()
            machine.mem32[reason] = 2  # by machine.reset(), as an app may do
            assert not watchdog._may_have_bitten()
            machine.mem32[reason] = 1
            machine.mem32[control] = 1 << 30
            watchdog.relieve()
            assert not watchdog._may_have_bitten()
            watchdog._wdt = watchdog._timer = None
            watchdog.after_reset()  # a soft one: it is enabled still
            assert len(machine.timeouts) == 2 and not watchdog._may_have_bitten()


def test_the_reset_cause_is_a_word():
    words = ("power-on", "reset", "watchdog", "deep-sleep", "soft-reset", "unknown")
    for number, word in enumerate(words):
        with PretendMachine(number + 1):
            assert reset_cause() == word
    real = watchdog.MAY_HAVE_BITTEN
    watchdog.MAY_HAVE_BITTEN = False
    try:
        with PretendMachine(PretendMachine.WDT_RESET):
            assert reset_cause() == "reset"
    finally:
        watchdog.MAY_HAVE_BITTEN = real


def broken():
    """Raise something."""
    return [][1]


def raised(function, *arguments):
    """What it raises."""
    try:
        function(*arguments)
    except Exception as error:
        return error


def test_an_exception_is_one_line_with_its_place():
    line = described(raised(broken))
    assert line.startswith("IndexError: ") and "test_watchdog.py:" in line
    assert line.endswith(" broken)")
    assert described(ValueError("never raised")) == "ValueError: never raised"
    assert len(described(ValueError("x" * 1000))) == 200


class Boards:
    """A folder in which boards start one after the other; `writes` counts written files."""

    def __init__(self, folder):
        self.path = folder + "/health.json"
        self.writes = 0

    def __enter__(self):
        self._real = files.write
        files.write = self._write
        return self

    def __exit__(self, kind, error, trace):
        files.write = self._real

    def _write(self, path, content):
        self.writes += 1
        self._real(path, content)

    def start(self, cause):
        """What a board keeps of its health after a start for this cause."""
        with PretendMachine(cause):
            return Health(self.path)


POWER, RESET, BITTEN = 1, 2, 3


def test_resets_by_the_watchdog_are_counted_in_a_row_and_another_one_ends_the_row():
    with Scratch() as folder, Boards(folder) as boards:
        causes = (POWER, BITTEN, BITTEN, BITTEN, RESET, BITTEN, POWER, POWER)
        assert [boards.start(cause).bites for cause in causes] == [0, 1, 2, 3, 0, 1, 0, 0]
        assert boards.writes == 6


def test_an_hour_without_a_reset_ends_the_row():
    async def main(virtual):
        with Scratch() as folder, Boards(folder) as boards:
            bitten = boards.start(BITTEN)
            await asyncio.sleep(3599)
            bitten.turn()
            assert bitten.bites == 1
            await asyncio.sleep(2)
            bitten.turn()
            assert bitten.bites == 0 and boards.start(BITTEN).bites == 1

    run_virtually(main)


def test_the_last_exception_outlives_a_reset_and_is_written_at_most_each_ten_minutes():
    async def main(virtual):
        with Scratch() as folder, Boards(folder) as boards:
            board = boards.start(POWER)
            for number in range(3600):
                board.note("app", ValueError("number %d" % (number // 2)))
                board.turn()
                board.turn()
                await asyncio.sleep(1)
            assert boards.writes == 6
            kept = boards.start(POWER).last_exception
            assert kept == "app: ValueError: number 1500"
            board.note("app", ValueError("number 1500"))
            await asyncio.sleep(6000)
            board.turn()
            assert boards.writes == 6, "what is there already was written again"

    run_virtually(main)


def test_a_health_file_that_is_damaged_or_too_long_costs_only_what_it_held():
    damaged = (
        b"",
        b"{",
        b"[]",
        b"7",
        b'{"bites": "x"}',
        b'{"bites": []}',
        b"[" * 1400,
        b"x" * 9000,
    )
    for content in damaged:
        with Scratch() as folder, Boards(folder) as boards:
            files.write(boards.path, content)
            board = boards.start(BITTEN)
            assert board.bites == 1, content
            assert json.loads(files.read(boards.path, 100))["bites"] == 1


def test_a_flash_that_takes_no_file_does_not_stop_the_node():
    with PretendMachine(BITTEN):
        board = Health("/no/such/folder/health.json")
        board.note("fault", ValueError("x"))
        board.turn()
    assert board.bites == 1


def test_the_longest_exception_fits_its_file():
    with Scratch() as folder, Boards(folder) as boards:
        board = boards.start(POWER)
        board.note("app", ValueError("\x01" * 1000))
        board.turn()
        assert boards.start(POWER).last_exception == board.last_exception
        assert len(board.last_exception) == 200


def test_the_node_tells_what_its_health_is():
    node_ = light_node("one", "two", 15001, "")
    with PretendMachine(BITTEN):
        node_.health = Health()
    node_.health.bites = 2
    node_.fault(ZeroDivisionError("divide by zero"))
    shown = node_.status()
    assert (shown["resetCause"], shown["watchdogResets"]) == ("watchdog", 2)
    assert shown["lastException"] == "fault: ZeroDivisionError: divide by zero"
    node_._greet()
    assert any("watchdog restarted the board, 2 times" in line[1] for line in node_.log.lines())


def test_an_app_waits_for_the_watchdog_and_is_left_out_after_three_bites():
    async def main(virtual):
        with Scratch() as folder:
            files.write(folder + "/app.py", b"async def run(node):\n    node.ran = True\n")
            sys.path.insert(0, folder)
            real, files.exists = files.exists, lambda path: True
            try:
                node_ = light_node("one", "two", 15001, "")
                node_.guard = Guard()
                task = asyncio.create_task(node_._run_app())
                await asyncio.sleep(5)
                assert not hasattr(node_, "ran")
                node_.guard.is_open = False
                await task
                assert node_.ran
                del node_.ran
                node_.health.bites = health.BITES
                await node_._run_app()
                assert not hasattr(node_, "ran")
                assert any("left out" in line[1] for line in node_.log.lines())
            finally:
                files.exists = real
                sys.path.remove(folder)

    run_virtually(main)
