"""A pretend wire between links: moves bytes whole, in steps, cut or corrupted.

`feed` gives bytes to one Link and does what the shell does for its events; LinkPair joins a
dialling and an accepting Link. Imported by tests/core and by pretend_net.py.
"""

from helpers import NotEd25519
from shimlet.handshake import Rules
from shimlet.link import ESTABLISHED, FRAME, REQUESTED, Link
from shimlet.packet import NEED_DATA

UNIX = 1_700_000_000
# Two identities, the smaller key first: it dials.
LOW, HIGH = sorted((NotEd25519(b"one"), NotEd25519(b"two")), key=lambda one: one.public_key)


# Links


def rules(profile="spec", addresses=(b"10.0.0.2:14666",)):
    """What an acceptor at 10.0.0.2 demands."""
    return Rules(profile, list(addresses), 16)


def frame(content, packet_type=20):
    """The bytes of a gossip frame around a protobuf field 1 of at most 127 bytes."""
    body = bytes([packet_type, 10, len(content)]) + content
    return bytes([0, 0, len(body) >> 8, len(body) & 255]) + body


def feed(link, data, step=0, now=0, unix_time=UNIX, replies=None, buffer=600):
    """Give a link `data`, `step` bytes at a time (0: all that fit); its events, frames as bytes.

    Does what the shell does for an event: accepts every request (the response goes into `replies`)
    and changes to a buffer for frames. Ends at the first reason to close.
    """
    events = []
    at = 0
    while at < len(data) and not (events and events[-1] in range(-99, 0)):
        room = len(link.view) - link.end
        assert room > 0, "no room to read into"
        count = min(room, len(data) - at, step or room)
        link.view[link.end : link.end + count] = data[at : at + count]
        at += count
        link.received(count, now)
        drain(link, events, now, unix_time, replies, buffer)
    return events


def drain(link, events, now=0, unix_time=UNIX, replies=None, buffer=600):
    """Append a link's events to `events` until it needs data or wants to close."""
    while True:
        event = link.next_event(now, unix_time)
        if event == NEED_DATA:
            return
        found = bytes(link.buf[link.frame_at : link.frame_at + link.frame_length])
        events.append(found if event == FRAME else event)
        if event < 0:
            return
        if event == REQUESTED and replies is not None:
            replies.append(link.accept(now))
        if event in (REQUESTED, ESTABLISHED):
            link.adopt(bytearray(buffer))


class LinkPair:
    """A dialling and an accepting link, and what the wire between them does to the bytes."""

    def __init__(self, step=0, profile="spec", to=b"10.0.0.2:14666", buffer=600):
        self.step = step
        self.buffer = buffer
        self.now = 0
        self.to = to
        self.dialler = Link(LOW, rules(), 0)
        self.acceptor = Link(HIGH, rules(profile), 0)
        self.acceptor.source = "10.0.0.1"

    def request(self, unix_time=UNIX):
        """The dialler's request."""
        return self.dialler.request(HIGH.public_key, self.to, unix_time, self.now)

    def to_acceptor(self, data, replies=None, unix_time=UNIX):
        """The acceptor's events for these bytes."""
        return feed(self.acceptor, data, self.step, self.now, unix_time, replies, self.buffer)

    def to_dialler(self, data):
        """The dialler's events for these bytes."""
        return feed(self.dialler, data, self.step, self.now, UNIX, None, self.buffer)

    def shake_hands(self):
        """Both links open; self."""
        replies = []
        assert self.to_acceptor(self.request(), replies) == [REQUESTED]
        assert self.to_dialler(replies[0]) == [ESTABLISHED]
        return self
