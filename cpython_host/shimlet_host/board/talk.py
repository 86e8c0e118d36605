"""What people want of a running node, as questions on its serial line: it is never stopped.

In: the device path, and what to change. Out: the node's answers, or LineError with a sentence.
Called by: cli/board_line.py, `pair`. The keys of the answers are those of firmware/README.md, "The
serial line". Nothing is changed on a board whose node does not answer a question first: a REPL
would show and keep what was sent, a password too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from shimlet.identity import decode_key, parse_address

from .line import Answer, BoardLine, LineError, StoppedError, ask

CHANGE_S = 10.0  # flash may be slow
FOLLOW_S = 1.0  # between two questions for new lines
PATIENCE_S = 30.0  # a board that is followed may restart


class RefusedError(LineError):
    """The node refused a request; nothing has changed there."""


@dataclass(frozen=True)
class LogLine:
    """One line of a board's log. `when`: unix seconds; `count`: how often it came in a row."""

    when: float
    text: str
    count: int = 1


def status(device: str) -> Answer:
    """The node at a glance."""
    return granted(ask(device, {"cmd": "status"}))


def peers(device: str) -> Answer:
    """The known peers with their states, and the callers that wait to be listed."""
    return granted(ask(device, {"cmd": "peers"}))


def log(device: str) -> list[LogLine]:
    """What the node remembers of its log, oldest first."""
    return list(_Follower().take(ask(device, {"cmd": "log"})))


def add_peer(device: str, public_key: str, address: str) -> Answer:
    """List a peer, or give it a new address: "change" is "added", "address" or "none"."""
    return change(device, {"cmd": "peers-add", "publicKey": public_key, "address": address})


def remove_peer(device: str, public_key: str) -> Answer:
    """Take a peer off the list and close its link."""
    return change(device, {"cmd": "peers-remove", "publicKey": public_key})


def set_wifi(device: str, ssid: str, password: str) -> Answer:
    """Give the board a network; "connects" tells whether it connects to it now."""
    return change(device, {"cmd": "wifi", "ssid": ssid, "password": password})


def change(device: str, request: dict[str, object]) -> Answer:
    """The answer to a request that changes something, once a node is known to listen."""
    with BoardLine(device) as line:
        line.ask({"cmd": "status"})
        answer = line.try_ask(request, CHANGE_S)
    if answer is None:
        raise LineError(
            f"The board on {device} did not answer in time, so the change may be made or not:"
            " look before you try again."
        )
    return granted(answer)


def granted(answer: Answer) -> Answer:
    """The answer, unless it is a refusal."""
    error = answer.get("error")
    if error is None:
        return answer
    text = f"The board says: {str(error).rstrip('.')}."
    if "unknown cmd" in text:
        text += " Its firmware is older than this program: `shimlet board flash` renews it."
    raise RefusedError(text)


def peer_of(text: str, address: str | None = None) -> tuple[str, str]:
    """Key and address of "key@host:port", or of the two apart; raises ValueError."""
    if address is None:
        text, at, address = text.partition("@")
        if not at:
            raise ValueError("an address is missing: write KEY ADDRESS, or KEY@HOST:PORT")
    decode_key(text)
    parse_address(address)
    return text, address


def follow(
    device: str, pause_s: float = FOLLOW_S, patience_s: float = PATIENCE_S
) -> Iterator[LogLine]:
    """The log, then each new line, until the board is silent for `patience_s`: LineError.

    Restarts are survived and said.
    """
    follower = _Follower()
    deadline = 0.0  # the first question must be answered at once
    while True:
        try:
            with BoardLine(device) as line:
                while True:
                    answer = line.ask({"cmd": "log", "since": follower.last})
                    deadline = time.monotonic() + patience_s
                    yield from follower.take(answer)
                    line.listen(pause_s)
        except StoppedError:
            raise
        except LineError:
            if time.monotonic() > deadline:
                raise
            time.sleep(min(pause_s, 0.2))


class _Follower:
    """Knows which line was the last, and what the numbers tell of restarts and of lost lines."""

    def __init__(self) -> None:
        self.last = 0
        self._uptime = 0

    def take(self, answer: Answer) -> Iterator[LogLine]:
        """The new lines of an answer."""
        now = time.time()
        last, uptime = _number(granted(answer), "last"), _number(answer, "uptime")
        if uptime < self._uptime or last < self.last:
            self._uptime = self.last = 0
            yield LogLine(now, "(the board has restarted)")
            return  # the next answer brings the log from its first line
        lines = list(_lines(answer, now))
        lost = last - self.last - sum(line.count for line in lines)
        if self.last and lost > 0:
            yield LogLine(now, f"({lost} lines are lost: more came than the board keeps)")
        self.last, self._uptime = last, uptime
        yield from lines


def _number(answer: Answer, name: str) -> int:
    number = answer.get(name, 0)
    return number if isinstance(number, int) else 0


def _lines(answer: Answer, now: float) -> Iterator[LogLine]:
    """The well-formed lines of an answer; a board may be anything."""
    lines = answer.get("log")
    for line in lines if isinstance(lines, list) else []:
        match line:
            case [int() | float() as age, str() as text, int() as count]:
                yield LogLine(now - age, text, count)
