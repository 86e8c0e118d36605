"""What the host remembers: peers at once, messages in bounded number, and what damage costs."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from host.children import in_child
from shimlet_host.folder import open_folder
from shimlet_host.message_store import MAX_UNWRITTEN_BYTES
from shimlet_host.model import PeerMark, StoreError
from shimlet_host.store import Store

KEY_A, KEY_B, KEY_C = (bytes([n]) * 32 for n in (1, 2, 3))


def opened(folder: Path, max_messages: int = 10_000) -> Store:
    """A store that must have nothing to warn about."""

    def no_warning(text: str) -> None:
        raise AssertionError(text)

    return Store(folder, no_warning, max_messages=max_messages)


def message_id(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_peers_survive_without_a_close(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.add_peers([(KEY_A, "a.example:1"), (KEY_B, "[::1]:2")])
    store.remove_peers([KEY_A, KEY_C])
    store.add_peers([(KEY_C, "c:3")], source="config")
    again = opened(tmp_path)
    assert [(p.public_key, p.address, p.source) for p in again.peers()] == [
        (KEY_B, "[::1]:2", "api"),
        (KEY_C, "c:3", "config"),
    ]
    again.close()
    store.close()


def test_a_known_peer_gets_its_new_address_and_keeps_its_time(tmp_path: Path) -> None:
    times = iter([100.0, 200.0])
    store = Store(tmp_path, print, clock=lambda: next(times))
    store.add_peers([(KEY_A, "old:1")])
    store.add_peers([(KEY_A, "new:2")])
    (peer,) = store.peers()
    assert (peer.address, peer.added) == ("new:2", 100.0)
    store.close()


def test_a_list_of_peers_is_added_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.add_peers([(KEY_A, "a:1")])
    with pytest.raises(StoreError, match="The known peers were not changed"):
        store.add_peers([(KEY_B, "b:1"), (KEY_C, None)])  # type: ignore[list-item]
    assert [p.public_key for p in store.peers()] == [KEY_A]
    nobody = PeerMark(None, "attic")  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="The known peers were not changed"):
        store.add_peers([(KEY_B, "b:1")], [PeerMark(KEY_B, "attic"), nobody])
    assert [p.public_key for p in store.peers()] == [KEY_A] and store.marks() == []
    store.add_peers([(KEY_B, "b:1")], [PeerMark(KEY_B, "attic", False)])
    assert store.marks() == [PeerMark(KEY_B, "attic", False)]
    store.close()


def test_peers_reach_the_disk_before_the_call_returns(tmp_path: Path) -> None:
    store = opened(tmp_path)
    assert store._peers.rows("PRAGMA synchronous") == [(2,)], "FULL: a commit waits for the disk"
    assert store._peers.rows("PRAGMA journal_mode") == [("wal",)]
    store.close()


def test_messages_are_found_before_and_after_they_are_written(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.messages.put(message_id(1), b"one", "neighbor")
    assert store.messages.get(message_id(1)) == b"one"
    store.messages.flush()
    assert store.messages.get(message_id(1)) == b"one"
    assert store.messages.get(message_id(2)) is None
    store.messages.put(message_id(2), b"two")
    store.close()
    again = opened(tmp_path)
    assert [(m.data, m.source) for m in again.messages.newest(9)] == [
        (b"two", "local"),
        (b"one", "neighbor"),
    ]
    again.close()


def test_only_the_newest_messages_are_kept(tmp_path: Path) -> None:
    store = opened(tmp_path, max_messages=100)
    for number in range(350):
        store.messages.put(message_id(number), b"%d" % number)
        store.messages.put(message_id(number), b"%d" % number)
        if number % 30 == 0:
            store.messages.flush()
    newest = [m.message_id for m in store.messages.newest(1000)]
    assert newest == [message_id(n) for n in range(349, 249, -1)]
    assert store.messages.get(message_id(249)) is None
    store.close()


def test_what_is_not_written_yet_is_bounded(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for number in range(MAX_UNWRITTEN_BYTES // 65_536 + 1):
        store.messages.put(message_id(number), bytes(65_536))
        assert sum(len(m.data) for m in store.messages._unwritten.values()) <= MAX_UNWRITTEN_BYTES
    assert store.messages._database.rows("SELECT count(*) FROM messages")[0][0] > 100
    store.close()


@pytest.mark.parametrize("name", ["peers.db", "messages.db"])
def test_a_damaged_file_is_set_aside_and_costs_only_itself(tmp_path: Path, name: str) -> None:
    for number in (1, 2):
        store = Store(tmp_path, lambda text: None)
        store.add_peers([(KEY_A, "a:1")])
        store.messages.put(message_id(1), b"one")
        store.close()
        (tmp_path / name).write_bytes(b"no database" * 500)
        warnings: list[str] = []
        store = Store(tmp_path, warnings.append)
        left = (len(store.peers()), len(store.messages.newest(5)))
        assert left == ((0, 1) if name == "peers.db" else (1, 0))
        assert len(warnings) == 1
        assert f"{name}.damaged-{number}" in warnings[0] and "lost" in warnings[0]
        assert (tmp_path / f"{name}.damaged-{number}").read_bytes().startswith(b"no database")
        store.close()


def test_a_damaged_page_inside_is_noticed_at_the_start(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.add_peers([(bytes([n]) * 32, f"host{n}:1") for n in range(200)])
    store.close()
    content = bytearray((tmp_path / "peers.db").read_bytes())
    content[4096:8192] = bytes(4096)
    (tmp_path / "peers.db").write_bytes(content)
    warnings: list[str] = []
    store = Store(tmp_path, warnings.append)
    assert len(warnings) == 1 and "peers.db was damaged" in warnings[0]
    store.close()


def test_messages_that_turn_out_damaged_later_are_mended(tmp_path: Path) -> None:
    warnings: list[str] = []
    store = Store(tmp_path, warnings.append)
    store.messages.put(message_id(1), b"one")
    store.messages.flush()
    damage = sqlite3.DatabaseError("database disk image is malformed")
    damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    store.messages._database.complain(damage, "Nothing is stored.")
    assert len(warnings) == 1 and "messages.db was damaged" in warnings[0]
    store.messages.put(message_id(2), b"two")
    assert [m.data for m in store.messages.newest(5)] == [b"two"]
    store.close()


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    opened(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "peers.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="later version of Shimlet"):
        opened(tmp_path)
    assert not list(tmp_path.glob("*.damaged*"))


def test_two_nodes_cannot_share_a_data_folder(tmp_path: Path) -> None:
    with open_folder(tmp_path), pytest.raises(StoreError, match=f"process {os.getpid()}"):
        open_folder(tmp_path)
    open_folder(tmp_path).close()


def test_the_lock_goes_with_a_killed_process(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys, time; from shimlet_host.folder import open_folder;"
        "keep = open_folder(pathlib.Path(sys.argv[1]));"
        "print('locked', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout is not None and child.stdout.readline() == "locked\n"
        with pytest.raises(StoreError, match=f"process {child.pid}"):
            open_folder(tmp_path)
        child.kill()
    open_folder(tmp_path).close()


def test_a_full_disk_loses_nothing_and_stops_nothing(tmp_path: Path) -> None:
    def work() -> str:
        warnings: list[str] = []
        store = Store(tmp_path, warnings.append)
        store.add_peers([(KEY_A, "a:1")])
        # The kernel then refuses to let any file grow beyond 100 kB, as on a full disk.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        for number in range(20):
            store.messages.put(message_id(number), bytes([number]) * 60_000)
            store.messages.flush()
        refused = ""
        try:
            store.add_peers([(bytes([n]) * 32, "x" * 1000) for n in range(200)])
        except StoreError as error:
            refused = str(error)
        kept = [peer.address for peer in store.peers()]
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        store.messages.put(message_id(99), b"room again")
        newest = store.messages.newest(1)[0].data
        count = len(store.messages.newest(100))
        store.close()
        again = len(opened(tmp_path).messages.newest(100))
        return repr((store.messages.lost, count, again, warnings, refused, kept, newest))

    told = in_child(work)
    start = "(0, 21, 21, ['Messages are not stored any more; the node goes on"
    assert told.startswith(start), told
    assert told.count("not stored") == 1, told
    assert "The known peers were not changed." in told and "disk" in told, told
    assert told.endswith("['a:1'], b'room again')"), told


def test_a_read_only_folder_is_told(shared_tmp: Path) -> None:
    closed = shared_tmp / "closed"
    closed.mkdir()
    closed.chmod(0o555)

    def work() -> str:
        if os.getuid() == 0:  # root may write everywhere
            os.setgid(65534)
            os.setuid(65534)
        told = []
        for open_it in (open_folder, opened):
            try:
                open_it(closed)
            except StoreError as error:
                told.append(str(error))
        return "\n".join(told)

    folder_told, store_told = in_child(work).splitlines()
    assert f"{closed} cannot be written: Permission denied" in folder_told
    assert "node.dataDirectory" in folder_told
    assert "peers.db cannot be used: it cannot be opened" in store_told


def test_a_clock_that_jumps_back_changes_no_order(tmp_path: Path) -> None:
    moments = iter([5000.0, 1000.0, 9000.0, 2000.0])
    store = Store(tmp_path, print, clock=lambda: next(moments))
    for number in range(4):
        store.messages.put(message_id(number), b"%d" % number)
        store.messages.flush()
    assert [m.data for m in store.messages.newest(9)] == [b"3", b"2", b"1", b"0"], "as they came"
    assert [m.received for m in store.messages.newest(9)] == [2000.0, 9000.0, 1000.0, 5000.0]
    store.close()
