"""Makes crypto_signatures.json, crypto_refusals.json and crypto_hashes.json: what others answer.

    python tests/vectors/crypto_make.py

Every expected value comes from PyNaCl (libsodium) or hashlib, but for `identities.json` and
`signature_edge_cases.json` beside this file: those were recorded from a running existing node, and
are included. `refusal_cases` also serves tests/host/test_crypto_agrees.py. The group
arithmetic here is the slow textbook one, to be independent of shimlet_crypto.
"""

import hashlib
import json
import random
from collections.abc import Sequence
from pathlib import Path

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey

HERE = Path(__file__).parent
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]


def add(p: Point, q: Point) -> Point:
    """The sum of two points."""
    (x1, y1), (x2, y2) = p, q
    t = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + t, -1, P) % P
    return x, (y1 * y2 + x1 * x2) * pow(1 - t, -1, P) % P


def times(k: int, p: Point) -> Point:
    """The k-fold of a point."""
    result = (0, 1)
    while k:
        if k & 1:
            result = add(result, p)
        p = add(p, p)
        k >>= 1
    return result


def point_of(y: int) -> Point | None:
    """The point with this y and an even x."""
    xx = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if x * x % P != xx:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != xx:
        return None
    return (P - x if x & 1 else x), y


def encoded(p: Point) -> bytes:
    """The 32 bytes of a point."""
    return (p[1] | (p[0] & 1) << 255).to_bytes(32, "little")


def small_order_points() -> list[Point]:
    """The eight points whose order divides 8, each i times the first one of order 8."""
    for y in range(2, 100):
        point = point_of(y)
        if point:
            torsion = times(L, point)
            if times(4, torsion) != (0, 1):
                return [times(i, torsion) for i in range(8)]
    raise AssertionError("half of all points have a part of order 8")


BASE = point_of(4 * pow(5, -1, P) % P) or (0, 1)
SMALL = small_order_points()


def libsodium_accepts(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether PyNaCl says yes."""
    try:
        crypto_sign_open(signature + message, public_key)
    except BadSignatureError:
        return False
    return True


def mixed_case(a_part: int, r_part: int, message: bytes) -> tuple[bytes, bytes, bytes]:
    """A signature whose key and R have parts of small order, right but for those."""
    secret, nonce = 0x1234567890ABCDEF1234567890ABCDEF, 0xFEDCBA0987654321
    key = encoded(add(times(secret, BASE), SMALL[a_part]))
    r = encoded(add(times(nonce, BASE), SMALL[r_part]))
    challenge = int.from_bytes(hashlib.sha512(r + key + message).digest(), "little")
    return key, message, r + ((nonce + challenge * secret) % L).to_bytes(32, "little")


def encodings() -> list[bytes]:
    """Small orders, y above P, y not on the curve, x = 0 with a sign: each with either sign."""
    ys = {y for _, y in SMALL} | {*range(10)} | {*range(P - 1, 2**255)}
    return [(y | s << 255).to_bytes(32, "little") for y in sorted(ys) for s in (0, 1)]


def refusal_cases() -> list[tuple[str, bytes, bytes, bytes]]:
    """Name, public key, message and signature of what a verifier must look at twice."""
    key = SigningKey(bytes(range(32)))
    public, message = bytes(key.verify_key), b"refuse me"
    good = key.sign(message).signature
    r, s = good[:32], int.from_bytes(good[32:], "little")
    cases = [("good", public, message, good)]
    for k in (1, 2, 8, 14):
        cases.append((f"S plus {k} L", public, message, r + (s + k * L).to_bytes(32, "little")))
    for bad in (L, L - 1, L + 1, 2**256 - 1, 2**253, 2**252):
        cases.append((f"S is {bad:x}", public, message, r + bad.to_bytes(32, "little")))
    for bit in (0, 100, 255, 256, 300, 511):
        flipped = (int.from_bytes(good, "little") ^ 1 << bit).to_bytes(64, "little")
        cases.append((f"bit {bit} flipped", public, message, flipped))
    for odd in encodings():
        name = odd[::-1].hex().lstrip("0")
        for s in (0, 1):
            end = s.to_bytes(32, "little")
            cases.append((f"key {name}, S {s}", odd, message, encoded((0, 1)) + end))
            cases.append((f"key {name}, R is B, S {s}", odd, message, encoded(BASE) + end))
            cases.append((f"R {name}, S {s}", public, message, odd + end))
    for a_part in range(8):
        for r_part in range(8):
            name = f"key with a part of small order {a_part}, R with {r_part}"
            cases.append((name, *mixed_case(a_part, r_part, message)))
    return cases


def signatures() -> list[dict[str, str]]:
    """Seed, public key, message and signature: of existing nodes, and random ones by PyNaCl."""
    rows = []
    for identity in json.loads((HERE / "identities.json").read_text()):
        for message, name in ((b"abc", "sign_abc"), (b"", "sign_empty")):
            rows.append((identity["seed"], identity["public_key"], message, identity[name]))
    chance = random.Random(8032)
    for length in (1, 31, 47, 48, 63, 64, 65, 79, 80, 111, 112, 128, 175, 176, 300):
        key, message = SigningKey(chance.randbytes(32)), chance.randbytes(length)
        public = bytes(key.verify_key).hex()
        rows.append((bytes(key).hex(), public, message, key.sign(message).signature.hex()))
    names = ("seed", "public_key", "message", "signature")
    return [dict(zip(names, (s, p, m.hex(), g), strict=True)) for s, p, m, g in rows]


def refusals() -> list[dict[str, object]]:
    """A selection that a board can hold: the recorded cases and every fifth of ours."""
    kept = ("name", "public_key", "message", "signature", "valid")
    edge_cases = json.loads((HERE / "signature_edge_cases.json").read_text())
    rows = [{name: case[name] for name in kept} for case in edge_cases]
    cases = refusal_cases()
    valid = [case for case in cases if libsodium_accepts(*case[1:])]
    for case in cases[:17] + cases[17::5] + valid[1:]:
        row = [case[0], *(part.hex() for part in case[1:]), libsodium_accepts(*case[1:])]
        rows.append(dict(zip(kept, row, strict=True)))
    return rows


def hashes() -> list[dict[str, object]]:
    """Digests of the bytes 0, 1, 2 ... 255, 0, 1 ... of some length, by hashlib."""
    rows = []
    for length in (0, 1, 3, 55, 64, 111, 112, 113, 127, 128, 129, 239, 240, 255, 256, 257, 1000):
        data = bytes(i & 255 for i in range(length))
        row: dict[str, object] = {"length": length, "sha512": hashlib.sha512(data).hexdigest()}
        for size in (1, 20, 32, 64):
            row[f"blake2b_{size}"] = hashlib.blake2b(data, digest_size=size).hexdigest()
        rows.append(row)
    return rows


def write(name: str, rows: Sequence[object]) -> None:
    """One row a line, so that a board can read them one at a time."""
    lines = ",\n".join(json.dumps(row) for row in rows)
    (HERE / name).write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    write("crypto_signatures.json", signatures())
    write("crypto_refusals.json", refusals())
    write("crypto_hashes.json", hashes())
