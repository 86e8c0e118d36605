"""What a full node writes, each kind as a scenario of steps.py: prepare, open, act, check.

`act` confirms what its caller was told is done; `check` then finds it, or the state before, and
that the next start works.
"""

from __future__ import annotations

import json
import signal
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from shimlet.identity import base58_encode
from shimlet_host import service
from shimlet_host.access import URL_FILE, announce, announced, load_token, withdraw
from shimlet_host.autopeering.chains import ChainRecord
from shimlet_host.autopeering.messages import Service
from shimlet_host.autopeering.peers import Peer
from shimlet_host.autopeering_store import AutopeeringStore
from shimlet_host.backup import read_backup, restore_backup, write_backup
from shimlet_host.config import load_config
from shimlet_host.folder import open_folder
from shimlet_host.identity import load_identity
from shimlet_host.model import PeerMark
from shimlet_host.starter import StarterError, make_starter
from shimlet_host.store import Store

Confirm = Callable[[str], None]
KEY_A, KEY_B = bytes([1]) * 32, bytes([2]) * 32
SEED = "base58:" + base58_encode(bytes([7]) * 32)


def quiet(text: str) -> None:
    """Warnings are fine while the disk fails."""


def strict(text: str) -> None:
    """Afterwards they are not."""
    raise AssertionError(text)


def nothing(folder: Path) -> None:
    """Nothing is there before."""


def same(folder: Path) -> Path:
    """The scenario works with the folder alone."""
    return folder


def key_of(folder: Path) -> str:
    return base58_encode(load_identity(folder, None, strict).public_key)


def no_drafts(folder: Path) -> None:
    """The next start cleared what a killed one left half written."""
    left = [path.name for path in folder.rglob(".*.tmp")]
    assert not left, left


# The identity, the token, the URL


def make_identity(folder: Path, confirm: Confirm) -> None:
    with open_folder(folder):
        confirm(base58_encode(load_identity(folder, None, quiet).public_key))


def check_identity(folder: Path, told: list[str]) -> None:
    with open_folder(folder):
        key = key_of(folder)
    assert not told or told[-1] == key, (told, key)
    assert key_of(folder) == key
    assert stat.S_IMODE((folder / "identity.seed").stat().st_mode) == 0o600
    no_drafts(folder)


def make_token(folder: Path, confirm: Confirm) -> None:
    with open_folder(folder):
        confirm(load_token(folder, quiet))


def check_token(folder: Path, told: list[str]) -> None:
    with open_folder(folder):
        token = load_token(folder, strict)
    assert not told or told[-1] == token
    assert load_token(folder, strict) == token
    no_drafts(folder)


def prepare_url(folder: Path) -> None:
    announce(folder, "http://127.0.0.1:1")


def tell_url(folder: Path, confirm: Confirm) -> None:
    announce(folder, "http://127.0.0.1:2")
    withdraw(folder)


def check_url(folder: Path, told: list[str]) -> None:
    assert announced(folder) in ("", "http://127.0.0.1:1", "http://127.0.0.1:2")
    announce(folder, "http://127.0.0.1:3")
    assert announced(folder) == "http://127.0.0.1:3"
    no_drafts(folder)
    withdraw(folder)
    assert not (folder / URL_FILE).exists()


# A new node


def init(folder: Path, confirm: Confirm) -> None:
    config = folder / "config.json"
    if config.exists():  # the second try, after the first one got that far
        confirm(key_of(folder / "shimletdb"))
        return
    _, identity = make_starter(config, quiet)
    confirm(base58_encode(identity.public_key))


def check_init(folder: Path, told: list[str]) -> None:
    config = folder / "config.json"
    if not config.exists():
        assert not told
        make_starter(config, strict)
    assert not told or told[-1] == key_of(folder / "shimletdb")
    assert json.loads(config.read_text())["profile"] == "spec"
    assert load_config(config, environment={}).node.data_directory == folder / "shimletdb"
    with suppress(StarterError):  # the config stays
        make_starter(config, strict)
    open_folder(folder / "shimletdb").close()
    no_drafts(folder)


# Known peers


def open_store(folder: Path) -> Store:
    return Store(folder, quiet)


def prepare_peers(folder: Path) -> None:
    store = Store(folder, strict)
    store.add_peers([(KEY_A, "a:1")])
    store.close()


def change_peers(store: Store, confirm: Confirm) -> None:
    store.add_peers([(KEY_A, "a:2"), (KEY_B, "b:2")], [PeerMark(KEY_B, "roof")])
    confirm("added")
    store.put_marks([PeerMark(KEY_B, "attic", False)])
    confirm("marked")
    store.remove_peers([KEY_A])
    confirm("removed")


def make_store(folder: Path, confirm: Confirm) -> None:
    store = Store(folder, quiet)
    change_peers(store, confirm)
    store.close()


STATES = (
    ([("a:1", None)], ""),
    ([("a:2", None), ("b:2", "roof")], "added"),
    ([("a:2", None), ("b:2", "attic")], "marked"),
    ([("b:2", "attic")], "removed"),
)


def check_peers(folder: Path, told: list[str]) -> None:
    store = Store(folder, strict)
    marks = {mark.public_key: mark.alias for mark in store.marks()}
    found = [(peer.address, marks.get(peer.public_key)) for peer in store.peers()]
    store.add_peers([(KEY_A, "a:9")])
    store.close()
    states = [state for state, _ in STATES]
    last = max((names.index(each) for each in told), default=0) if told else 0
    # What was confirmed last, or the change that was on its way.
    allowed = states[last : last + 2] + ([[]] if last == 0 else [])
    assert found in allowed, (told, found)
    assert not list(folder.glob("*.damaged*"))


names = [name for _, name in STATES]


# Messages, and what autopeering remembers


def store_messages(store: Store, confirm: Confirm) -> None:
    for number in range(3):
        before = store.messages.lost
        store.messages.put(number.to_bytes(32, "big"), bytes([number]) * 5000)
        store.messages.flush()
        if store.messages.lost == before:
            confirm(str(number))


def check_messages(folder: Path, told: list[str]) -> None:
    store = Store(folder, strict)
    found = [message.message_id[-1] for message in store.messages.newest(10)]
    assert all(int(number) in found for number in told), (told, found)
    store.messages.put(bytes(32), b"x")
    store.messages.put(b"z" * 32, b"z")
    store.messages.flush()
    assert store.messages.lost == 0 and store.messages.get(b"z" * 32) == b"z"
    store.close()


def open_memory(folder: Path) -> AutopeeringStore:
    return AutopeeringStore(folder, quiet)


def remember(store: AutopeeringStore, confirm: Confirm) -> None:
    for number in range(1, 4):
        key = bytes([number]) * 32
        store.verified(Peer(key, "192.0.2.1", {"peering": Service("udp", 1)}))
        store.keep_chains({key: ChainRecord(bytes(20), 0, int(time.time()))})
        store.flush()


def make_memory(folder: Path, confirm: Confirm) -> None:
    store = AutopeeringStore(folder, quiet)
    remember(store, confirm)
    store.close()


def check_memory(folder: Path, told: list[str]) -> None:
    store = AutopeeringStore(folder, strict)
    peers, chains = {key for key, _ in store.peers()}, {key for key, _ in store.chains(7200)}
    assert peers == chains, "a peer and its chain were written in one step"
    remember(store, lambda what: None)
    assert len(store.peers()) == 3
    store.close()
    assert not list(folder.glob("*.damaged*"))


# Backup and restore


def prepare_node(folder: Path) -> None:
    make_starter(folder / "config.json", strict)
    store = Store(folder / "shimletdb", strict)
    store.add_peers([(KEY_A, "a:1")])
    store.put_marks([PeerMark(KEY_A, "attic", False)])
    store.close()


def prepare_backup(folder: Path) -> None:
    prepare_node(folder)
    _backup(folder, "node.backup", force=False)


def _backup(folder: Path, name: str, *, force: bool) -> str:
    config = folder / "config.json"
    settings = load_config(config, environment={})
    return write_backup(folder / name, settings, config, force=force).public_key


def back_up(folder: Path, confirm: Confirm) -> None:
    if not (folder / "new.backup").exists():
        confirm(_backup(folder, "new.backup", force=False))
    confirm(_backup(folder, "node.backup", force=True))


def check_backup(folder: Path, told: list[str]) -> None:
    key = key_of(folder / "shimletdb")
    assert set(told) <= {key}
    for name in ("new.backup", "node.backup"):
        file = folder / name
        assert file.exists() or (name == "new.backup" and not told)
        if file.exists():
            assert read_backup(file).public_key == key
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
    _backup(folder, "new.backup", force=True)
    _backup(folder, "node.backup", force=True)
    no_drafts(folder)


def prepare_restore(folder: Path) -> None:
    prepare_backup(folder)
    (folder / "other").mkdir()
    prepare_node(folder / "other")


def restore(folder: Path, confirm: Confirm) -> None:
    content = read_backup(folder / "node.backup")
    restore_backup(content, folder / "fresh" / "config.json", force=False)
    confirm("fresh")
    restore_backup(content, folder / "other" / "config.json", force=True)
    confirm("other")


def check_restore(folder: Path, told: list[str]) -> None:
    content = read_backup(folder / "node.backup")
    for name in ("fresh", "other"):
        target = folder / name
        if name in told:
            assert key_of(target / "shimletdb") == content.public_key
        # Cut off, it is finished by doing it again.
        restore_backup(content, target / "config.json", force=name == "other")
        assert key_of(target / "shimletdb") == content.public_key
        store = Store(target / "shimletdb", strict)
        assert [peer.address for peer in store.peers()] == ["a:1"]
        assert [mark.alias for mark in store.marks()] == ["attic"]
        store.close()
        no_drafts(target)


# A whole node


def run_once(folder: Path, confirm: Confirm) -> None:
    """`shimlet run` with autopeering until it listens, and then SIGTERM."""
    settings = {
        "gossip.bindAddress": "127.0.0.1:0",
        "webapi.bindAddress": "127.0.0.1:0",
        "autoPeering.enabled": True,
        "autoPeering.bindAddress": "127.0.0.1:0",
        "node.dataDirectory": str(folder / "db"),
    }
    path = folder.parent / "config.json"
    path.write_text(json.dumps(settings))
    config = load_config(path, environment={})
    service._say_hello = lambda *_: signal.raise_signal(signal.SIGTERM)  # type: ignore[assignment]
    assert service.run_node(config, lambda: config) == 0
    confirm(key_of(folder / "db"))


def check_node(folder: Path, told: list[str]) -> None:
    found: list[str] = []
    run_once(folder, found.append)
    assert not told or told[-1] == found[-1]
    assert not list(folder.rglob("*.damaged*"))
    no_drafts(folder)


# What nobody should do


def write_carelessly(folder: Path, confirm: Confirm) -> None:
    (folder / "file").write_bytes(bytes(100))
    confirm("written")


def check_whole(folder: Path, told: list[str]) -> None:
    file = folder / "file"
    assert not file.exists() or file.stat().st_size == 100, "half written"


SCENARIOS: dict[str, tuple[Any, ...]] = {
    "identity": (nothing, same, make_identity, check_identity),
    "token": (nothing, same, make_token, check_token),
    "url": (prepare_url, same, tell_url, check_url),
    "init": (nothing, same, init, check_init),
    "peers": (prepare_peers, open_store, change_peers, check_peers),
    "new-peers": (nothing, same, make_store, check_peers),
    "messages": (prepare_peers, open_store, store_messages, check_messages),
    "autopeering": (nothing, same, make_memory, check_memory),
    "memory": (nothing, open_memory, remember, check_memory),
    "backup": (prepare_backup, same, back_up, check_backup),
    "restore": (prepare_restore, same, restore, check_restore),
    "careless": (nothing, same, write_carelessly, check_whole),
    "node": (nothing, same, run_once, check_node),
}
