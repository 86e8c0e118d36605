"""A stand-in for the autopeering of an existing node: not its code, but its behaviour over UDP, as
it was observed.

What matters to whoever talks to it, each quirk as the running nodes have it:
- a request waits 500 ms for its answer, three times; a repeated one is the same byte for byte,
  only a Ping is a new one;
- before a DiscoveryRequest or PeeringRequest to a peer that has not pinged it from there, it pings
  and then sleeps 500 ms, in which the peer is expected to ping back, and asks in any case;
- it answers a DiscoveryRequest or PeeringRequest only to whom it has verified: a Pong from this
  (identity, IP); the answer goes to the peering port of that Pong;
- it draws random salts, looks at nothing but length and end of a requester's, and knows no theta;
- whoever is a neighbor already is answered false; a PeeringDrop is answered by one;
- a Peer entry without services crashes it.

Blocking sockets on threads, packets by the official protobuf package and PyNaCl: it shares nothing
with the code under test.
"""

from __future__ import annotations

import hashlib
import os
import queue
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from interop.existing_messages import TYPES, UDP
from interop.existing_node import ExistingNode
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

ANSWER_S = 0.5
ATTEMPTS = 3
PING_BACK_S = 0.5
NETWORK, VERSION = 40, 0
EXPIRED_S = 20
MAX_PACKET = 1280
NUMBERS = {name: number for number, name in TYPES.items()}

Address = tuple[str, int]


class Crashed(Exception):
    """An existing node would have ended here."""


class ExistingPeer:
    """One such node on loopback, listening by UDP and TCP from the start."""

    def __init__(self, *, gossip: bool = True, answers: bool = True) -> None:
        seed = os.urandom(32)
        self._signing = SigningKey(seed)
        self.key = bytes(self._signing.verify_key)
        self.gossip_node = ExistingNode(seed)
        self.answers = answers  # what it says to a PeeringRequest
        self.crashed: Exception | None = None
        self.seen: list[tuple[str, Any]] = []  # (message name, message) that were valid
        self.neighbors: set[bytes] = set()
        self.verified: dict[tuple[bytes, str], Any] = {}  # (key, IP): services of its Pong
        self.has_verified: set[tuple[bytes, str]] = set()  # who pinged us
        self._open: dict[tuple[bytes, str, bytes], queue.Queue[Any]] = {}
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self.port: int = self._udp.getsockname()[1]
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.tcp.settimeout(20)
        self.services = UDP["ServiceMap"]()
        self.services.map["peering"].network = "udp"
        self.services.map["peering"].port = self.port
        if gossip:
            self.services.map["gossip"].network = "tcp"
            self.services.map["gossip"].port = self.tcp.getsockname()[1]
        threading.Thread(target=self._read, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        with suppress(OSError):
            self._udp.shutdown(socket.SHUT_RDWR)  # wakes the reader
        self._udp.close()
        self.tcp.close()

    # In

    def _read(self) -> None:
        while self._udp.fileno() >= 0:
            try:
                content, address = self._udp.recvfrom(MAX_PACKET)
            except OSError:
                return
            try:
                self._take(content, address)
            except Crashed as error:
                self.crashed = error
                return
            except (ValueError, BadSignatureError):
                continue  # dropped silently, with a debug log

    def _take(self, content: bytes, address: Address) -> None:
        packet = UDP["Packet"]()
        packet.ParseFromString(content)
        if len(packet.key) != 32 or len(packet.sig) != 64 or not packet.data:
            raise ValueError("short")
        VerifyKey(packet.key).verify(packet.data, packet.sig)
        name = TYPES.get(packet.data[0])
        if name is None:
            raise ValueError("invalid message")
        message = UDP[name]()
        message.ParseFromString(packet.data[1:])
        req_hash = hashlib.sha256(packet.data).digest()
        handlers: dict[str, Callable[..., None]] = {
            "Ping": self._on_ping,
            "DiscoveryRequest": self._on_discovery_request,
            "PeeringRequest": self._on_peering_request,
            "PeeringDrop": self._on_peering_drop,
        }
        if name in handlers:
            if time.time() - message.timestamp >= EXPIRED_S:
                raise ValueError("expired")
            handlers[name](message, packet.key, address[0], req_hash)
            self.seen.append((name, message))
        else:
            self._on_answer(name, message, packet.key, address[0])

    def _on_ping(self, ping: Any, key: bytes, ip: str, req_hash: bytes) -> None:
        if (ping.version, ping.network_id) != (VERSION, NETWORK):
            raise ValueError("version or network")
        if ping.src_addr not in ("0.0.0.0", "::") or not 0 < ping.src_port < 65536:
            raise ValueError("source")
        pong = UDP["Pong"](req_hash=req_hash, services=self.services, dst_addr=ip)
        self.send("Pong", pong, (ip, ping.src_port))
        self.has_verified.add((key, ip))
        if (key, ip) not in self.verified:
            threading.Thread(target=self.ping, args=(key, (ip, ping.src_port), 1)).start()

    def _on_discovery_request(self, _: Any, key: bytes, ip: str, req_hash: bytes) -> None:
        services = self._services_of(key, ip)
        response = UDP["DiscoveryResponse"](req_hash=req_hash)
        for (other, where), offered in list(self.verified.items())[:6]:
            response.peers.add(key=other, ip=where, services=offered)
        self.send("DiscoveryResponse", response, (ip, services.map["peering"].port))

    def _on_peering_request(self, request: Any, key: bytes, ip: str, req_hash: bytes) -> None:
        services = self._services_of(key, ip)
        if len(request.salt.bytes) != 20 or request.salt.exp_time <= time.time():
            raise ValueError("salt")
        status = self.answers and key not in self.neighbors and "gossip" in services.map
        if status:
            self.neighbors.add(key)
        response = UDP["PeeringResponse"](req_hash=req_hash, status=status)
        self.send("PeeringResponse", response, (ip, services.map["peering"].port))

    def _on_peering_drop(self, _: Any, key: bytes, ip: str, req_hash: bytes) -> None:
        if key in self.neighbors:
            self.neighbors.discard(key)
            self.drop(key, (ip, self._services_of(key, ip).map["peering"].port))

    def _services_of(self, key: bytes, ip: str) -> Any:
        if (key, ip) not in self.verified:
            raise ValueError("the sender is not verified")
        return self.verified[(key, ip)]

    def _on_answer(self, name: str, message: Any, key: bytes, ip: str) -> None:
        waiting = self._open.get((key, ip, message.req_hash))
        if waiting is None:
            raise ValueError("nobody waits for this")
        for peer in message.peers if name == "DiscoveryResponse" else ():
            if not peer.HasField("services") or not peer.services.map:
                raise Crashed("a peer without services")
        self.seen.append((name, message))
        waiting.put(message)

    # Out

    def send(self, name: str, message: Any, address: Address) -> bytes:
        """Sign and send; the hash by which it is answered."""
        return self._transmit(self._data(name, message), address)

    def _data(self, name: str, message: Any) -> bytes:
        return bytes([NUMBERS[name]]) + bytes(message.SerializeToString())

    def _transmit(self, data: bytes, address: Address) -> bytes:
        packet = UDP["Packet"](data=data, key=self.key, sig=self._signing.sign(data).signature)
        content = packet.SerializeToString()
        assert len(content) <= MAX_PACKET
        with suppress(OSError):  # closed meanwhile
            self._udp.sendto(content, address)
        return hashlib.sha256(data).digest()

    def ping(self, key: bytes, address: Address, attempts: int = ATTEMPTS) -> bool:
        """Verify a peer: whether it answered with the peering port that was pinged."""
        for _ in range(attempts):
            message = UDP["Ping"](
                version=VERSION,
                network_id=NETWORK,
                timestamp=int(time.time()),
                src_addr="0.0.0.0",
                src_port=self.port,
                dst_addr=address[0],
            )
            pong = self._ask(key, address, self._data("Ping", message))
            if pong is not None and pong.services.map["peering"].port == address[1]:
                self.verified[(key, address[0])] = pong.services
                return True
        return False

    def discover(self, key: bytes, address: Address) -> Any:
        """The DiscoveryResponse of a peer, None for no answer."""
        self._ensure_verified(key, address)
        return self._request(
            "DiscoveryRequest", UDP["DiscoveryRequest"](timestamp=int(time.time())), key, address
        )

    def ask_to_peer(self, key: bytes, address: Address, salt: bytes | None = None) -> Any:
        """The PeeringResponse of a peer, None for no answer; a random salt unless one is given."""
        self._ensure_verified(key, address)
        message = UDP["PeeringRequest"](timestamp=int(time.time()))
        message.salt.bytes = salt or os.urandom(20)
        message.salt.exp_time = int(time.time()) + 7000
        response = self._request("PeeringRequest", message, key, address)
        if response is not None and response.status:
            self.neighbors.add(key)
        return response

    def drop(self, key: bytes, address: Address) -> None:
        """Say that we are no neighbors any more."""
        self.neighbors.discard(key)
        self.send("PeeringDrop", UDP["PeeringDrop"](timestamp=int(time.time())), address)

    def _ensure_verified(self, key: bytes, address: Address) -> None:
        if (key, address[0]) not in self.has_verified:
            self.ping(key, address)
            time.sleep(PING_BACK_S)

    def _request(self, name: str, message: Any, key: bytes, address: Address) -> Any:
        data = self._data(name, message)  # the same bytes for all attempts
        for _ in range(ATTEMPTS):
            response = self._ask(key, address, data)
            if response is not None:
                return response
        return None

    def _ask(self, key: bytes, address: Address, data: bytes) -> Any:
        answer: queue.Queue[Any] = queue.Queue()
        self._open[(key, address[0], hashlib.sha256(data).digest())] = answer
        self._transmit(data, address)
        try:
            return answer.get(timeout=ANSWER_S)
        except queue.Empty:
            return None

    def count(self, name: str) -> int:
        """How many valid messages of this kind have come."""
        return sum(seen == name for seen, _ in list(self.seen))
