"""Instructions and heap of shimlet_crypto on a Cortex-M3, beside the limits, portable C, and what
people use on MicroPython today; and on RV32, where its firmware was built.

The machines are the emulated ones of rung 3, where timers count instructions: equally each time.
Messages have 64 bytes, signing is given the public key, and calls go to the buffer interface. Keys
and messages are always the same 64, made and signed by PyNaCl. C is libsodium's ref10 by gcc 12
-O2; today's figures are the best public Ed25519 in pure Python with micropython-lib's sha512, of
the hashes about.
`make bench-crypto` runs it. A figure of the Cortex-M3 above its limit is marked, and the exit
status is 1 then: counts are equal on all computers, so continuous integration can watch them.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from nacl.bindings import crypto_sign, crypto_sign_seed_keypair
from shimlet.handshake import Rules
from shimlet.link import Link
from shimlet_host.board.catalogue import BoardSpec
from shimlet_host.identity import HostIdentity

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/rungs"))

from bare_metal import (  # noqa: E402
    M3,
    RV32,
    compiled,
    files_for_board,
    modules,
    plain,
    run,
    whole,
)

ON_BOARD = ROOT / "tests/bench/on_board"
CASES = 64
UNIX_TIME = 1_700_000_000
TO, SOURCE = "10.0.0.2:14666", "10.0.0.1"

K, M = 1_000, 1_000_000
KB, MB = 1024, 1_000_000

Figures = dict[str, list[int]]


class Row(NamedTuple):
    """A figure by its name on the board: words, limit, portable C, today's; None: not known."""

    name: str
    words: str
    limit: float
    portable_c: float | None = None
    today: float | None = None


INSTRUCTIONS = [
    Row("verify", "verify, key seen for the first time", 9.5 * M, 1.30 * M, 206.2 * M),
    Row("verify-known", "verify, key of a known peer", 8.5 * M),
    Row("sign", "sign", 3.5 * M, 0.50 * M, 87.1 * M),
    Row("keypair", "key pair", 3.3 * M, 0.46 * M, 63.9 * M),
    Row("sha512", "SHA-512 of 64 B", 62 * K, 11.8 * K, 6.9 * M),
    Row("sha512-block", "SHA-512, each further block", 55 * K),
    Row("blake2b", "BLAKE2b-256 of 64 B", 48 * K, 6.5 * K, 3.3 * M),
    Row("blake2b-block", "BLAKE2b, each further block", 38 * K),
    Row("handshake", "handshake: request to response", 14 * M),
]
HEAP = [
    Row("sign-heap", "allocated by one sign", 0, None, 1.77 * MB),
    Row("verify-heap", "allocated by one verify", 0, None, 3.64 * MB),
    Row("verify-new-heap", "the same, a new key", 0),
    Row("held", "held, from .mpy", 40 * KB),
    Row("held-frozen", "held, frozen", 8 * KB),
]


def case(number: int) -> bytes:
    """Seed, public key, message and signature, by PyNaCl."""
    seed = hashlib.sha512(b"seed %d" % number).digest()[:32]
    message = hashlib.sha512(b"message %d" % number).digest()
    public, secret = crypto_sign_seed_keypair(seed)
    return seed + public + message + crypto_sign(message, secret)[:64]


def handshake(responder: bytes) -> bytes:
    """A request of another peer to the node with this public key."""
    link = Link(HostIdentity(bytes([7]) * 32), Rules("spec", [], 16), 0)
    return bytes(link.request(responder, TO.encode(), UNIX_TIME, 0))


def inputs() -> dict[str, bytes]:
    """What the program on the board reads."""
    told = {"count": CASES, "to": TO, "source": SOURCE, "unix_time": UNIX_TIME}
    return {
        **{f"cases/{number}": case(number) for number in range(CASES)},
        "cases.json": json.dumps(told).encode(),
        "handshake.bin": handshake(case(0)[32:64]),
    }


def on_board(
    program: str, files: dict[str, bytes], firmware: Path, board: BoardSpec
) -> list[list[str]]:
    """Run a program of ours on the board; the words of each line that it prints."""
    heard = io.BytesIO()
    code = {f"{program}.mpy": compiled(ON_BOARD / f"{program}.py", program, board)}
    run(f"import {program}", {**files, **code}, heard, firmware, board)
    return [line.split() for line in heard.getvalue().decode().splitlines()]


def figures(board: BoardSpec) -> tuple[str, Figures]:
    """The backend that runs, and what was measured, by name."""
    ours = files_for_board([str(modules(board))])
    (_, backend), *lines = on_board("crypto_counts", {**ours, **inputs()}, plain(board), board)
    found = {name: [int(number) for number in numbers] for name, *numbers in lines}
    for name, firmware in (("held", plain(board)), ("held-frozen", whole(board))):
        files = ours if firmware == plain(board) else {}
        if firmware.exists():
            found[name] = [int(n) for n in on_board("crypto_heap", files, firmware, board)[0]][1:]
    return backend, found


def counted(number: float) -> str:
    """A number of instructions, to three digits."""
    unit, name = (M, "M") if number >= M else (K, "k")
    return f"{number / unit:.{2 if number < 10 * unit else 1}f} {name}"


def sized(number: float) -> str:
    """A number of bytes."""
    return f"{number / KB:.1f} KB" if number >= KB else f"{number:.0f} B"


def mean(numbers: list[int] | None) -> float | None:
    """The mean of what was measured, if it was."""
    return sum(numbers) / len(numbers) if numbers else None


def show(
    title: str, rows: list[Row], found: Figures, rv32: Figures, as_text: Callable[[float], str]
) -> int:
    """One table: the mean of what was measured beside its limit; answer how many are above it."""
    columns = ("measured", "at most", "RV32", "C", "today")
    print(f"\n{title:36}" + "".join(f"{column:>11}" for column in columns))
    above = 0
    for row in rows:
        measured = mean(found.get(row.name))
        too_much = measured is not None and measured > row.limit
        above += too_much
        cells = (measured, row.limit, mean(rv32.get(row.name)), row.portable_c, row.today)
        shown = "".join(f"{'-' if cell is None else as_text(cell):>11}" for cell in cells)
        print(f"{row.words:36}{shown}{'  above the limit' if too_much else ''}")
    return above


def show_spread(words: str, numbers: list[int]) -> None:
    """How much a figure depends on what is signed or verified."""
    low, high = min(numbers), max(numbers)
    print(
        f"{words}, {len(numbers)} seeds and messages: {low:,} to {high:,} instructions,"
        f" {high - low:,} apart ({(high - low) / low:.2%})"
    )


def main() -> int:
    """Measure and print; answer the exit status, 1 if a figure of the Cortex-M3 is too much."""
    backend, found = figures(M3)
    rv32 = figures(RV32)[1] if plain(RV32).exists() else {}
    print(f"shimlet_crypto on a Cortex-M3 by the backend {backend!r}")
    above = show("instructions", INSTRUCTIONS, found, rv32, counted)
    above += show("heap", HEAP, found, rv32, sized)
    print()
    show_spread("sign", found["sign"])
    show_spread("key pair", found["keypair"])
    show_spread("verify", found["verify"])
    if rv32:
        show_spread("sign on RV32", rv32["sign"])
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main())
