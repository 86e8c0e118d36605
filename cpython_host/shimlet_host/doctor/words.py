"""The words that the table's sentences and remedies are made of.

In: the evidence and the side at fault. Out: each word when `str.format_map` asks for it. Called by
`diagnose`.
"""

from __future__ import annotations

from . import commands
from .addresses import best_address
from .causes import skew_s
from .evidence import REFUSED, TIMEOUT, UNREACHABLE, Evidence, Side, parts_of

GOSSIP_PORT = 14666  # where nodes listen unless they are told otherwise
_ENDS = {REFUSED: "refused", UNREACHABLE: "no route", TIMEOUT: "no answer"}


class Words(dict[str, str]):
    """{"it": the side at fault, ...}; every word is a method, called when it is needed."""

    def __init__(self, evidence: Evidence, it: Side) -> None:
        super().__init__()
        self.evidence = evidence
        self.side = it
        self.opposite = evidence.host if it is evidence.peer else evidence.peer

    def __missing__(self, word: str) -> str:
        text: str = getattr(self, f"_{word}")()
        return text

    # Who and where

    def _it(self) -> str:
        return self.side.name

    def _It(self) -> str:
        return self.side.name[0].upper() + self.side.name[1:]

    def _other(self) -> str:
        return self.opposite.name

    def _dialler(self) -> str:
        return self.evidence.dialler.name

    def _other_key(self) -> str:
        return self.opposite.public_key

    def _other_address(self) -> str:
        return best_address(self.opposite, self.side) or "not known"

    def _wrong_key(self) -> str:
        wrong = self.side.wrong_listing(self.opposite)
        return wrong.public_key if wrong else ""

    # What was seen

    def _address(self) -> str:
        return self.evidence.address or "an address not known"

    def _ip(self) -> str:
        parts = parts_of(self._address())
        return parts[0] if parts else "its address"

    def _port(self) -> str:
        parts = parts_of(self._address())
        return str(parts[1] if parts else GOSSIP_PORT)

    def _end(self) -> str:
        return _ENDS.get(self.evidence.dial or "", "it fails")

    def _listens_at(self) -> str:
        side = self.side
        if side.listens is False:
            return f"; {side.name} does not listen at all"
        return f"; {side.name} listens on {side.bind}" if side.bind else ""

    def _skew(self) -> str:
        skew = skew_s(self.evidence)
        return "20 s or more" if skew is None else f"{abs(skew):.0f} s"

    # What to do

    def _set_clock(self) -> str:
        return commands.set_clock(self.side)

    def _list_other(self) -> str:
        return commands.list_peer(self.side, self.opposite)

    def _replace_key(self) -> str:
        return commands.replace_peer(self.side, self.opposite, self._wrong_key())

    def _list_answering_key(self) -> str:
        return commands.replace_by_answering(self.side, self.opposite, self._address())

    def _open_port(self) -> str:
        return commands.open_port(self.side, int(self._port()), self.evidence)

    def _dial_from_other(self) -> str:
        return commands.dial_from(self.opposite, self.evidence)

    def _join_networks(self) -> str:
        return commands.join_networks(self.evidence)
