"""The identity of a host: signatures as existing nodes judge them, and the seed file."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest
from host.children import in_child
from shimlet_host.config.seeds import format_seed
from shimlet_host.files import create_once
from shimlet_host.folder import open_folder
from shimlet_host.identity import SEED_FILE, HostIdentity, load_identity, seed_file_text
from shimlet_host.model import IdentityError, StoreError

VECTORS = Path(__file__).parents[1] / "vectors"
ME = HostIdentity(bytes(range(32)))


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    buf = bytearray(b"##" + key + message + signature)
    at = 2 + len(key)
    return ME.verify(buf, 2, at, len(message), at + len(message))


def sign(identity: HostIdentity, message: bytes) -> bytes:
    out = bytearray(70)
    identity.sign(bytearray(b"#" + message + b"#"), 1, len(message), out, 3)
    assert out[:3] == bytes(3) and out[67:] == bytes(3)
    return bytes(out[3:67])


def load(folder: Path, seed: bytes | None = None) -> HostIdentity:
    def no_warning(text: str) -> None:
        raise AssertionError(text)

    return load_identity(folder, seed, no_warning)


def as_another_user(folder: Path, error: type[Exception]) -> str:
    """The error of loading in a child without our rights; root can write everywhere."""

    def work() -> str:
        if os.getuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        try:
            load(folder)
        except error as problem:
            return str(problem)
        return "no error"

    return in_child(work)


def test_keys_and_signatures_equal_those_of_existing_nodes() -> None:
    for vector in json.loads((VECTORS / "identities.json").read_text()):
        identity = HostIdentity(bytes.fromhex(vector["seed"]))
        assert identity.public_key.hex() == vector["public_key"]
        assert sign(identity, b"abc").hex() == vector["sign_abc"]
        assert sign(identity, b"").hex() == vector["sign_empty"]
        assert verify(identity.public_key, b"abc", bytes.fromhex(vector["sign_abc"]))


def test_the_node_id_is_the_blake2b_of_the_key() -> None:
    assert ME.node_id == hashlib.blake2b(ME.public_key, digest_size=32).digest()


def test_edge_cases_of_signatures_are_judged_as_existing_nodes_do() -> None:
    for vector in json.loads((VECTORS / "signature_edge_cases.json").read_text()):
        key, message, signature = (
            bytes.fromhex(vector[name]) for name in ("public_key", "message", "signature")
        )
        assert verify(key, message, signature) == vector["valid"], vector["name"]


def test_a_small_order_r_is_refused_even_if_the_equation_holds() -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    half = bytearray(hashlib.sha512(bytes(range(32))).digest()[:32])
    half[0] &= 248
    half[31] = half[31] & 127 | 64
    scalar = int.from_bytes(half, "little")
    identity_point = b"\1" + bytes(31)
    digest = hashlib.sha512(identity_point + ME.public_key + b"m").digest()
    s = int.from_bytes(digest, "little") * scalar % order
    assert not verify(ME.public_key, b"m", identity_point + s.to_bytes(32, "little"))


def test_every_changed_bit_of_a_signature_is_noticed() -> None:
    signature = sign(ME, b"message")
    assert verify(ME.public_key, b"message", signature)
    for bit in range(0, 512, 7):
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        assert not verify(ME.public_key, b"message", bytes(changed)), bit


def test_offsets_outside_the_buffer_are_no_signature() -> None:
    buf = bytearray(ME.public_key + b"m" + sign(ME, b"m"))
    assert ME.verify(buf, 0, 32, 1, 33)
    for key_at, start, length, signature_at in (
        (90, 32, 1, 33),
        (0, 96, 9, 33),
        (0, 32, 1, 34),
        (0, 32, 1, 500),
    ):
        assert not ME.verify(buf, key_at, start, length, signature_at)
    cut_off = bytearray(ME.public_key + sign(ME, b"m") + b"m")
    assert ME.verify(cut_off, 0, 96, 1, 32)
    assert not ME.verify(cut_off, 0, 96, 5, 32), "the message ends before its length"


def test_the_seed_is_made_once_and_kept(tmp_path: Path) -> None:
    first = load(tmp_path / "new")
    path = tmp_path / "new" / SEED_FILE
    content = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load(tmp_path / "new").public_key == first.public_key
    assert path.read_bytes() == content
    assert os.listdir(tmp_path / "new") == [SEED_FILE]
    assert load(tmp_path / "other").public_key != first.public_key


def test_a_configured_seed_is_kept_and_another_one_stops_the_start(tmp_path: Path) -> None:
    seed = bytes(range(32))
    assert load(tmp_path, seed).public_key == ME.public_key
    assert load(tmp_path).public_key == ME.public_key
    assert load(tmp_path, seed).public_key == ME.public_key
    with pytest.raises(IdentityError, match=r"node\.seed differs from the seed in"):
        load(tmp_path, bytes(32))
    assert load(tmp_path).public_key == ME.public_key


def test_an_existing_file_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / SEED_FILE
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        create_once(path, b"other")
    assert path.read_text() == "mine"
    assert os.listdir(tmp_path) == [SEED_FILE]


def test_a_damaged_seed_file_stops_the_start_and_stays(tmp_path: Path) -> None:
    path = tmp_path / SEED_FILE
    good = seed_file_text(bytes(range(32)))
    line = format_seed(bytes(range(32)))
    changed = [good[:at] + "z" + good[at + 1 :] for at in range(len(good)) if good[at] != "z"]
    cut = [good[:end] for end in range(len(good)) if good[:end] != line + "\n"]
    for bad in (*cut, *changed, "base58:0\n", "base64:AAAA\n", "\x00" * 52, "ä", "1" * 900):
        path.write_text(bad)
        path.chmod(0o600)
        with pytest.raises(IdentityError, match=f"{SEED_FILE} is damaged") as caught:
            load(tmp_path)
        assert "backup" in str(caught.value)
        assert line[7:20] not in str(caught.value)
        assert path.read_text() == bad


def test_a_seed_file_made_by_hand_needs_only_the_seed(tmp_path: Path) -> None:
    create_once(tmp_path / SEED_FILE, format_seed(bytes(range(32))).encode() + b"\n")
    assert load(tmp_path).public_key == ME.public_key


def test_open_permissions_are_closed_with_a_warning(tmp_path: Path) -> None:
    key = load(tmp_path).public_key
    path = tmp_path / SEED_FILE
    path.chmod(0o644)
    warnings: list[str] = []
    assert load_identity(tmp_path, None, warnings.append).public_key == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(warnings) == 1 and "0644" in warnings[0]


def test_an_unreadable_seed_file_is_told(shared_tmp: Path) -> None:
    load(shared_tmp)
    if os.getuid():
        (shared_tmp / SEED_FILE).chmod(0)
    told = as_another_user(shared_tmp, IdentityError)
    assert f"{SEED_FILE} cannot be read: Permission denied" in told, told


def test_a_read_only_folder_is_told(shared_tmp: Path) -> None:
    folder = shared_tmp / "closed"
    folder.mkdir()
    folder.chmod(0o555)
    told = as_another_user(folder, IdentityError)
    assert f"{folder} cannot be written: Permission denied" in told, told
    assert "node.dataDirectory" in told


def test_a_folder_below_one_that_is_closed_to_us_is_told(shared_tmp: Path) -> None:
    closed = shared_tmp / "closed"
    (closed / "data").mkdir(parents=True)
    closed.chmod(0o700 if os.getuid() == 0 else 0)
    told = as_another_user(closed / "data", IdentityError)
    closed.chmod(0o700)
    assert f"{closed / 'data'} cannot be written: Permission denied" in told, told


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(IdentityError, match="not a folder"):
        load(tmp_path / "file")
    with pytest.raises(StoreError, match="not a folder"):
        open_folder(tmp_path / "file")


def test_the_seed_is_in_no_text(tmp_path: Path) -> None:
    identity = load(tmp_path, bytes(range(32)))
    for text in (repr(identity), str(identity), f"{identity}"):
        assert format_seed(bytes(range(32)))[7:] not in text
        assert repr(bytes(range(32))) not in text
