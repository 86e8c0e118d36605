"""Seeds as text: `base58:...`, `base64:...`, or plain base58 of 32 bytes.

Used for `node.seed` and for the seed file. No error repeats any part of the text: it is a secret.
"""

from __future__ import annotations

import base64
import binascii

from shimlet.identity import base58_decode, base58_encode

SEED_LENGTH = 32


def parse_seed(text: object) -> bytes:
    """The 32 bytes of a seed. Raises ValueError with a sentence that does not show it."""
    if not isinstance(text, str):
        raise ValueError("a seed is text")
    kind, _, body = text.strip().rpartition(":")
    seed = _decode(kind or "base58", body)
    if len(seed) != SEED_LENGTH:
        raise ValueError(f"the seed has {len(seed)} bytes, but needs {SEED_LENGTH}")
    return seed


def format_seed(seed: bytes) -> str:
    """A seed as it stands in the seed file."""
    return "base58:" + base58_encode(seed)


def _decode(kind: str, body: str) -> bytes:
    if kind == "base58":
        try:
            return base58_decode(body)
        except ValueError:  # its text would show a part of the seed
            raise ValueError("the seed is not valid base58") from None
    if kind == "base64":
        try:
            return base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("the seed is not valid base64") from None
    raise ValueError("the seed starts neither with base58: nor with base64:")
