"""The wrapping clock."""

from shimlet.ticks import PERIOD_MS, after, since

HALF = PERIOD_MS // 2
MOMENTS = (0, 1, 1000, HALF - 1, HALF, HALF + 1, PERIOD_MS - 1000, PERIOD_MS - 1)


def test_time_passes_also_across_the_wrap():
    for now in MOMENTS:
        for delay in (0, 1, 1000, 86400000, HALF - 1):
            then = after(now, delay)
            assert 0 <= then < PERIOD_MS, (now, delay)
            assert then == (now + delay) % PERIOD_MS, (now, delay)
            assert since(then, now) == delay, (now, delay)
            assert since(now, then) == -delay, (now, delay)


def test_moments_half_a_period_apart_are_the_limit():
    for now in MOMENTS:
        assert since((now + HALF) % PERIOD_MS, now) == -HALF
        assert since((now + HALF - 1) % PERIOD_MS, now) == HALF - 1


def test_every_pair_agrees_with_the_definition():
    for now in MOMENTS:
        for then in MOMENTS:
            expected = (now - then + HALF) % PERIOD_MS - HALF
            assert since(now, then) == expected, (now, then)
