"""Sets the clock by time servers: SNTP (RFC 4330), over UDP and without blocking.

In goes the node, whose settings name the servers in the order to ask them; out come a clock that
is set, and lines in the log. Called by node.py about once a second.

The question carries nothing but a random number. An answer must repeat it, come from the address
that was asked, and be in time, so its error is less than half of the way there and back.
"""

import asyncio
import os
import socket

from shimlet.identity import parse_address
from shimlet.manual import jittered
from shimlet.ticks import since
from shimlet.wire import const

from shimlet_light import clock
from shimlet_light.waiting import readable

_PACKET = const(48)
_QUESTION = const(0x23)  # version 4, client
_FROM_SERVER = const(4)
_UNIX_EPOCH = const(2208988800)  # in seconds since 1900
_ERA = const(1 << 32)  # the seconds start again in 2036
_MAX_ROOT_S = const(16)  # a server that is this unsure of itself knows no time
_ROUNDING_MS = const(2)
_PATIENCE_MS = 2000

_RESYNC_S = 1800  # a cheap crystal is off by a tenth of a second then
_FIRST_PAUSE_S = 15  # nobody is asked more often
_UNSET_PAUSE_S = 60  # the longest between two rounds while the clock is not set
_LONGEST_PAUSE_S = 1024
_RATE_PAUSE_S = 3600
_FOR_EVER_S = 1 << 29
_NOTEWORTHY_MS = 1000

# What ask() says when it has no time.
NOT_OURS = -1  # not the answer to our question: go on waiting
NO_ANSWER = -2
UNUSABLE = -3  # the server knows no time
TOO_OFTEN = -4  # it wants to be asked less often
DENIED = -5  # it does not want to be asked


def read_answer(data: bytes, number: bytes, round_trip_ms: int) -> int:
    """The unix time in ms at which `data` arrived, or one of the codes above. `number`: the 8
    bytes of the question.
    """
    if len(data) < _PACKET or data[24:32] != number or data[0] & 7 != _FROM_SERVER:
        return NOT_OURS
    if data[1] == 0:
        return _kiss(bytes(data[12:16]))
    if not _knows_time(data):
        return UNUSABLE
    sent_ms = _unix_ms(data, 40)
    held_ms = sent_ms - _unix_ms(data, 32)
    if not 0 <= held_ms <= round_trip_ms + _ROUNDING_MS:
        return UNUSABLE
    unix_ms = sent_ms + max(round_trip_ms - held_ms, 0) // 2
    return unix_ms if clock.is_plausible(unix_ms // 1000) else UNUSABLE


def _kiss(code: bytes) -> int:
    """What a server means that answers without a time."""
    if code == b"RATE":
        return TOO_OFTEN
    return DENIED if code in (b"DENY", b"RSTR") else UNUSABLE


def _knows_time(data: bytes) -> bool:
    """Version, leap indicator, stratum, distance to a reference, and both timestamps there."""
    if not 1 <= data[0] >> 3 & 7 <= 4 or data[0] >> 6 == 3 or data[1] > 15:
        return False
    if (data[4] << 8 | data[5]) >= _MAX_ROOT_S or (data[8] << 8 | data[9]) >= _MAX_ROOT_S:
        return False
    return any(data[32:40]) and any(data[40:48])


def _unix_ms(data: bytes, at: int) -> int:
    """A timestamp: seconds since 1900, or since 2036 when its first bit is clear, and 2**-32."""
    seconds = int.from_bytes(data[at : at + 4], "big") - _UNIX_EPOCH
    if not data[at] & 0x80:
        seconds += _ERA
    return seconds * 1000 + ((data[at + 4] << 8 | data[at + 5]) * 1000 + 32768 >> 16)


async def ask(resolve, server: str) -> int:
    """The unix time in ms from "host:port", or a code. `resolve`: see Net."""
    host, port = parse_address(server)
    sock = None
    try:
        found = socket.getaddrinfo(await resolve(host), port)[0]
        sock = socket.socket(found[0], socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.connect(found[-1])  # so that nobody else's datagrams reach it
        return await _exchange(sock)
    except (asyncio.TimeoutError, OSError):  # also: nothing listens there, or no network
        return NO_ANSWER
    finally:
        if sock is not None:
            sock.close()


async def _exchange(sock) -> int:
    number = os.urandom(8)
    question = bytearray(_PACKET)
    question[0] = _QUESTION
    question[40:48] = number
    sent = clock.now()
    sock.send(question)
    answer = NOT_OURS
    while answer == NOT_OURS:
        left_ms = _PATIENCE_MS - since(clock.now(), sent)
        if left_ms <= 0:
            return NO_ANSWER
        await asyncio.wait_for_ms(readable(sock), left_ms)
        data = sock.recv(_PACKET)
        answer = read_answer(data, number, since(clock.now(), sent))
    return answer


class Sync:
    """Keeps the clock right: asks, asks again when it may have drifted, waits when nobody
    answers. Times are seconds of the node's uptime.
    """

    def __init__(self, node) -> None:
        self.node = node
        self.due = 0
        self.pause_s = 0  # since nobody answers; 0 after an answer
        self._asked = -_FIRST_PAUSE_S
        self._servers = None
        self._not_before = {}  # server -> when it may be asked again

    async def turn(self) -> None:
        """Ask the servers in turn, if it is time to."""
        if self.node.settings.ntp is not self._servers:
            self._servers = self.node.settings.ntp
            self._not_before = {}
            self.due = self.pause_s = 0
        now_s = self.node.log.uptime.seconds()
        if now_s < self.due and not self.pause_s:
            return
        if self.node.net.offline:  # what has failed is tried again as soon as there is a network
            self.due = min(self.due, self._asked + _FIRST_PAUSE_S)
        elif now_s >= self.due:
            self._asked = now_s
            await self._round(now_s)

    async def _round(self, now_s: int) -> None:
        """One question to each server until one answers; then the time of the next round."""
        if await self._is_answered(now_s):
            self.pause_s = 0
            self._wait(_RESYNC_S)
            return
        if not self.pause_s:
            unset = "" if clock.unix_time() else ", and the clock is not set"
            self.node.say(f"No time server answers{unset}")
        longest_s = _LONGEST_PAUSE_S if clock.unix_time() else _UNSET_PAUSE_S
        self.pause_s = min(max(2 * self.pause_s, _FIRST_PAUSE_S), longest_s)
        self._wait(self.pause_s)

    def _wait(self, pause_s: int) -> None:
        pause_s = max(jittered(pause_s, self.node.net.random_byte()), _FIRST_PAUSE_S)
        self.due = self.node.log.uptime.seconds() + pause_s

    async def _is_answered(self, now_s: int) -> bool:
        for server in self._servers:
            if self._not_before.get(server, 0) > now_s:
                continue
            answer = await ask(self.node.net.resolve, server)
            if answer > 0:
                self._take(answer, server)
                return True
            if answer in (TOO_OFTEN, DENIED):
                pause_s = _RATE_PAUSE_S if answer == TOO_OFTEN else _FOR_EVER_S
                self._not_before[server] = now_s + pause_s
                self.node.log.add(f"Clock: {server} does not want to be asked")
        return False

    def _take(self, unix_ms: int, server: str) -> None:
        """Set the clock, and say so if that is news."""
        peers = self.node.manual.known_peers.values()
        is_peer = any(_host(peer.address) == _host(server) for peer in peers)
        behind_ms = clock.set_time(unix_ms, clock.DESKTOP if is_peer else clock.NTP)
        if behind_ms is None:
            self.node.say(f"The clock is set by {server}")
        elif abs(behind_ms) >= _NOTEWORTHY_MS:
            how = "behind" if behind_ms > 0 else "ahead"
            self.node.say(f"The clock was {abs(behind_ms) // 1000} s {how}; set by {server}")


def _host(address: str) -> str:
    return address.rpartition(":")[0]
