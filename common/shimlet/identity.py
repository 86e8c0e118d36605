"""Who a node is: an Ed25519 key pair, its node ID, and the text forms of keys and addresses.

Each end subclasses Identity with its own crypto (PyNaCl on the host, shimlet_crypto on a board).
The text functions serve configs, web API and status lines; their errors are ValueErrors with a
sentence, because the text comes from our own operator, not from the network.
"""

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"  # base58, Bitcoin's
_MAX_BASE58 = 128  # characters; the work grows with the square of the length, and a key has 44


class Identity:
    """The key pair of this node. `node_id`: BLAKE2b-256 of `public_key`, 32 bytes each."""

    def __init__(self, public_key: bytes) -> None:
        self.public_key = public_key
        self.node_id = self.blake2b(public_key)

    def sign(
        self, buf: "bytes | bytearray", start: int, length: int, out: bytearray, at: int
    ) -> None:
        """Write the 64-byte signature of buf[start:start+length] to out[at:at+64]."""
        raise NotImplementedError

    def verify(
        self, buf: "bytes | bytearray", key_at: int, start: int, length: int, signature_at: int
    ) -> bool:
        """Whether the signature of buf[start:start+length] by the key at `key_at` holds; all in
        one buffer.
        """
        raise NotImplementedError

    def blake2b(self, data: bytes) -> bytes:
        """BLAKE2b-256 of `data`: 32 bytes."""
        raise NotImplementedError


def base58_encode(raw: bytes) -> str:
    """Base58 text of `raw`, most significant byte first; each leading zero byte is a "1"."""
    number = int.from_bytes(raw, "big")
    digits = []
    while number:
        number, digit = divmod(number, 58)
        digits.append(_ALPHABET[digit])
    for byte in raw:
        if byte:
            break
        digits.append("1")
    return "".join(reversed(digits))


def base58_decode(text: str) -> bytes:
    """The bytes of base58 text. ValueError names the first character that is not base58."""
    if len(text) > _MAX_BASE58:
        raise ValueError(f"{len(text)} characters are too long for base58 (at most {_MAX_BASE58})")
    number = 0
    for character in text:
        digit = _ALPHABET.find(character)
        if digit < 0:
            raise ValueError(f"{character!r} is not a base58 character (0, O, I and l are not)")
        number = number * 58 + digit
    zeros = 0
    while zeros < len(text) and text[zeros] == "1":
        zeros += 1
    octets = []
    while number:
        octets.append(number & 255)
        number >>= 8
    return bytes(zeros) + bytes(reversed(octets))


def decode_key(text: str) -> bytes:
    """The 32 bytes of a public key in base58. ValueError says what is wrong with the text."""
    try:
        raw = base58_decode(text)
    except ValueError as error:
        raise ValueError(f"public key {shorten(text)}: {error}") from None
    if len(raw) != 32:
        raise ValueError(f"public key {shorten(text)}: has {len(raw)} bytes instead of 32")
    return raw


def shorten(text: str) -> str:
    """`text` quoted, cut after 50 characters, so that a message stays readable."""
    return repr(text if len(text) <= 50 else text[:50] + "...")


def parse_address(text: str) -> "tuple[str, int]":
    """Host and port of "host:port" or "[v6]:port". ValueError says what is missing."""
    host, colon, port_text = text.rpartition(":")
    if not colon or not host:
        raise ValueError(f"address {shorten(text)}: write host:port, for example 192.0.2.1:14666")
    if host[0] == "[" and host[-1] == "]" and ":" in host:
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"address {shorten(text)}: write an IPv6 address as [address]:port")
    if not _is_digits(port_text) or not 0 < int(port_text) < 65536:
        raise ValueError(f"address {shorten(text)}: the port must be a number from 1 to 65535")
    if not host or not _is_host(host):
        raise ValueError(f"address {shorten(text)}: the host part is not a name or an IP address")
    return host, int(port_text)


def _is_digits(text: str) -> bool:
    return 0 < len(text) <= 5 and all(c in "0123456789" for c in text)


def _is_host(host: str) -> bool:
    # Empty and long labels, and letters beyond ASCII, are what resolvers choke on.
    labels = (host[:-1] if host[-1] == "." else host).split(".")
    if len(host) > 253 or not all(0 < len(label) < 64 for label in labels):
        return False
    return all(c < "\x80" and (c.isalpha() or c in "0123456789.:-_%") for c in host)


def format_address(host: str, port: int) -> str:
    """ "host:port", an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
