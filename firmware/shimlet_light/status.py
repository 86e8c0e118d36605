"""What the node tells about itself, as dicts that JSON can carry: its status, its peers, its log.

In goes the node, out come the answers of the serial line (commands.py). Keys are base58, times are
seconds; an error is the name of a reason, whose sentence the asking side knows (shimlet.sentences:
too large for a board).
"""

import gc

from shimlet import __version__, reasons
from shimlet.identity import base58_encode
from shimlet.ticks import since
from shimlet.wire import const

from shimlet_light import clock

_MAX_ADDRESS = const(100)  # characters shown; a host name may have 253


def reason_name(code: int) -> str:
    """The kebab-case name of a reason; "" for 0. Its constant is spelled like it."""
    if code:
        for name in dir(reasons):
            if getattr(reasons, name) == code:
                return name.lower().replace("_", "-")
    return ""


def status(node) -> dict:
    """The node at a glance. `heap`: bytes used and free, after a collection."""
    settings = node.settings
    gc.collect()
    return {
        "name": settings.name,
        "publicKey": base58_encode(node.identity.public_key),
        "version": __version__,
        "profile": settings.profile,
        "uptime": node.log.uptime.seconds(),
        "unixTime": node.net.unix_time(),
        "clock": clock.status(),
        "ntp": settings.ntp,
        "bindAddress": node.bind_address,
        "listening": node.net.listener is not None,
        "ip": node.net.ip,
        "offline": node.net.offline,
        "addresses": [address.decode() for address in settings.addresses],
        "knownPeers": len(node.manual.known_peers),
        "links": len(node.streams.links),
        "halfOpen": len(node.streams.half_open),
        "published": node.published,
        "received": node.received,
        "refusals": {reason_name(code): n for code, n in node.streams.refusals.items()},
        "resetCause": node.health.reset_cause,
        "watchdogResets": node.health.bites,
        "lastException": node.health.last_exception,
        "wifi": node.wifi.status() if node.wifi is not None else None,
        "problems": list(settings.problems),
        "heap": {"used": gc.mem_alloc(), "free": gc.mem_free()},
    }


def peers(node) -> dict:
    """The known peers with their states and counters, and the callers that wait to be listed."""
    known = [_peer(node, peer) for peer in node.manual.known_peers.values()]
    return {"peers": known, "pending": [_pending(peer) for peer in node.manual.pending.peers]}


def _peer(node, peer) -> dict:
    clock_is_set = bool(node.net.unix_time())
    shown = {
        "publicKey": base58_encode(peer.public_key),
        "address": peer.address[:_MAX_ADDRESS],
        "outbound": peer.outbound,
        "state": peer.state(clock_is_set),
        "lastError": reason_name(peer.last_error),
        "lastConnected": peer.last_connected,
        "nextAttempt": None,
    }
    if shown["state"] == "backing-off":
        shown["nextAttempt"] = max(0, since(peer.next_attempt, node.net.now()) // 1000)
    connection = node.streams.links.get(peer.public_key)
    if connection is not None:
        shown["in"] = connection.messages_in
        shown["out"] = connection.messages_out
        shown["duplicates"] = connection.duplicates
        shown["dropped"] = connection.outbox.dropped
        shown["skipped"] = connection.link.frames_skipped
    return shown


def _pending(peer) -> dict:
    return {
        "publicKey": base58_encode(peer.public_key),
        "source": peer.source,
        "lastSeen": peer.last_seen,
        "attempts": peer.attempts,
    }


def log(node, request: dict) -> dict:
    """The last lines: [seconds ago, text, how often]; only those after line number "since".

    "last" is the number of the last line, "uptime" tells a restart, after which they count anew.
    """
    since_number = request.get("since", 0)
    if not isinstance(since_number, int) or since_number < 0:
        raise ValueError("since is no line number")
    kept = node.log
    lines = kept.lines(since_number)
    return {"log": lines, "last": kept.count, "uptime": kept.uptime.seconds()}
