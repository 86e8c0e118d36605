"""Holds the evidence against the table.

In: Evidence. Out: a Finding: the one cause that is shown, or that it cannot be told, with the
candidates. Pure. Called by: pairing a board.
"""

from __future__ import annotations

from dataclasses import dataclass

from shimlet.identity import decode_key

from .evidence import Evidence
from .table import TABLE, Row
from .words import Words

CONNECTED, CANNOT_TELL = "connected", "cannot-tell"


@dataclass(frozen=True, slots=True)
class Finding:
    """`cause` is that of a row, CONNECTED or CANNOT_TELL; `remedy` is a command, "" for none."""

    cause: str
    sentence: str
    remedy: str = ""
    candidates: tuple[str, ...] = ()


def diagnose(evidence: Evidence, table: tuple[Row, ...] = TABLE) -> Finding:
    """Say why the two are not connected: the first cause that is shown, else the candidates."""
    if evidence.linked:
        return Finding(CONNECTED, "They are connected.")
    verdicts = [(row, row.shown_by(evidence)) for row in table]
    for row, verdict in verdicts:
        if verdict:
            words = Words(evidence, verdict)
            return Finding(row.cause, row.sentence.format_map(words), row.remedy.format_map(words))
    unsure = (row.cause for row, verdict in verdicts if verdict is None)
    return _cannot_tell(tuple(dict.fromkeys(unsure)))


def _cannot_tell(candidates: tuple[str, ...]) -> Finding:
    named = ", ".join(candidates) if candidates else "none of the known causes"
    return Finding(CANNOT_TELL, f"Cannot tell; it may be: {named}.", "", candidates)


def shown_causes(evidence: Evidence) -> list[str]:
    """The causes of all rows that the evidence shows."""
    return [row.cause for row in TABLE if row.shown_by(evidence)]


def who_dials(evidence: Evidence) -> str:
    """Which side dials, and why."""
    dialler, waiter = evidence.dialler, evidence.waiter
    smaller, larger = (decode_key(side.public_key).hex()[:8] for side in (dialler, waiter))
    first = dialler.name[0].upper() + dialler.name[1:]
    return (
        f"{first} dials, because its key is smaller: {smaller}... < {larger}...;"
        f" {waiter.name} waits."
    )
