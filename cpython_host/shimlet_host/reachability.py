"""Whether others reach this node where they would dial it. It informs and never stops anything.

In: the running node's parts. Out: a Reach for every address that the config names or that other
nodes see us under, in the log and in /info. No service outside is asked: the node calls itself
there with its own key, which its acceptor refuses and counts, so a count that grew is proof that
the call came back to this very node. Tested after the start, and when the addresses change. Made
by node.py, run by service.py.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Callable
from typing import NamedTuple

import structlog
from shimlet.identity import format_address, parse_address
from shimlet.link import Link
from shimlet.reasons import OWN_KEY
from shimlet.streams import Streams

from shimlet_host.auto import Auto
from shimlet_host.auto_settings import listened_ips
from shimlet_host.autopeering.envelope import seal
from shimlet_host.autopeering.reasons import Reason
from shimlet_host.config import Config
from shimlet_host.identity import HostIdentity
from shimlet_host.model import Reach
from shimlet_host.net import HostNet

START_PAUSE_S = 1.0  # others come first
LOOK_INTERVAL_S = 30.0  # for addresses that changed
CALL_S = 5.0  # for one call, as for a dial
COUNT_INTERVAL_S = 0.05
DATAGRAMS = 3  # one may get lost
MAX_CALLS = 16  # nobody lists more addresses
PROBE = b"\0reachability"  # no message of the protocol: nobody can do anything with its signature

REACHED, REFUSED, NO_ANSWER, SOMEBODY_ELSE = "reached", "refused", "no-answer", "somebody-else"
LOOPBACK_ONLY, PRIVATE_ONLY, NOT_KNOWN = "loopback-only", "private-only", "not-known"
TROUBLE = (REFUSED, NO_ANSWER, SOMEBODY_ELSE)

log = structlog.get_logger()


class Call(NamedTuple):
    """What to call: "gossip" over TCP or "autopeering" over UDP, at "ip:port"."""

    service: str
    address: str

    @property
    def protocol(self) -> str:
        return "TCP" if self.service == "gossip" else "UDP"


class Reachability:
    """`results` are the latest. `bound`: where gossip listens, "ip:port"."""

    def __init__(
        self,
        config: Config,
        identity: HostIdentity,
        streams: Streams,
        net: HostNet,
        bound: str,
        auto: Auto | None,
    ) -> None:
        self.results: tuple[Reach, ...] = ()
        self._config = config
        self._identity = identity
        self._streams = streams
        self._net = net
        self._bound = bound
        self._auto = auto

    async def follow(self) -> None:
        """Test, and again when the addresses change, until cancelled."""
        await asyncio.sleep(START_PAUSE_S)
        tested: list[Call] | None = None
        while True:
            calls = self.calls()
            if calls != tested and self._net.unix_time():  # without a clock nothing is signed
                await self.test(calls)
                tested = calls
            await asyncio.sleep(LOOK_INTERVAL_S)

    def calls(self) -> list[Call]:
        """Where others would dial, as far as the config or other nodes say it."""
        gossip_port = parse_address(self._bound)[1]
        found = [Call("gossip", address) for address in self._config.gossip.addresses]
        external = self._external()
        if external:
            found.append(Call("gossip", format_address(external, gossip_port)))
        if external and self._auto is not None:
            udp_port = parse_address(self._auto.status().address)[1]
            found.append(Call("autopeering", format_address(external, udp_port)))
        return list(dict.fromkeys(found))[:MAX_CALLS]

    def _external(self) -> str:
        configured = self._config.network.external_address
        if configured != "auto":
            return configured
        return self._auto.core.own_address.external if self._auto else ""

    async def test(self, calls: list[Call]) -> None:
        """Make the calls, all at once, and tell how they end."""
        ends = await asyncio.gather(*map(self._end_of, calls))
        made = [_reach(call, end) for call, end in zip(calls, ends, strict=True)]
        self.results = tuple(made or [self._seen_from_here()])
        for each in self.results:
            write = log.warning if each.result in TROUBLE else log.info
            write(each.sentence, service=each.service, address=each.address, result=each.result)

    async def _end_of(self, call: Call) -> str:
        made = self._call_tcp if call.service == "gossip" else self._call_udp
        try:
            async with asyncio.timeout(CALL_S):
                return await made(*parse_address(call.address))
        except TimeoutError:
            return NO_ANSWER
        except OSError as error:
            return REFUSED if error.errno == errno.ECONNREFUSED else NO_ANSWER

    async def _call_tcp(self, ip: str, port: int) -> str:
        """A handshake request of ours to ourselves."""
        before = self._own_callers()
        stream = await self._net.connect(ip, port)
        try:
            link = Link(self._identity, self._streams.rules, self._net.now())
            own_key, to = self._identity.public_key, format_address(ip, port).encode()
            await stream.send(link.request(own_key, to, self._net.unix_time(), self._net.now()))
            heard = await _grows(self._own_callers, before, CALL_S / 2)
        finally:
            await stream.close()
        return REACHED if heard else SOMEBODY_ELSE

    async def _call_udp(self, ip: str, port: int) -> str:
        """Datagrams of ours to ourselves."""
        before = self._own_datagrams()
        packet = seal(self._identity, PROBE)
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            for _ in range(DATAGRAMS):
                sock.sendto(packet, (ip, port))
                if await _grows(self._own_datagrams, before, CALL_S / DATAGRAMS / 2):
                    return REACHED
        return NO_ANSWER

    def _own_callers(self) -> int:
        return self._streams.refusals.get(OWN_KEY, 0)

    def _own_datagrams(self) -> int:
        assert self._auto is not None
        return self._auto.core.local.counters.get(Reason.OWN_PACKET, 0)

    def _seen_from_here(self) -> Reach:
        """Nobody said where others dial: what the machine's own addresses tell."""
        host, port = parse_address(self._bound)
        ips = [ipaddress.ip_address(ip) for ip in listened_ips(host)]
        if all(ip.is_loopback for ip in ips):
            result = LOOPBACK_ONLY
        elif all(ip.is_private for ip in ips):
            result = PRIVATE_ONLY
        else:
            result = NOT_KNOWN
        sentence = _FROM_HERE[result].format(address=self._bound, port=port)
        return Reach("gossip", "TCP", self._bound, result, sentence)


async def _grows(count: Callable[[], int], before: int, limit_s: float) -> bool:
    """Whether a count grows in time."""
    for _ in range(round(limit_s / COUNT_INTERVAL_S)):
        await asyncio.sleep(COUNT_INTERVAL_S)
        if count() > before:
            return True
    return False


def _reach(call: Call, end: str) -> Reach:
    port = parse_address(call.address)[1]
    sentence = _SENTENCES[end].format(protocol=call.protocol, address=call.address, port=port)
    return Reach(call.service, call.protocol, call.address, end, sentence)


_REMEDY = (
    " Forward {protocol} port {port} to this machine, and open it in the firewalls on the way."
    " Some routers refuse only such calls from inside: a node elsewhere knows for certain."
)
_SENTENCES = {
    REACHED: "A call to {protocol} {address} arrives here.",
    REFUSED: "{protocol} {address} refuses connections." + _REMEDY,
    NO_ANSWER: "A call of our own to {protocol} {address} does not arrive." + _REMEDY,
    SOMEBODY_ELSE: (
        "Something else answers at {protocol} {address}: forward {protocol} port {port} to this"
        " machine, or correct network.externalAddress or gossip.addresses."
    ),
}
_FROM_HERE = {
    LOOPBACK_ONLY: (
        "Only nodes on this machine can dial {address}: for others set gossip.bindAddress, as to"
        " 0.0.0.0:{port}."
    ),
    PRIVATE_ONLY: (
        "Nodes in this network can dial us; others only if the router forwards TCP port {port} to"
        " this machine and network.externalAddress says the router's IP. We can dial them anyway."
    ),
    NOT_KNOWN: (
        "Whether a firewall lets others dial TCP port {port} cannot be seen from here: set"
        " network.externalAddress to the IP that they dial, and it is tried."
    ),
}
