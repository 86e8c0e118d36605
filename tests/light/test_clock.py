"""The board's clock: unset, set, counted on, set back; on ports that count from 1970 or 2000."""

import sys
import time as real_time

import shimlet_light
from shimlet.handshake import EXPIRATION_S, Rules
from shimlet.manual import KnownPeer
from shimlet.ticks import PERIOD_MS

NOON = 1_790_000_000  # 2026-09-21 14:13:20, a Monday
EPOCH_2000_S = 946_684_800


class Port:
    """`time` of a port that counts from `year`, and its RTC; `ticks` are ms since power came."""

    def __init__(self, year, unix_time=None):
        self.epoch_s = EPOCH_2000_S if year == 2000 else 0
        self.ticks = 0
        self.started_s = 0 if unix_time is None else unix_time - self.epoch_s
        self.set_to = None
        self.RTC = lambda: self  # no method: 1.25 does not import those

    def time(self):
        return self.started_s + self.ticks // 1000

    def ticks_ms(self):
        return (PERIOD_MS - 5000 + self.ticks) % PERIOD_MS

    def gmtime(self, seconds):
        return real_time.gmtime(seconds + self.epoch_s)

    def datetime(self, at):
        """Take the time from date and time of day, as chips do."""
        self.set_to = at
        days = _days_since_1970(at[0], at[1], at[2])
        seconds = days * 86400 + at[4] * 3600 + at[5] * 60 + at[6]
        self.started_s = seconds - self.epoch_s - self.ticks // 1000


class NoRtc(Port):
    """A port without one."""

    def __init__(self, year, unix_time=None):
        super().__init__(year, unix_time)
        del self.RTC


def _days_since_1970(year, month, day):
    days = sum(366 if y % 4 == 0 else 365 for y in range(1970, year))
    leap = 1 if year % 4 == 0 else 0
    return days + sum((31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30)[: month - 1]) + day - 1


def clock_of(port):
    """A fresh shimlet_light.clock on this port, as after a restart."""
    kept = {}
    for name in ("time", "machine", "shimlet_light.clock"):
        kept[name] = sys.modules.pop(name, None)
    there = getattr(shimlet_light, "clock", None)
    if there is not None:
        del shimlet_light.clock
    sys.modules["time"] = sys.modules["machine"] = port
    try:
        from shimlet_light import clock
    finally:
        _bring_back(kept, there)
    return clock


def _bring_back(kept, there):
    for name, module in kept.items():
        sys.modules.pop(name, None)
        if module is not None:
            sys.modules[name] = module
    if there is not None:
        shimlet_light.clock = there
    elif hasattr(shimlet_light, "clock"):
        del shimlet_light.clock


def set_time(clock, port, unix_ms, source):
    """Set it while `machine` is that of the port."""
    kept = sys.modules.get("machine")
    sys.modules["machine"] = port
    try:
        return clock.set_time(unix_ms, source)
    finally:
        del sys.modules["machine"]
        if kept is not None:
            sys.modules["machine"] = kept


def test_a_clock_that_nobody_set_reads_0_wherever_the_port_counts_from():
    for port in (Port(2000), Port(1970), Port(1970, NOON - 4 * 365 * 86400), Port(2000, 2**32)):
        clock = clock_of(port)
        assert clock.unix_time() == 0
        assert clock.status() == {"source": "", "syncedAgo": None, "offsetMs": None}


def test_a_port_that_knows_the_time_is_believed():
    for year in (1970, 2000):
        port = Port(year, NOON)
        clock = clock_of(port)
        assert clock.unix_time() == NOON
        assert clock.status()["source"] == "system"
        port.ticks += 90_000
        assert clock.unix_time() == NOON + 90


def test_a_set_clock_counts_on_over_the_wraps_of_the_ticks():
    for kind in (Port, NoRtc):
        for year in (1970, 2000):
            port = kind(year)
            clock = clock_of(port)
            assert set_time(clock, port, NOON * 1000 + 400, "ntp") is None
            assert clock.unix_time() == NOON
            port.ticks += 600
            assert clock.unix_time() == NOON + 1
            for day in range(1, 41):
                port.ticks = 86_400_000 * day
                assert clock.unix_time() == NOON + 86_400 * day
            assert clock.status() == {
                "source": "ntp",
                "syncedAgo": 40 * 86_400,
                "offsetMs": None,
            }


def test_the_ports_own_clock_is_set_with_date_and_day_of_the_week():
    days = ((NOON, (2026, 9, 21, 1, 14, 13, 20, 0)), (1_834_185_599, (2028, 2, 14, 1)))
    for year in (1970, 2000):
        for unix_time, date in days:
            port = Port(year)
            set_time(clock_of(port), port, unix_time * 1000, "serial")
            assert port.set_to[: len(date)] == date
            assert port.time() + port.epoch_s == unix_time
        port = Port(year)
        set_time(clock_of(port), port, 1_835_481_599_600, "serial")
        assert port.set_to == (2028, 3, 1, 3, 0, 0, 0, 0), "rounded, over a leap day"


def test_the_time_survives_a_restart_where_the_port_has_a_clock():
    for year in (1970, 2000):
        port = Port(year)
        set_time(clock_of(port), port, NOON * 1000, "ntp")
        port.ticks += 5000
        again = clock_of(port)
        assert again.unix_time() == NOON + 5
        assert again.status()["source"] == "system"


def test_a_port_whose_clock_cannot_be_set_goes_without():
    class Stubborn(Port):
        def datetime(self, at):
            raise OSError(22)

    for kind in (NoRtc, Stubborn):
        port = kind(2000)
        clock = clock_of(port)
        set_time(clock, port, NOON * 1000, "ntp")
        clock.resume()
        assert clock.unix_time() == NOON
        assert clock_of(port).unix_time() == 0


def test_how_far_the_clock_was_off_is_told():
    for kind in (Port, NoRtc):
        port = kind(2000, NOON)
        clock = clock_of(port)
        assert clock.behind_ms(NOON * 1000 + 4200) == 4200
        assert set_time(clock, port, NOON * 1000 - 3_600_000, "serial") == -3_600_000
        assert clock.unix_time() == NOON - 3600
        port.ticks += 1500
        assert clock.behind_ms((NOON - 3600) * 1000) == -1500
        assert set_time(clock, port, (NOON - 3600) * 1000 + 1700, "desktop") == 200
        assert clock.status() == {"source": "desktop", "syncedAgo": 0, "offsetMs": 200}


def test_a_node_that_was_stopped_for_weeks_asks_the_port():
    port = Port(2000)
    clock = clock_of(port)
    set_time(clock, port, NOON * 1000, "ntp")
    port.ticks += 20 * 86_400_000  # nobody asked meanwhile, and the ticks have wrapped
    clock.resume()
    assert clock.unix_time() == NOON + 20 * 86_400
    assert clock.status() == {"source": "ntp", "syncedAgo": 20 * 86_400, "offsetMs": None}


def test_a_handshake_that_was_accepted_stays_a_replay_when_the_clock_is_set_back():
    port = NoRtc(2000)
    clock = clock_of(port)
    set_time(clock, port, NOON * 1000, "serial")
    rules = Rules("spec", [], 16)
    rules.remember(b"old", clock.unix_time(), "192.0.2.1", clock.now())
    assert rules.is_replay(b"old", "192.0.2.1", clock.now(), clock.unix_time())
    port.ticks += 3_600_000
    for number in range(8):
        rules.remember(b"%d" % number, clock.unix_time(), "192.0.2.1", clock.now())
    set_time(clock, port, NOON * 1000, "ntp")
    assert rules.is_replay(b"old", "192.0.2.1", clock.now(), clock.unix_time())
    assert not rules.is_replay(b"new", "192.0.2.1", clock.now(), clock.unix_time())


def refused_after_a_step(back_s):
    """How many seconds after our clock was set back a peer with the right time still refuses our
    dials, of which there is one in 5 s, and all are accepted that can be.
    """
    theirs, ours = Rules("spec", [], 1000), KnownPeer(b"k", "192.0.2.1:1", True)
    last_s = 0
    for passed_s in range(-100, 100, 5):
        unix_time = NOON + passed_s
        timestamp = ours.next_timestamp(unix_time + (back_s if passed_s < 0 else 0))
        digest = b"%d" % timestamp
        if timestamp - unix_time > EXPIRATION_S or theirs.is_replay(digest, "", 0, unix_time):
            last_s = passed_s
        else:
            theirs.remember(digest, timestamp, "", 0)
    return max(last_s, 0)


def test_after_a_step_back_peers_soon_take_our_handshakes_again():
    for back_s in (0, 1, 9, 10, 14, 3600, 86_400):
        assert refused_after_a_step(back_s) == 0, back_s
    for back_s in (15, 20):
        assert 0 < refused_after_a_step(back_s) <= back_s, "those of the same seconds"
