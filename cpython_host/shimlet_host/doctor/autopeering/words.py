"""The words that the tables' sentences and remedies are made of.

In: the full node, and the peer for the rows of peers. Out: each word when `str.format_map` asks
for it. A remedy is a command for a shell, at the side that its sentence names. Called by
`findings`.
"""

from __future__ import annotations

import shlex

from shimlet.identity import format_address, parse_address

from ..commands import set_clock
from ..evidence import OPEN, WILDCARDS, Side
from .evidence import Own, Remote
from .probe import HOUR_S, Answer

USUAL_PLACES = 8
_NOBODY = Remote("", "nobody")


class Words(dict[str, str]):
    """Every word is a method, called when it is needed."""

    def __init__(self, own: Own, remote: Remote = _NOBODY) -> None:
        super().__init__()
        self.own = own
        self.remote = remote

    def __missing__(self, word: str) -> str:
        text: str = getattr(self, f"_{word}")()
        return text

    # Who and where

    def _it(self) -> str:
        return self.remote.name

    def _It(self) -> str:
        return self.remote.name[0].upper() + self.remote.name[1:]

    def _listed(self) -> str:
        return self.remote.listed

    def _ip(self) -> str:
        return self.remote.ip

    def _port(self) -> str:
        return str(self.remote.port)

    def _tcp_port(self) -> str:
        return str(parse_address(self.remote.tcp)[1])

    def _own_port(self) -> str:
        return str(parse_address(self.own.address)[1])

    def _own_tcp_port(self) -> str:
        return str(parse_address(self.own.gossip)[1])

    def _gossip(self) -> str:
        return self.own.gossip

    def _external(self) -> str:
        return self.own.external

    # What was seen

    def _tcp(self) -> str:
        """What TCP does, beside UDP that does not."""
        if self.remote.tcp_end is None:
            return ""
        if self.remote.tcp_end == OPEN:
            return f", though its TCP port {self._tcp_port()} is open"
        return f", nor does its TCP port {self._tcp_port()}"

    def _answering_key(self) -> str:
        return self._answer.public_key

    def _other_network(self) -> str:
        return str(self._answer.network or self.own.network)

    def _own_network(self) -> str:
        return str(self.own.network)

    def _skew(self) -> str:
        ahead_s = self._answer.ahead_s
        amount = f"{abs(ahead_s)} s" if ahead_s % HOUR_S else f"{abs(ahead_s) // HOUR_S} h"
        return f"{amount} {'later' if ahead_s > 0 else 'earlier'}"

    def _seen_as(self) -> str:
        return self._answer.seen_as

    def _seen_by_all(self) -> str:
        return ", ".join(self.own.seen_as)

    def _candidates(self) -> str:
        return str(self.own.neighborhood.candidates)

    def _similar(self) -> str:
        return str(self.own.neighborhood.similar)

    def _in_range(self) -> str:
        return str(self.own.neighborhood.in_range)

    @property
    def _answer(self) -> Answer:
        return self.remote.answer or Answer(OPEN)

    # What to do here

    def _switch_on(self) -> str:
        return _run("autoPeering.enabled=true")

    def _list_entry_node(self) -> str:
        return _run(f"autoPeering.entryNodes={','.join([*self._entries(), 'KEY@HOST:PORT'])}")

    def _list_it_elsewhere(self) -> str:
        if not self.remote.listed:
            return ""  # autopeering finds another peer by itself
        return self._entries_with(f"{self.remote.public_key}@HOST:PORT")

    def _list_answering_key(self) -> str:
        return self._entries_with(f"{self._answer.public_key}@{self.remote.listed}")

    def _entries_with(self, new: str) -> str:
        """The entry nodes with another one instead of this."""
        others = self._entries(self.remote.public_key)
        return _run(f"autoPeering.entryNodes={','.join([*others, new])}")

    def _entries(self, without: str = "") -> list[str]:
        kept = [each for each in self.own.entries if each.public_key != without]
        return [f"{each.public_key}@{each.address}" for each in kept]

    def _join_network(self) -> str:
        network = self._answer.network or self.own.network
        return _run(
            f"autoPeering.networkVersion={network.network_version}",
            f"autoPeering.version={network.version}",
        )

    def _join_some_network(self) -> str:
        return _run("autoPeering.networkVersion=NUMBER")

    def _set_clock(self) -> str:
        return set_clock(Side("the full node", self.own.public_key))

    def _learn_address(self) -> str:
        return _run("network.externalAddress=auto")

    def _let_udp_in(self) -> str:
        return _let_in(parse_address(self.own.address)[1], "udp")

    def _let_tcp_in(self) -> str:
        """Listen where UDP does; if it does so already, something else is in the way."""
        host, port = parse_address(self.own.gossip)
        if host in (*WILDCARDS, parse_address(self.own.address)[0]):
            return _let_in(port, "tcp")
        return _run(f"gossip.bindAddress={format_address(WILDCARDS[0], port)}")

    def _ignore_mana(self) -> str:
        return _run("autoPeering.manaSource=none")

    def _usual_theta(self) -> str:
        return _run("autoPeering.theta=auto")

    # What to do there

    def _listen_for_udp_there(self) -> str:
        address = format_address(WILDCARDS[0], self.remote.port)
        return _run("autoPeering.enabled=true", f"autoPeering.bindAddress={address}")

    def _listen_for_tcp_there(self) -> str:
        address = format_address(WILDCARDS[0], parse_address(self.remote.tcp)[1])
        return _run(f"gossip.bindAddress={address}")

    def _let_udp_in_there(self) -> str:
        return _let_in(self.remote.port, "udp")

    def _let_tcp_in_there(self) -> str:
        return _let_in(parse_address(self.remote.tcp)[1], "tcp")

    def _more_places(self) -> str:
        return _run(f"autoPeering.k={max(USUAL_PLACES, 2 * self.own.neighborhood.places)}")


def _run(*settings: str) -> str:
    """Start the full node with these settings, instead of how it runs."""
    return " ".join(["shimlet run", *(f"--set {shlex.quote(each)}" for each in settings)])


def _let_in(port: int, protocol: str) -> str:
    """The usual firewall of a desktop; another one needs the same in its own words."""
    return f"sudo ufw allow {port}/{protocol}"
