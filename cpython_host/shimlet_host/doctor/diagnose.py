"""Holds the evidence against the table.

In: Evidence. Out: a Finding: the one cause that is shown, or that it cannot be told, with the
candidates. Pure. Called by: pairing a board.
"""

from __future__ import annotations

from dataclasses import dataclass

from shimlet.identity import decode_key

from .evidence import Evidence, Side
from .table import TABLE, Row
from .words import Words

CONNECTED, CANNOT_TELL = "connected", "cannot-tell"


@dataclass(frozen=True, slots=True)
class Finding:
    """`cause` is that of a row, CONNECTED or CANNOT_TELL; `remedy` is a command, "" for none.

    `at` names the side where the command is to be run, if it is not here: "the peer".
    """

    cause: str
    sentence: str
    remedy: str = ""
    candidates: tuple[str, ...] = ()
    at: str = ""


def diagnose(evidence: Evidence, table: tuple[Row, ...] = TABLE) -> Finding:
    """Say why the two are not connected: the first cause that is shown, else the candidates."""
    if evidence.linked:
        return Finding(CONNECTED, "They are connected.")
    verdicts = [(row, row.shown_by(evidence)) for row in table]
    for row, verdict in verdicts:
        if verdict:
            words = Words(evidence, verdict)
            sentence, remedy = (each.format_map(words) for each in (row.sentence, row.remedy))
            return Finding(row.cause, sentence, remedy, at=_where(verdict))
    unsure = (row.cause for row, verdict in verdicts if verdict is None)
    return _cannot_tell(evidence, tuple(dict.fromkeys(unsure)))


def _where(side: Side) -> str:
    """Boards within reach and this node are changed from here; somebody else's machine is not."""
    return "" if side.port or side.url else side.name


def _cannot_tell(evidence: Evidence, candidates: tuple[str, ...]) -> Finding:
    """What may be; a peer that was not asked knows more, and so does its own doctor."""
    named = ", ".join(candidates) if candidates else "none of the known causes"
    sentence = f"Cannot tell; it may be: {named}."
    if evidence.peer.peers is not None:
        return Finding(CANNOT_TELL, sentence, "", candidates)
    ask = f"shimlet doctor {evidence.host.public_key}"
    return Finding(CANNOT_TELL, sentence, ask, candidates, evidence.peer.name)


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
