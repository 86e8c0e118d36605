"""Real Pings to a UDP port, by an identity made for the call: who answers, and to which Pings.

In: the address, and the network and time that the full node puts into its own Pings. Out: an
Answer. A node that ignores a Ping says nothing, so one that is silent is asked again as a node of
another network, and at another time of day, would ask it. Called by `gather`.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from shimlet.identity import base58_encode

from shimlet_host.autopeering import encoding, messages, networks
from shimlet_host.autopeering.decoding import decode
from shimlet_host.autopeering.envelope import Envelope, open_envelope, seal
from shimlet_host.autopeering.parameters import MAX_PACKET
from shimlet_host.autopeering.requests import request_hash
from shimlet_host.identity import HostIdentity

from ..evidence import OPEN, REFUSED, TIMEOUT, UNREACHABLE

ATTEMPTS = 3
ATTEMPT_S = 0.5  # responseTimeout
# All that a silent node is asked has to fit into the burst of 100 packets that a node grants an
# IP: 44 dates and 41 networks.
NEAR_NETWORKS = 20  # on each side: existing nodes count their networks one by one
NEAR_VERSIONS = 2
HOUR_S = 3600
WIDTH_S = 39  # a Ping may be 20 s too old or too early
NEAR_DATES = 8  # steps of this width on each side: five minutes of drift
ZONES = 14  # hours on each side: a clock that was set in another time zone


@dataclass(frozen=True, slots=True)
class Network:
    """What a Ping names: both must be those of the receiver."""

    version: int
    network_version: int

    def __str__(self) -> str:
        return f"{self.network_version} (version {self.version})"


@dataclass(frozen=True, slots=True)
class Answer:
    """How asking ended, as `evidence` names ends; the rest says more of a node that answers."""

    end: str
    public_key: str = ""  # who signed the Pong
    seen_as: str = ""  # our IP, as the other sees it
    network: Network | None = None  # the one that it answers to
    ahead_s: int = 0  # how far ahead of the node's time a Ping must be dated


@dataclass(frozen=True, slots=True)
class Question:
    """A Ping of this network, dated so far ahead."""

    network: Network
    ahead_s: int = 0


class UdpProbe:
    """One identity and one socket. `source`: the IP to ask from, "" for any."""

    def __init__(self, network: Network, ahead_s: float = 0.0, source: str = "") -> None:
        self._identity = HostIdentity(os.urandom(32))
        self._network = network
        self._clock_ahead_s = ahead_s  # of the node's clock, whose Pings these are like
        self._source = source

    def ask(self, ip: str, port: int) -> Answer:
        """The node's own Ping first, and if that is in vain all others."""
        own = Question(self._network)
        for _ in range(ATTEMPTS):
            answer = self._try(ip, port, [own])
            if answer.end != TIMEOUT:
                return answer
        # Dates first: a node of another network counts these as of another network, too, while
        # one with another time would count the others as what they are not.
        answer = self._try(ip, port, self._other_dates())
        if answer.end == TIMEOUT:
            answer = self._try(ip, port, self._other_networks())
        return answer

    def have_called(self, ip: str, port: int, back_at: int) -> bool:
        """Have the node there send its Pong to another port of ours; False: not even asked."""
        try:
            with self._connected(ip, port) as sock:
                sock.send(seal(self._identity, self._ping(Question(self._network), ip, back_at)))
        except OSError:
            return False
        return True

    def _other_networks(self) -> Iterable[Question]:
        version, here = self._network.version, self._network.network_version
        for number in range(max(0, here - NEAR_NETWORKS), here + NEAR_NETWORKS + 1):
            if number != here:
                yield Question(Network(version, number))
        for number in range(NEAR_VERSIONS):
            if number != version:
                yield Question(Network(number, here))

    def _other_dates(self) -> Iterable[Question]:
        steps = [WIDTH_S * number for number in range(1, NEAR_DATES + 1)]
        for ahead_s in (*steps, *(HOUR_S * number for number in range(1, ZONES + 1))):
            yield Question(self._network, ahead_s)
            yield Question(self._network, -ahead_s)

    def _try(self, ip: str, port: int, questions: Iterable[Question]) -> Answer:
        try:
            with self._connected(ip, port) as sock:
                own_port = sock.getsockname()[1]
                asked: dict[bytes, Question] = {}
                for question in questions:
                    data = self._ping(question, ip, own_port)
                    asked[request_hash(data)] = question
                    sock.send(seal(self._identity, data))
                return self._await(sock, asked)
        except ConnectionRefusedError:  # the machine answered by ICMP
            return Answer(REFUSED)
        except OSError:
            return Answer(UNREACHABLE)

    def _connected(self, ip: str, port: int) -> socket.socket:
        """Only what comes from there is heard, ICMP included."""
        sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            if self._source:
                with suppress(OSError):  # the node is on another machine
                    sock.bind((self._source, 0))
            sock.connect((ip, port))
        except BaseException:
            sock.close()
            raise
        return sock

    def _ping(self, question: Question, ip: str, own_port: int) -> bytes:
        network = question.network
        unix_time = int(time.time() + self._clock_ahead_s + question.ahead_s)
        ping = messages.Ping(
            network.version, network.network_version, unix_time, "0.0.0.0", own_port, ip
        )
        return encoding.encode_ping(ping)

    def _await(self, sock: socket.socket, asked: dict[bytes, Question]) -> Answer:
        deadline = time.monotonic() + ATTEMPT_S
        while (left_s := deadline - time.monotonic()) > 0:
            sock.settimeout(left_s)
            try:
                found = self._answer(sock.recv(MAX_PACKET + 1), asked)
            except TimeoutError:
                break
            if found is not None:
                return found
        return Answer(TIMEOUT)

    def _answer(self, packet: bytes, asked: dict[bytes, Question]) -> Answer | None:
        """What a Pong to one of the questions says; None for anything else."""
        envelope = open_envelope(packet)
        if not isinstance(envelope, Envelope) or not envelope.verify(self._identity):
            return None
        pong = decode(envelope.data)
        question = asked.get(pong.req_hash) if isinstance(pong, messages.Pong) else None
        if question is None or not isinstance(pong, messages.Pong):
            return None
        seen_as = networks.canonical(pong.dst_addr) or ""
        answer = Answer(OPEN, base58_encode(envelope.public_key), seen_as, question.network)
        return replace(answer, ahead_s=question.ahead_s)
