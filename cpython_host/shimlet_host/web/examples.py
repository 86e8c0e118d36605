"""One example of each request and answer of the web API, by the operation's name.

In: nothing. Out: what `/docs` shows. The tests hold every one against its schema, send the
requests to a node, and expect the status that the document promises. Used by `document.py`.
"""

from __future__ import annotations

from typing import Any

from shimlet.reasons import CONNECTION_REFUSED
from shimlet.sentences import sentence

KEY = "4zvwRjXUKGfvwnParsHAS3HuSVzV5cA4McphgmoCtajS"
OTHER_KEY = "66am8iQoPfRcJ2Zy4rAMYVMnVRbUYTW9JKeUxpdhDkRx"
OWN_KEY = "CHfU1NUf6ZvUKDQHTG2df53GR7CvuMFtyt7YymJ6DwS3"
MESSAGE_ID = "4PNCZERNLKAqwSYHhZpb7B4GE34eiYDPXGgeNKWNNaBp"

REQUESTS: dict[str, Any] = {
    "addPeers": [{"publicKey": KEY, "address": "192.0.2.7:14666", "alias": "attic"}],
    "markPeers": [{"publicKey": KEY, "alias": "attic", "enabled": False}],
    "removePeers": [{"publicKey": KEY}],
    "publish": {"payload": "hello"},
}

_PEER: dict[str, Any] = {
    "publicKey": KEY,
    "address": "192.0.2.7:14666",
    "connectionDirection": "outbound",
    "connectionStatus": "disconnected",
    "state": "backing-off",
    "lastError": "connection-refused",
    "lastErrorText": sentence(CONNECTION_REFUSED),
    "lastConnected": None,
    "nextAttempt": 1700000000.5,
    "counters": {},
    "alias": "attic",
    "enabled": True,
    "rtt": None,
}
_MESSAGE = {
    "id": MESSAGE_ID,
    "payload": "hello",
    "payloadBase64": "aGVsbG8=",
    "received": 1700000000.25,
    "source": "local",
    "alias": "",
}
_NEIGHBOR = {
    "id": "HfMMzMjSVGr",
    "publicKey": OTHER_KEY,
    "services": [
        {"id": "peering", "address": "192.0.2.9:14626"},
        {"id": "gossip", "address": "192.0.2.9:14666"},
    ],
}
_HEALTHY = {"status": "ok"}

ANSWERS: dict[str, Any] = {
    "listPeers": [_PEER],
    "listPending": [
        {
            "publicKey": OTHER_KEY,
            "remoteIP": "192.0.2.9",
            "firstSeen": 1700000000,
            "lastSeen": 1700000060,
            "attempts": 12,
        }
    ],
    "neighbors": {"known": [], "chosen": [_NEIGHBOR], "accepted": []},
    "publish": {"id": MESSAGE_ID},
    "listMessages": [_MESSAGE],
    "events": f': open\n\nevent: peer\ndata: {{"publicKey": "{KEY}", ...}}\n\n',
    "info": {
        "publicKey": OWN_KEY,
        "identityID": "3WdKQXsgUzm",
        "nodeID": "21bd33FFzL9RbWd9bdSACxXUGR8PjjD2y761KaSMaKxk",
        "version": "0.1.0",
        "profile": "spec",
        "gossipAddress": "0.0.0.0:14666",
        "uptime": 3600.123,
        "unixTime": 1700000000,
        "interfaces": ["192.0.2.1/24"],
        "addresses": [],
        "refusals": {KEY: "expired"},
        "timeServer": None,
        "autoPeering": None,
        "reachability": [
            {
                "service": "gossip",
                "protocol": "TCP",
                "address": "203.0.113.7:14666",
                "result": "reached",
                "sentence": "A call to TCP 203.0.113.7:14666 arrives here.",
            }
        ],
    },
    "showMetrics": (
        "# HELP shimlet_peer_up 1 while there is a link.\n"
        "# TYPE shimlet_peer_up gauge\n"
        f'shimlet_peer_up{{alias="attic",public_key="{KEY}"}} 1.0\n'
    ),
    "live": _HEALTHY,
    "ready": _HEALTHY,
    "health": _HEALTHY,
}
