"""Names and switches of known peers, as the web API is told them.

In: a list of {"publicKey": base58, "alias": text, "enabled": true}, the last two as wanted. Out:
PeerMark records, or a PeerListError that names every bad entry by its place in the list.
"""

from __future__ import annotations

from shimlet_host.config.peers import PeerListError, parse_keys, show
from shimlet_host.model import PeerMark

LONGEST_ALIAS = 64  # characters


def parse_marks(entries: object) -> list[PeerMark]:
    """All of the list, or PeerListError."""
    keys = parse_keys(entries)
    assert isinstance(entries, list)
    marks: list[PeerMark] = []
    problems: list[str] = []
    for place, (key, entry) in enumerate(zip(keys, entries, strict=True)):
        try:
            marks.append(PeerMark(key, _alias(entry.get("alias")), _switch(entry.get("enabled"))))
        except ValueError as error:
            problems.append(f"entry {place}: {error}")
    if problems:
        raise PeerListError(problems)
    return marks


def _alias(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"alias is {show(value)}, but must be text")
    alias = value.strip()
    if len(alias) > LONGEST_ALIAS or not alias.isprintable():
        raise ValueError(f"alias must be at most {LONGEST_ALIAS} characters that can be printed")
    return alias


def _switch(value: object) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise ValueError(f"enabled is {show(value)}, but must be true or false")
    return value
