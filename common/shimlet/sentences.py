"""The reasons of reasons.py in words: a kebab-case name for machines and a sentence for people.

Called by whoever shows a status (the web API, the board's serial line, logs). Kept apart from the
codes because the texts take some 4 KB of heap, which a board spends only when it is asked.
"""

from shimlet import reasons

_TEXTS = {
    reasons.BAD_PACKET: ("bad-packet", "What arrived is not a signed packet."),
    reasons.PACKET_TOO_LARGE: (
        "packet-too-large",
        "The handshake packet is longer than 256 bytes.",
    ),
    reasons.BAD_SIGNATURE: ("bad-signature", "The signature does not fit the packet and its key."),
    reasons.BAD_MESSAGE: ("bad-message", "The signed data is not the handshake message expected."),
    reasons.WRONG_VERSION: ("wrong-version", "The handshake has another version than 0."),
    reasons.EXPIRED: (
        "expired",
        "The handshake request is 20 s old or older: compare the clocks of both sides.",
    ),
    reasons.IN_THE_FUTURE: (
        "in-the-future",
        "The handshake request is more than 20 s ahead of our clock: compare the clocks.",
    ),
    reasons.WRONG_ADDRESS: (
        "wrong-address",
        "The request is meant for another address: if it is ours, list it in gossip.addresses.",
    ),
    reasons.REPLAYED: ("replayed", "This very request was accepted before."),
    reasons.RESPONSE_MISMATCH: ("response-mismatch", "The response answers another request."),
    reasons.KEY_MISMATCH: (
        "key-mismatch",
        "Another key than the listed one answers at this address: check the peer's public key.",
    ),
    reasons.FRAME_TOO_LARGE: ("frame-too-large", "A frame header announced more than 65 KiB."),
    reasons.UNKNOWN_KEY: ("unknown-key", "The caller's key is not among our known peers."),
    reasons.WRONG_DIRECTION: (
        "wrong-direction",
        "The caller's key is larger than ours, so we dial, not they.",
    ),
    reasons.OWN_KEY: ("own-key", "That is our own public key."),
    reasons.REQUEST_TIMEOUT: ("request-timeout", "The caller sent no whole request within 2 s."),
    reasons.RESPONSE_TIMEOUT: (
        "response-timeout",
        "The peer accepted the connection but sent no response within 5 s.",
    ),
    reasons.CONNECT_TIMEOUT: (
        "connect-timeout",
        "No answer from this address: is the peer running and its port open in the firewall?",
    ),
    reasons.NAME_TIMEOUT: ("name-timeout", "The name server did not answer in time."),
    reasons.BODY_TIMEOUT: ("body-timeout", "A frame was not complete 4 s after its header."),
    reasons.SILENT: ("silent", "Nothing, not even a keep-alive, came for 100 s."),
    reasons.SEND_STUCK: ("send-stuck", "The peer took nothing of what we sent for 10 s."),
    reasons.NAME_NOT_FOUND: (
        "name-not-found",
        "The host name has no address: check its spelling.",
    ),
    reasons.CONNECTION_REFUSED: (
        "connection-refused",
        "Nothing listens at this address: is the peer running, and is this its gossip port?",
    ),
    reasons.UNREACHABLE: ("unreachable", "There is no route to this address."),
    reasons.CLOSED_BEFORE_RESPONSE: (
        "closed-before-response",
        "The peer closed the connection without an answer: it must list our public key too.",
    ),
    reasons.CLOSED_BY_PEER: ("closed-by-peer", "The peer closed the link."),
    reasons.CONNECTION_LOST: ("connection-lost", "The connection broke."),
    reasons.REPLACED: ("replaced", "A newer connection of the same peer took over."),
    reasons.REMOVED: ("removed", "The peer was removed; no link with it is kept."),
    reasons.ADDRESS_CHANGED: ("address-changed", "The peer was given a new address."),
    reasons.TOO_MANY_HALF_OPEN: (
        "too-many-half-open",
        "Too many connections without a handshake; this one had waited longest.",
    ),
    reasons.CLOCK_NOT_SET: (
        "clock-not-set",
        "Our clock is not set, so no handshake can be signed or judged.",
    ),
    reasons.STOPPING: ("stopping", "The node is stopping."),
    reasons.LIST_FULL: ("list-full", "The list of known peers is full: remove one first."),
    reasons.OWN_FAULT: ("own-fault", "A fault of our own: see the log."),
    reasons.CLOSED_BEFORE_REQUEST: (
        "closed-before-request",
        "The caller left before it had sent a whole request.",
    ),
    reasons.NO_NAME_SERVER: (
        "no-name-server",
        "No name server is known: set network.dns, or write the peer's address as an IP.",
    ),
}


def name(reason: int) -> str:
    """Kebab-case name of a reason; "" for 0."""
    return _TEXTS[reason][0] if reason else ""


def sentence(reason: int) -> str:
    """One sentence for people; "" for 0."""
    return _TEXTS[reason][1] if reason else ""


def sentence_of(wanted: str) -> str:
    """The sentence of a reason by its name, as a board tells it; "" for a name unknown here."""
    for known, text in _TEXTS.values():
        if known == wanted:
            return text
    return ""
