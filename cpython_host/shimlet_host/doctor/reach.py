"""Whether others reach the node, as its own test has found: told beside the findings.

In: what the node says in /info. Out: one Reached for each address that it tried, or for what it
cannot try yet. It informs: a call from inside that fails is no proof, so no exit status depends on
it. Called by: `shimlet doctor`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .diagnose import Finding
from .loose import a_dict, a_list

NOT_TRIED, OFF = "not-tried", "autopeering-off"
_NOT_TRIED = "Not tried yet: the node calls itself soon after its start, once its clock is set."
_OFF = "Autopeering is off: there is no UDP port to reach."


@dataclass(frozen=True, slots=True)
class Reached(Finding):
    """`cause` is the result as reachability.py names it, NOT_TRIED or OFF; `sentence` says what to
    do, too. `address` is "ip:port", "" of what was not tried.
    """

    protocol: str = ""
    address: str = ""


def reached_of(info: Mapping[str, Any]) -> list[Reached]:
    """What the node knows by now."""
    told = [a_dict(each) for each in a_list(info.get("reachability"))]
    found = [_reached(each) for each in told if each.get("result") and each.get("sentence")]
    found = found or [Reached(NOT_TRIED, _NOT_TRIED, protocol="TCP")]
    if info.get("autoPeering") is None:
        found.append(Reached(OFF, _OFF, protocol="UDP"))
    return found


def _reached(told: dict[str, Any]) -> Reached:
    result, sentence, protocol, address = (
        str(told.get(name) or "") for name in ("result", "sentence", "protocol", "address")
    )
    return Reached(result, sentence, protocol=protocol, address=address)
