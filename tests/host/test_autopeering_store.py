"""What autopeering remembers: over restarts, bounded, and through damage."""

from __future__ import annotations

from pathlib import Path

import pytest
from shimlet_host.autopeering.chains import ChainRecord
from shimlet_host.autopeering.messages import Service
from shimlet_host.autopeering.parameters import CHAIN_LIFETIME_S
from shimlet_host.autopeering.peers import Peer
from shimlet_host.autopeering_store import (
    MAX_PEERS,
    PEER_LIFETIME_S,
    PRUNE_EVERY,
    AutopeeringStore,
)

INTERVAL_S = 7200


class Clock:
    """Unix seconds, as a test sets them."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def peer(number: int, ip: str = "192.0.2.1") -> Peer:
    return Peer(key(number), ip, {"peering": Service("udp", 1000 + number)})


def opened(folder: Path, clock: Clock, warnings: list[str] | None = None) -> AutopeeringStore:
    told = [] if warnings is None else warnings
    return AutopeeringStore(folder, told.append, clock)


def test_verified_peers_come_back_the_newest_first_at_their_last_address(tmp_path: Path) -> None:
    clock = Clock()
    store = opened(tmp_path, clock)
    for number, ip in ((1, "192.0.2.1"), (2, "2001:db8::2"), (1, "192.0.2.3")):
        store.verified(peer(number, ip))
        store.flush()
        clock.now += 1
    store.verified(peer(3))  # not flushed: close() writes it
    store.close()
    store.close()
    again = opened(tmp_path, clock)
    assert again.peers() == [
        (key(3), ("192.0.2.1", 1003)),
        (key(1), ("192.0.2.3", 1001)),
        (key(2), ("2001:db8::2", 1002)),
    ]
    again.close()


def test_chain_records_come_back_the_oldest_first(tmp_path: Path) -> None:
    clock = Clock()
    now = int(clock.now)
    records = {key(n): ChainRecord(bytes([n]) * 20, now - 7200, now - n) for n in range(3)}
    store = opened(tmp_path, clock)
    store.keep_chains({key(0): ChainRecord(bytes(20), 0, now - 100)})
    store.flush()
    store.keep_chains(records)
    store.close()
    again = opened(tmp_path, clock)
    assert again.chains(INTERVAL_S) == list(reversed(records.items()))
    again.close()


def test_chains_are_forgotten_when_the_salts_have_another_interval(tmp_path: Path) -> None:
    clock = Clock()
    record = ChainRecord(bytes(20), 0, int(clock.now))
    left = []
    for interval_s in (INTERVAL_S, INTERVAL_S, 3600, 3600):
        store = opened(tmp_path, clock)
        left.append(store.chains(interval_s))
        store.keep_chains({key(len(left)): record})
        store.verified(peer(1))
        store.close()
    one, three = (key(1), record), (key(3), record)
    assert left == [[], [one], [], [three]]
    store = opened(tmp_path, clock)
    assert len(store.peers()) == 1
    store.close()


def test_old_peers_and_chains_are_forgotten(tmp_path: Path) -> None:
    clock = Clock()
    store = opened(tmp_path, clock)
    store.verified(peer(1))
    store.keep_chains({key(1): ChainRecord(bytes(20), 0, int(clock.now))})
    store.flush()
    clock.now += CHAIN_LIFETIME_S + 1
    assert store.peers() and not store.chains(INTERVAL_S)
    clock.now += PEER_LIFETIME_S
    assert not store.peers()
    store.close()
    opened(tmp_path, clock).close()
    clock.now = 1_800_000_000.0
    reopened = opened(tmp_path, clock)
    assert not reopened.peers() and not reopened.chains(INTERVAL_S), (
        "they were hidden, not deleted"
    )
    reopened.close()


def test_the_file_is_bounded_while_the_node_runs(tmp_path: Path) -> None:
    clock = Clock()
    store = opened(tmp_path, clock)
    count = PRUNE_EVERY + MAX_PEERS
    for number in range(count):
        clock.now += 1
        store.verified(peer(number))
        if number % 250 == 249:
            store.flush()
    store.flush()
    (rows,) = store._database.rows("SELECT count(*) FROM peers")
    assert rows[0] <= MAX_PEERS + PRUNE_EVERY // 2
    found = store.peers()
    assert [known[0] for known in found] == [key(count - 1 - n) for n in range(MAX_PEERS)]
    store.close()


@pytest.mark.parametrize("damage", [b"this is no database", b"SQLite format 3\0" + bytes(5000)])
def test_a_damaged_file_is_set_aside_and_made_anew_with_a_message(
    tmp_path: Path, damage: bytes
) -> None:
    path = tmp_path / "autopeering.db"
    path.write_bytes(damage)
    warnings: list[str] = []
    store = opened(tmp_path, Clock(), warnings)
    assert (tmp_path / "autopeering.db.damaged-1").read_bytes() == damage
    assert len(warnings) == 1 and "was damaged" in warnings[0] and "entry nodes" in warnings[0]
    store.verified(peer(1))
    store.close()
    again = opened(tmp_path, Clock(), warnings)
    assert len(again.peers()) == 1 and len(warnings) == 1
    again.close()


@pytest.mark.parametrize(
    ("whole", "damaged"),
    [
        (b"TABLE peers", b"TABL\xc5 peers"),
        (b"ip TEXT", b"iq TEXT"),
        (b"TABLE chains", b"TABLE ghains"),
        (b"192.0.2.1", b"192.\xb0.2.1"),
    ],
    ids=["the schema", "a column", "a table", "an address"],
)
def test_a_flipped_bit_in_a_text_is_damage(tmp_path: Path, whole: bytes, damaged: bytes) -> None:
    warnings: list[str] = []
    store = opened(tmp_path, Clock(), warnings)
    store.verified(peer(1))
    store.close()
    path = tmp_path / "autopeering.db"
    content = path.read_bytes()
    assert whole in content
    path.write_bytes(content.replace(whole, damaged))
    store = opened(tmp_path, Clock(), warnings)
    assert store.peers() == []
    assert len(warnings) == 1 and "was damaged" in warnings[0]
    store.verified(peer(2))
    store.flush()
    assert len(store.peers()) == 1 and len(warnings) == 1
    store.close()


def test_a_file_that_cannot_be_written_is_said_once_and_stops_nothing(tmp_path: Path) -> None:
    warnings: list[str] = []
    store = opened(tmp_path, Clock(), warnings)
    store._database.close()  # every statement fails from now on, as on a broken disk
    for number in range(3):
        store.verified(peer(number))
        store.flush()
    assert store.peers() == []
    assert len(warnings) == 1 and "not kept any more" in warnings[0]
