"""A node in one file: its identity, its config and its known peers.

In: the settings of a node, which may run. Out: a JSON file for its owner alone, complete or not
there; and from it the node as it was, in which nothing is replaced that differs, unless the
operator says so. A restore that was cut off is finished by doing it again. Called by the command
line.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from shimlet.identity import base58_encode, decode_key, parse_address

from shimlet_host.config import Config, load_config
from shimlet_host.config.peers import PeerEntry, entry_as_json, parse_peers
from shimlet_host.config.seeds import format_seed, parse_seed
from shimlet_host.database import is_read_only, trouble
from shimlet_host.files import create_once, replace_file, way_out
from shimlet_host.folder import open_folder
from shimlet_host.identity import SEED_FILE, HostIdentity, load_identity, seed_file_text
from shimlet_host.model import HostError, PeerMark, StoredPeer, StoreError
from shimlet_host.store import PEERS_FILE, Store, configured_entry

FORMAT = "shimlet backup"
VERSION = 1
LARGEST_FILE = 16 * 1024 * 1024


class BackupError(HostError):
    """The backup cannot be written, read, or put back."""


class Kept(NamedTuple):
    """What a data folder knows of peers; `configured` as Store.configured() tells it."""

    peers: tuple[StoredPeer, ...] = ()
    marks: tuple[PeerMark, ...] = ()
    configured: tuple[PeerEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Backup:
    """What is in the file. `config` is the text of the config file, None if there was none."""

    seed: bytes
    config: str | None
    kept: Kept

    @property
    def public_key(self) -> str:
        """Base58."""
        return base58_encode(HostIdentity(self.seed).public_key)


# Writing


def write_backup(file: Path, config: Config, config_file: Path | None, *, force: bool) -> Backup:
    """Write the backup of this node. Raises HostErrors; then `file` is as it was."""
    folder = config.node.data_directory
    if not (folder / SEED_FILE).exists():
        raise BackupError(f"There is no identity in {folder}, so there is nothing to keep.")
    identity = load_identity(folder, None, lambda text: None)
    kept = _kept_peers(folder)
    text = config_file.read_text(encoding="utf-8") if config_file else None
    made = Backup(identity.seed, text, kept)
    content = (json.dumps(_as_json(made), indent=2) + "\n").encode()
    try:
        (replace_file if force else create_once)(file, content)
    except FileExistsError:
        raise BackupError(f"{file} is there already; --force replaces it.") from None
    except OSError as error:
        elsewhere = "Name a file in a folder of yours."
        raise BackupError(f"{file} cannot be written: {way_out(error, elsewhere)}") from error
    return made


def _kept_peers(folder: Path) -> Kept:
    """Read beside a running node; nothing is changed, but that a write that was cut off by a kill
    is undone, as the next start would.
    """
    path = folder / PEERS_FILE
    if not path.exists():
        return Kept()
    try:
        try:
            return _read_peers(path, "ro")
        except sqlite3.OperationalError as error:
            if not is_read_only(error):
                raise
            return _read_peers(path, "rw")
    except sqlite3.Error as error:
        raise StoreError(trouble(path, error)) from error


def _read_peers(path: Path, mode: str) -> Kept:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True)
    try:
        connection.execute("BEGIN")  # all tables as of one moment
        there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}

        def rows(table: str, columns: str) -> list[Any]:
            """[] where an earlier version left no such table."""
            query = f"SELECT {columns} FROM {table}"
            return connection.execute(query).fetchall() if table in there else []

        peers = rows("peers", "public_key, address, added, source")
        marks = rows("marks", "public_key, alias, enabled")
        configured = rows("configured", "public_key, address, alias, enabled")
    finally:
        connection.close()
    peers.sort(key=lambda row: (row[2], row[0]))
    return Kept(
        tuple(StoredPeer(*row) for row in peers),
        tuple(PeerMark(key, alias, bool(enabled)) for key, alias, enabled in marks),
        tuple(configured_entry(*row) for row in configured),
    )


def _as_json(backup: Backup) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "publicKey": backup.public_key,
        "seed": format_seed(backup.seed),
        "config": backup.config,
        "peers": [
            {
                "publicKey": base58_encode(peer.public_key),
                "address": peer.address,
                "added": peer.added,
                "source": peer.source,
            }
            for peer in backup.kept.peers
        ],
        "marks": [
            {
                "publicKey": base58_encode(mark.public_key),
                "alias": mark.alias,
                "enabled": mark.enabled,
            }
            for mark in backup.kept.marks
        ],
        "configured": [entry_as_json(entry) for entry in backup.kept.configured],
    }


# Reading


def read_backup(file: Path) -> Backup:
    """The content of a backup. Raises BackupError."""
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        readable = "Make it readable for this user, or name another file."
        raise BackupError(f"{file} cannot be read: {way_out(error, readable)}") from error
    try:
        if len(content) > LARGEST_FILE:
            raise ValueError("it is too large")
        return _of_json(json.loads(content))
    except (KeyError, TypeError, AttributeError, RecursionError):
        raise BackupError(f"{file} is no backup of a node, or is damaged.") from None
    except ValueError as error:
        reason = "it is not JSON" if isinstance(error, json.JSONDecodeError) else str(error)
        raise BackupError(f"{file} is no backup of a node, or is damaged: {reason}.") from None


def _of_json(content: Any) -> Backup:
    if content["format"] != FORMAT:
        raise ValueError(f'its format is not "{FORMAT}"')
    if content["version"] != VERSION:
        raise ValueError(f"its version is {content['version']}, this program knows {VERSION}")
    config = content["config"]
    if config is not None and not isinstance(config, str):
        raise TypeError
    backup = Backup(
        parse_seed(content["seed"]),
        config,
        Kept(
            tuple(map(_peer, content["peers"])),
            tuple(map(_mark, content["marks"])),
            tuple(parse_peers(content.get("configured", []))),
        ),
    )
    if backup.public_key != content["publicKey"]:
        raise ValueError("the seed does not belong to the public key beside it")
    return backup


def _peer(entry: Any) -> StoredPeer:
    parse_address(entry["address"])
    key = decode_key(entry["publicKey"])
    return StoredPeer(key, entry["address"], float(entry["added"]), str(entry["source"]))


def _mark(entry: Any) -> PeerMark:
    return PeerMark(decode_key(entry["publicKey"]), str(entry["alias"]), bool(entry["enabled"]))


# Putting back


def restore_backup(backup: Backup, config_file: Path, *, force: bool) -> Path:
    """Make the node of the backup; its data folder. Raises HostErrors."""
    draft = config_file.with_name(f".{config_file.name}.restored")
    try:
        config_file.parent.mkdir(parents=True, exist_ok=True)
        config = _drafted_config(backup, draft, config_file, force)
        with open_folder(config.node.data_directory) as folder:
            _put_back(backup, folder.path, force)
        if backup.config is not None:
            draft.replace(config_file)
    except OSError as error:
        writable = "Make it writable for this user, or name another file by --config."
        raise BackupError(
            f"{config_file} and its node cannot be put back: {way_out(error, writable)}"
        ) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return config.node.data_directory


def _drafted_config(backup: Backup, draft: Path, config_file: Path, force: bool) -> Config:
    """The config of the backup, as a file beside its place, so that it is judged as there."""
    if backup.config is None:
        return load_config(None)
    if config_file.exists() and not force and config_file.read_text("utf-8") != backup.config:
        raise BackupError(f"{config_file} is there already and differs; --force replaces it.")
    replace_file(draft, backup.config.encode())
    return load_config(draft)


def _put_back(backup: Backup, folder: Path, force: bool) -> None:
    """Identity and peers; all is looked at before anything is written."""
    seed_file = folder / SEED_FILE
    kept = load_identity(folder, None, lambda text: None) if seed_file.exists() else None
    if kept is not None and not kept.holds(backup.seed) and not force:
        raise BackupError(
            f"{folder} holds the identity {base58_encode(kept.public_key)}, which would be lost;"
            " --force replaces it."
        )
    there = _kept_peers(folder)
    if any(there) and there != backup.kept and not force:
        raise BackupError(f"{folder} holds other known peers; --force replaces them.")
    if kept is None or not kept.holds(backup.seed):
        replace_file(seed_file, seed_file_text(backup.seed).encode("ascii"))
    store = Store(folder, lambda text: None)
    try:
        store.replace_peers(*backup.kept)
    finally:
        store.close()
