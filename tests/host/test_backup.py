"""Backup and restore: the whole node in one file, and nothing lost on the way."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from host.processes import NodeProcess, running
from host.shell import shimlet, without_variables
from shimlet.identity import base58_encode
from shimlet_host import backup as backups
from shimlet_host.identity import load_identity
from shimlet_host.model import PeerMark
from shimlet_host.store import Store

KEYS = [bytes([number]) * 32 for number in (1, 2)]


@pytest.fixture(autouse=True)
def _own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    without_variables(monkeypatch)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A node with two peers, one of them disabled."""
    file = tmp_path / "old" / "config.json"
    assert shimlet("init", "--config", file).status == 0
    store = Store(file.parent / "shimletdb", print)
    store.add_peers([(KEYS[0], "a.example:1"), (KEYS[1], "b.example:2")])
    store.put_marks([PeerMark(KEYS[1], "attic", False)])
    store.close()
    return file


def peers_of(folder: Path) -> tuple[object, object]:
    store = Store(folder, print)
    try:
        return store.peers(), store.marks()
    finally:
        store.close()


def key_of(folder: Path) -> bytes:
    return load_identity(folder, None, print).public_key


def test_a_node_comes_back_from_its_one_file(config: Path, tmp_path: Path) -> None:
    file, new = tmp_path / "node.backup", tmp_path / "new" / "config.json"
    made = shimlet("backup", file, "--config", config, "--json")
    assert made.status == 0 and made.data["peers"] == 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    new.parent.mkdir()
    done = shimlet("restore", file, "--config", new, "--json")
    assert done.status == 0, done
    assert new.read_text() == config.read_text()
    old_folder, folder = config.parent / "shimletdb", new.parent / "shimletdb"
    assert done.data["dataDirectory"] == str(folder)
    assert key_of(folder) == key_of(old_folder)
    assert stat.S_IMODE((folder / "identity.seed").stat().st_mode) == 0o600
    assert peers_of(folder) == peers_of(old_folder)
    again = shimlet("restore", file, "--config", new)
    assert again.status == 0, "what is the same already is no conflict"


def test_nothing_is_overwritten_without_force(config: Path, tmp_path: Path) -> None:
    file, other = tmp_path / "node.backup", tmp_path / "other" / "config.json"
    file.write_text("precious")
    done = shimlet("backup", file, "--config", config)
    assert done.status == 1 and "--force" in done.err and file.read_text() == "precious"
    assert shimlet("backup", file, "--config", config, "--force").status == 0
    assert shimlet("init", "--config", other).status == 0
    folder = other.parent / "shimletdb"
    key = key_of(folder)
    done = shimlet("restore", file, "--config", other)
    assert done.status == 1 and base58_encode(key) in done.err
    other.write_text("{}")
    assert "differs" in shimlet("restore", file, "--config", other).err
    assert key_of(folder) == key and other.read_text() == "{}"
    assert not list(other.parent.glob(".*")), "no draft is left behind"
    assert shimlet("restore", file, "--config", other, "--force").status == 0
    assert key_of(folder) == key_of(config.parent / "shimletdb")


def test_other_peers_are_not_lost_without_force(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "node.backup"
    assert shimlet("backup", file, "--config", config).status == 0
    folder = config.parent / "shimletdb"
    store = Store(folder, print)
    store.remove_peers([KEYS[0]])
    store.close()
    before = peers_of(folder)
    done = shimlet("restore", file, "--config", config)
    assert done.status == 1 and "other known peers" in done.err
    assert peers_of(folder) == before
    assert shimlet("restore", file, "--config", config, "--force").status == 0
    assert peers_of(folder) != before


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"version": 2}, "version"),
        ({"format": "x"}, "format"),
        ({"seed": "base58:1111"}, "needs 32"),
        ({"publicKey": base58_encode(bytes(32))}, "does not belong"),
        ({"peers": [{"publicKey": "x"}]}, "damaged"),
        ({"peers": 5}, "damaged"),
        ({"config": 5}, "damaged"),
        ({"config": "{"}, "not JSON"),
    ],
)
def test_a_damaged_backup_changes_nothing(
    config: Path, tmp_path: Path, change: dict[str, object], part: str
) -> None:
    file, new = tmp_path / "node.backup", tmp_path / "new" / "config.json"
    assert shimlet("backup", file, "--config", config).status == 0
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    new.parent.mkdir()
    done = shimlet("restore", file, "--config", new)
    assert done.status == 1 and part in done.err, done
    assert list(new.parent.iterdir()) == []


def test_what_is_no_backup_is_said(tmp_path: Path) -> None:
    for content in (b"", b"\xff\xfe", b"[]", b"null", b"[" * 100_000):
        file = tmp_path / "file"
        file.write_bytes(content)
        done = shimlet("restore", file, "--config", tmp_path / "new.json")
        assert done.status == 1 and "no backup" in done.err, content[:9]
    assert "cannot be read" in shimlet("restore", tmp_path, "--config", tmp_path / "n").err
    assert shimlet("backup", tmp_path / "b", "--config", tmp_path / "no.json").status == 1


def test_a_restore_that_was_cut_off_is_finished_by_doing_it_again(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut before each of its durable steps in turn."""
    file = tmp_path / "node.backup"
    assert shimlet("backup", file, "--config", config).status == 0
    content = backups.read_backup(file)

    class Cut(BaseException):
        pass

    def cut(*arguments: object, **options: object) -> None:
        raise Cut

    for number, (where, name) in enumerate(
        [(backups, "replace_file"), (Store, "replace_peers"), (Path, "replace")]
    ):
        new = tmp_path / f"new{number}" / "config.json"
        new.parent.mkdir()
        with monkeypatch.context() as patch:
            patch.setattr(where, name, cut)
            with pytest.raises(Cut):
                backups.restore_backup(content, new, force=False)
        folder = backups.restore_backup(content, new, force=False)
        assert new.read_text() == config.read_text()
        assert peers_of(folder) == peers_of(config.parent / "shimletdb")


def test_a_running_node_is_backed_up_and_never_restored_over(tmp_path: Path) -> None:
    node, file = NodeProcess(tmp_path / "node"), tmp_path / "node.backup"
    with running(node):
        key = base58_encode(KEYS[0])
        entry = {"publicKey": key, "address": "a.example:1"}
        assert node.ask("POST", "/manualpeering/peers", [entry])[0] == 204
        done = shimlet("backup", file, "--config", node.config)
        assert done.status == 0 and "1 peer." in done.out
        assert [p["publicKey"] for p in json.loads(file.read_text())["peers"]] == [key]
        done = shimlet("restore", file, "--config", node.config, "--force")
        assert done.status == 1 and "in use by another node" in done.err
