"""Makes hash_lengths.json and hash_sizes.json: what hashlib answers.

    python tests/vectors/hashes_make.py

The message of length n is the first n bytes of `message`; tests/light/test_hashes.py makes the
same. Digests of many lengths are cut to 16 bytes, so that a board can read the file.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent


def message(length: int) -> bytes:
    """Bytes that differ from their neighbours in many bits."""
    return bytes((i * 167 + 13) & 255 for i in range(length))


def lengths() -> list[dict[str, int | str]]:
    """Every length up to two blocks of SHA-512 and a part: all ways to end a message."""
    return [
        {
            "length": n,
            "sha512": hashlib.sha512(message(n)).hexdigest()[:32],
            "blake2b": hashlib.blake2b(message(n), digest_size=32).hexdigest()[:32],
        }
        for n in range(301)
    ]


def sizes() -> list[dict[str, int | str]]:
    """BLAKE2b of 200 bytes in every digest size."""
    return [
        {
            "size": size,
            "blake2b": hashlib.blake2b(message(200), digest_size=size).hexdigest(),
        }
        for size in range(1, 65)
    ]


def write(name: str, rows: Sequence[dict[str, int | str]]) -> None:
    """One row a line."""
    text = ",\n".join(json.dumps(row) for row in rows)
    (HERE / name).write_text(f"[\n{text}\n]\n")


if __name__ == "__main__":
    write("hash_lengths.json", lengths())
    write("hash_sizes.json", sizes())
