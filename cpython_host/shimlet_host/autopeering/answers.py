"""The PeeringRequests that were answered lately: a repeated one gets the same answer again.

Existing nodes repeat a request byte for byte when an answer is late; deciding anew could undo what
was decided. Bounded, oldest forgotten first. Called by selection.py.
"""

from __future__ import annotations

from typing import NamedTuple

from shimlet_host.autopeering.parameters import MAX_REPEATS


class Answer(NamedTuple):
    """What a request was answered, and to which IP."""

    ip: str
    status: bool


class Answers:
    """Answers by public key and hash of the request."""

    def __init__(self) -> None:
        self._answers: dict[tuple[bytes, bytes], Answer] = {}

    def find(self, public_key: bytes, req_hash: bytes) -> Answer | None:
        """The answer that this very request had."""
        return self._answers.get((public_key, req_hash))

    def keep(self, public_key: bytes, req_hash: bytes, answer: Answer) -> None:
        """Remember an answer."""
        self._answers[(public_key, req_hash)] = answer
        if len(self._answers) > MAX_REPEATS:
            del self._answers[next(iter(self._answers))]
