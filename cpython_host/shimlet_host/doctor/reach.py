"""Whether others reach the node, as its own test has found: told beside the findings.

In: what the node says in /info. Out: one Reached for each address that it tried, or for what it
cannot try yet. It informs: a call from inside that fails is no proof, so no exit status depends on
it. Called by: `shimlet doctor`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .loose import a_dict, a_list

NOT_TRIED, OFF = "not-tried", "autopeering-off"
_TOLD = ("result", "sentence", "protocol", "address")


@dataclass(frozen=True, slots=True)
class Reached:
    """`cause` is the result as reachability.py names it, NOT_TRIED or OFF; `sentence` says what to
    do, too. `address` is "ip:port", "" of what was not tried.
    """

    cause: str
    sentence: str
    protocol: str
    address: str = ""


def reached_of(info: Mapping[str, Any]) -> list[Reached]:
    """What the node knows by now."""
    found = [
        Reached(*(str(each.get(name) or "") for name in _TOLD))
        for each in map(a_dict, a_list(info.get("reachability")))
        if each.get("result") and each.get("sentence")
    ]
    if not found:
        text = "Not tried yet: the node calls itself soon after its start, once its clock is set."
        found = [Reached(NOT_TRIED, text, "TCP")]
    if info.get("autoPeering") is None:
        found.append(Reached(OFF, "Autopeering is off: there is no UDP port to reach.", "UDP"))
    return found
