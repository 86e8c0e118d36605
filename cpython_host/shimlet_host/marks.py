"""Names and switches of known peers, as the web API is told them.

In: a list of {"publicKey": base58, "alias": text, "enabled": true}, the last two as wanted. Out:
PeerMark records, or a PeerListError that names every bad entry by its place in the list.
"""

from __future__ import annotations

from shimlet_host.config.peers import PeerListError, alias_of, parse_keys, switch_of
from shimlet_host.model import PeerMark


def parse_marks(entries: object) -> list[PeerMark]:
    """All of the list, or PeerListError."""
    keys = parse_keys(entries)
    assert isinstance(entries, list)
    marks: list[PeerMark] = []
    problems: list[str] = []
    for place, (key, entry) in enumerate(zip(keys, entries, strict=True)):
        try:
            marks.append(PeerMark(key, alias_of(entry), switch_of(entry)))
        except ValueError as error:
            problems.append(f"entry {place}: {error}")
    if problems:
        raise PeerListError(problems)
    return marks
