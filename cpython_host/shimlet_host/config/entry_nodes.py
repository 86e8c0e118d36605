"""Bad entry nodes: one among several good ones need not keep a node from starting.

In: the collected settings, before they are judged. Out: the same, without the bad entries and with
a warning for each, if the node can do without them: another entry node is left, or it peers by
hand. Else they stay, and are refused with everything else that is wrong.
"""

from __future__ import annotations

from dataclasses import replace

from shimlet_host.config.fields import entry_node, list_of
from shimlet_host.config.peers import show
from shimlet_host.config.sources import Collected

_KEY = "autoPeering.entryNodes"
_YES = ("true", "1", "yes", "on", "t", "y")  # as pydantic reads them


def leave_out_bad_entry_nodes(collected: Collected) -> None:
    """Move the bad entries from the settings to the warnings, if that is fine."""
    setting = collected.settings.get(_KEY)
    if setting is None:
        return
    try:
        entries = list_of(setting.value)
    except ValueError:
        return
    if not isinstance(entries, list):
        return
    problems = {place: text for place, entry in enumerate(entries) if (text := _problem(entry))}
    good = [entry for place, entry in enumerate(entries) if place not in problems]
    if not problems or not (good or _peers_by_hand(collected)):
        return
    collected.settings[_KEY] = replace(setting, value=good)
    for place, text in problems.items():
        collected.warnings.append(
            f"{setting.source}: {_KEY}: entry {place}, {show(entries[place])}, is left out: {text}"
        )


def _problem(entry: object) -> str:
    try:
        entry_node(entry)
    except ValueError as error:
        return f"{str(error).rstrip('.')}."
    return ""


def _peers_by_hand(collected: Collected) -> bool:
    """Autopeering is off, or there are known peers beside it."""

    def value(key: str) -> object:
        setting = collected.settings.get(key)
        return setting.value if setting else None

    enabled = str(value("autoPeering.enabled")).strip().lower() in _YES
    return not enabled or value("manualPeering.knownPeers") not in (None, [], "", "[]")
