"""The bounded memory: the newest stay, the oldest go."""

from helpers import MICROPYTHON
from shimlet.recent import Recent


def key(number):
    return b"key %d" % number


def test_newest_entries_are_kept_and_the_oldest_forgotten():
    recent = Recent(3)
    for number in range(10):
        recent.put(key(number), number)
        held = [n for n in range(10) if key(n) in recent]
        assert held == list(range(max(0, number - 2), number + 1)), held
        assert len(recent) == min(number + 1, 3)
    assert [recent.get(key(n)) for n in range(6, 10)] == [None, 7, 8, 9]


def test_known_key_gets_the_new_value_and_keeps_its_place():
    recent = Recent(2)
    recent.put(b"a", 1)
    recent.put(b"b", 2)
    recent.put(b"a", 3)
    assert (recent.get(b"a"), len(recent)) == (3, 2)
    recent.put(b"c", 4)
    assert b"a" not in recent
    assert b"b" in recent


def test_forgotten_key_may_come_back():
    recent = Recent(1)
    for _ in range(3):
        for name in (b"a", b"b"):
            recent.put(name, name)
            assert (recent.get(name), len(recent)) == (name, 1)


def test_value_may_be_none():
    recent = Recent(2)
    recent.put(b"a", None)
    assert b"a" in recent
    assert recent.get(b"a") is None


def test_memory_does_not_grow_with_time():
    if not MICROPYTHON:
        return
    import gc

    recent = Recent(16)
    for number in range(200):
        recent.put(key(number), number)
    gc.collect()
    before = gc.mem_alloc()
    for number in range(1000, 3000):
        recent.put(key(number), number)
    gc.collect()
    assert gc.mem_alloc() <= before + 128, gc.mem_alloc() - before
