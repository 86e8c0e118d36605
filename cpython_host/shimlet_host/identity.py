"""The identity of a full node: Ed25519 by PyNaCl, and the seed file that it grows from.

In: the data folder, and `node.seed` if the operator gave one. Out: a `HostIdentity`, the same at
every start. The seed file is text that only its owner can read: a line `base58:<32 bytes>`, and a
line with the public key, since a damaged seed would else quietly become another node. It is made
once, never replaced, and never shown.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from collections.abc import Callable
from pathlib import Path

from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError
from shimlet.identity import Identity, base58_encode

from shimlet_host.config.seeds import SEED_LENGTH, format_seed, parse_seed
from shimlet_host.files import PRIVATE_FILE, PRIVATE_FOLDER, create_once, way_out
from shimlet_host.folder import folder_trouble
from shimlet_host.model import IdentityError

SEED_FILE = "identity.seed"
SIGNATURE_LENGTH = 64
KEY_LENGTH = 32
_LONGEST_SEED_FILE = 400  # bytes; ours have about 112
_KEY_PREFIX = "public key: "


def signature_holds(key: bytes, signature: bytes, message: bytes | bytearray) -> bool:
    """Whether `signature` is that of `message` by `key`.

    libsodium refuses what existing nodes refuse: S >= L, and keys and R of small order.
    """
    # libsodium trusts its caller with lengths, and would read behind the end of a short one.
    if len(key) != KEY_LENGTH or len(signature) != SIGNATURE_LENGTH:
        return False
    try:
        crypto_sign_open(signature + message, key)
    except BadSignatureError:
        return False
    return True


class HostIdentity(Identity):
    """An Ed25519 key pair."""

    def __init__(self, seed: bytes) -> None:
        public_key, self._secret_key = crypto_sign_seed_keypair(seed)
        super().__init__(public_key)

    def __repr__(self) -> str:
        return f"HostIdentity({base58_encode(self.public_key)})"

    def sign(
        self, buf: bytes | bytearray, start: int, length: int, out: bytearray, at: int
    ) -> None:
        """Writes the signature of buf[start:start+length] to out[at:at+64]."""
        signed = crypto_sign(bytes(buf[start : start + length]), self._secret_key)
        out[at : at + SIGNATURE_LENGTH] = signed[:SIGNATURE_LENGTH]

    def verify(
        self, buf: bytes | bytearray, key_at: int, start: int, length: int, signature_at: int
    ) -> bool:
        """Whether the signature of buf[start:start+length] by the key at `key_at` holds."""
        key = bytes(buf[key_at : key_at + KEY_LENGTH])
        signature = bytes(buf[signature_at : signature_at + SIGNATURE_LENGTH])
        message = buf[start : start + length]
        return len(message) == length and signature_holds(key, signature, message)

    def blake2b(self, data: bytes) -> bytes:
        """BLAKE2b-256: 32 bytes."""
        return hashlib.blake2b(data, digest_size=32).digest()

    @property
    def seed(self) -> bytes:
        """The 32 secret bytes that it grew from; the salts of autopeering do, too."""
        return self._secret_key[:SEED_LENGTH]

    def holds(self, seed: bytes) -> bool:
        """Whether this identity grew from `seed`."""
        return hmac.compare_digest(crypto_sign_seed_keypair(seed)[1], self._secret_key)


def load_identity(
    folder: Path, configured_seed: bytes | None, warn: Callable[[str], None]
) -> HostIdentity:
    """The identity kept in `folder`, made at the first start. Raises IdentityError.

    `configured_seed` becomes the identity if there is none yet; later it must be the stored one.
    `warn` gets a sentence when something was mended.
    """
    path = folder / SEED_FILE
    try:
        if not path.exists():
            _make(path, configured_seed)
        identity = _read(path, warn)
    except OSError as error:
        raise IdentityError(_trouble(path, error)) from error
    if configured_seed is not None and not identity.holds(configured_seed):
        raise IdentityError(
            f"node.seed differs from the seed in {path}, which belongs to"
            f" {base58_encode(identity.public_key)}. Remove node.seed to go on as that node, or"
            " set another node.dataDirectory to become a new one."
        )
    return identity


def _make(path: Path, configured_seed: bytes | None) -> None:
    seed = configured_seed if configured_seed is not None else os.urandom(SEED_LENGTH)
    path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    try:
        create_once(path, seed_file_text(seed).encode("ascii"))
    except FileExistsError:
        if not path.exists():  # it is not the seed file that exists: a file where the folder goes
            raise
        # Else another process was first, and its seed counts.


def seed_file_text(seed: bytes) -> str:
    """What stands in the seed file."""
    key = base58_encode(HostIdentity(seed).public_key)
    return f"{format_seed(seed)}\n{_KEY_PREFIX}{key}\n"


def _parse_file(content: bytes) -> HostIdentity:
    """The identity in a seed file; the second line may be missing in one made by hand."""
    text = content.decode("ascii")
    if not text.endswith("\n"):
        raise ValueError("its last line has no end")
    line, *others = text.splitlines()
    identity = HostIdentity(parse_seed(line))
    key = base58_encode(identity.public_key)
    if others not in ([], [_KEY_PREFIX + key]):
        raise ValueError("the seed does not belong to the public key below it")
    return identity


def _read(path: Path, warn: Callable[[str], None]) -> HostIdentity:
    """The identity in the file, after its permissions were put right."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        _close_to_others(file.fileno(), path, warn)
        content = file.read(_LONGEST_SEED_FILE)
    try:
        return _parse_file(content)
    except ValueError as error:
        reason = "it is not text" if isinstance(error, UnicodeDecodeError) else str(error)
        raise IdentityError(
            f"The seed file {path} is damaged ({len(content)} bytes): {reason}. Put it back from a"
            " backup, or move it away to become a new node with a new public key."
        ) from None


def _close_to_others(handle: int, path: Path, warn: Callable[[str], None]) -> None:
    mode = stat.S_IMODE(os.fstat(handle).st_mode)
    if mode & 0o077:
        os.fchmod(handle, PRIVATE_FILE)
        warn(
            f"The seed file {path} was open to other users (mode {mode:04o}); it is 0600 now. If"
            " others use this machine, they may know the seed: think about a new identity."
        )


def _trouble(path: Path, error: OSError) -> str:
    if os.path.exists(path):  # Path.exists() raises below a folder that is closed to us
        readable = "Make it readable for this user alone (mode 0600)."
        return f"The seed file {path} cannot be read: {way_out(error, readable)}"
    return folder_trouble(path.parent, error)
