"""shimlet_crypto against published vectors and answers of libsodium, hashlib, existing nodes.

Where the files came from: tests/vectors/crypto_make.py. Runs on both interpreters.
"""

import json
from binascii import hexlify, unhexlify

from shimlet_crypto import backend, blake2b, ed25519, public_key, sha512, sign, verify
from shimlet_crypto.blake2b import blake2b_into
from shimlet_crypto.sha512 import Sha512, sha512_into

VECTORS = __file__.rsplit("/", 2)[0] + "/vectors/" if __file__.count("/") > 1 else "../vectors/"

# RFC 8032, section 7.1: tests 1, 2, 3 and SHA(abc): seed, public key, message, signature.
RFC_8032 = (
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
        "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
)


def rows_of(name):
    """The rows of a vector file, one at a time: a board need not hold them all."""
    with open(VECTORS + name) as file:
        for line in file:
            if line.startswith("{"):
                yield json.loads(line.rstrip(",\n"))


def counting(length):
    """The bytes 0, 1, 2 ... 255, 0, 1 ..."""
    return bytes([i & 255 for i in range(length)])


def hexed(data):
    """Bytes as hex text."""
    return hexlify(data).decode()


def check_signature(seed, public, message, signature):
    """One row: derive, sign with and without the public key, verify, refuse another message."""
    seed, public, message, signature = [unhexlify(x) for x in (seed, public, message, signature)]
    assert public_key(seed) == public
    assert sign(seed, message, public) == signature
    assert verify(public, message, signature)
    assert not verify(public, message + b"\0", signature)


def test_the_backend_has_a_name():
    assert backend in ("viper", "viper-rolled", "bigint")


def test_signatures_equal_those_of_the_rfc():
    for row in RFC_8032:
        check_signature(*row)


def test_signatures_equal_those_of_libsodium_and_of_existing_nodes():
    count = 0
    for row in rows_of("crypto_signatures.json"):
        check_signature(row["seed"], row["public_key"], row["message"], row["signature"])
        count += 1
    assert count > 20


def test_refused_is_what_libsodium_and_existing_nodes_refuse():
    answers = [0, 0]
    for row in rows_of("crypto_refusals.json"):
        parts = [unhexlify(row[name]) for name in ("public_key", "message", "signature")]
        assert verify(*parts) == row["valid"], row["name"]
        answers[row["valid"]] += 1
    assert answers[False] > 60 and answers[True] > 5


def test_the_public_key_is_derived_when_it_is_not_given():
    seed, _, message, signature = [unhexlify(x) for x in RFC_8032[1]]
    assert sign(seed, message) == signature


def test_hashes_equal_those_of_hashlib():
    count = 0
    for row in rows_of("crypto_hashes.json"):
        data = counting(row["length"])
        assert hexed(sha512(data)) == row["sha512"], row["length"]
        for size in (1, 20, 32, 64):
            assert hexed(blake2b(data, size)) == row["blake2b_%d" % size], (row["length"], size)
        count += 1
    assert count > 10


def test_sha512_and_blake2b_of_abc_are_the_published_ones():
    assert hexed(sha512(b"abc")) == (
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
    )
    assert hexed(blake2b(b"abc", 64)) == (
        "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
        "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"
    )


def test_sha512_may_be_fed_in_pieces_of_any_length():
    data = counting(300)
    for cut in (1, 63, 127, 128, 129, 200):
        running = Sha512()
        for start in range(0, 300, cut):
            running.update(data, start, min(cut, 300 - start))
        out = bytearray(64)
        running.digest_into(out, 0)
        assert out == sha512(data)


def test_only_the_named_part_of_a_buffer_is_read_and_written():
    buf = memoryview(b"head" + b"abc" + b"tail")
    out = bytearray(b"." * 70)
    sha512_into(buf, 4, 3, out, 3)
    assert bytes(out) == b"..." + sha512(b"abc") + b"..."
    out = bytearray(b"." * 26)
    blake2b_into(buf, 4, 3, 20, out, 3)
    assert bytes(out) == b"..." + blake2b(b"abc", 20) + b"..."


def test_all_may_lie_in_one_buffer():
    seed, public, message, signature = [unhexlify(x) for x in RFC_8032[2]]
    packet = bytearray(b"head" + message + bytes(32) + bytes(64) + b"tail")
    ed25519.public_key_into(seed, packet, 6)
    ed25519.sign_into(seed, public, packet, 4, 2, packet, 38)
    assert packet == b"head" + message + public + signature + b"tail"
    assert ed25519.verify_in(packet, 6, packet, 4, 2, packet, 38)
    assert ed25519.verify_in(memoryview(packet), 6, memoryview(packet), 4, 2, packet, 38)
    packet[4] ^= 1
    assert not ed25519.verify_in(packet, 6, packet, 4, 2, packet, 38)


def test_a_message_may_be_overwritten_by_its_signature():
    seed, public, message, signature = [unhexlify(x) for x in RFC_8032[3]]
    buf = bytearray(message)
    ed25519.sign_into(seed, public, buf, 0, 64, buf, 0)
    assert buf == signature


def test_a_flipped_bit_anywhere_is_refused():
    _, public, message, signature = [unhexlify(x) for x in RFC_8032[3]]
    packet = bytearray(message + public + signature)
    for bit in range(0, len(packet) * 8, 41):
        packet[bit >> 3] ^= 1 << (bit & 7)
        assert not verify(packet[64:96], packet[:64], packet[96:]), bit
        packet[bit >> 3] ^= 1 << (bit & 7)
    assert verify(packet[64:96], packet[:64], packet[96:])


def test_wrong_lengths_are_refused():
    seed, public, message, signature = [unhexlify(x) for x in RFC_8032[1]]
    assert not verify(public[:31], message, signature)
    assert not verify(public, message, signature + b"\0")
    for call in (
        lambda: sign(seed[:31], message),
        lambda: public_key(seed + b"\0"),
        lambda: sign(seed, message, public[:31]),
        lambda: blake2b(b"", 0),
        lambda: blake2b(b"", 65),
    ):
        try:
            call()
        except ValueError:
            continue
        raise AssertionError("a wrong length must be a ValueError")
