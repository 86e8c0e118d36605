"""The whole manual pairing of a running board and a running full node in one go.

In: the board's serial device, the full node's web API, and what the user wants. Out: the link with
the proof that messages pass, or the doctor's finding. Both sides are asked and told while they
run; doing it twice changes nothing. Called by: cli/pair.py. Errors are HostErrors with a sentence.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from shimlet.identity import format_address, parse_address

from shimlet_host.doctor.api import NodeApiClient
from shimlet_host.doctor.diagnose import CONNECTED, Finding, diagnose, who_dials
from shimlet_host.doctor.evidence import REFUSED, Evidence
from shimlet_host.doctor.gather import (
    ask_board,
    board_reach,
    gather_with_board,
    host_side,
    without_other_loopback,
)
from shimlet_host.doctor.probe import probe

from .dial_at import Choose, take_address
from .dial_from import BOARD, HOST, Say, take_direction
from .line import Answer, BoardLine
from .talk import CHANGE_S, granted

LINK_S = 20.0  # one dial after a failed one comes within the reconnect interval, 5 s
LOOK_S = 2.0  # then it is looked whether the port is closed
CLOSED_LOOKS = 2  # that find it closed: a board may have started a moment ago
PROOF_S = 10.0
NTP_S = 12.0  # for a board to ask the time servers one after the other, 2 s each
MOST_SERVERS = 4  # that a board takes
POLL_S = 0.1
TOLERATED_S = 2.0  # a clock that is off by less is right: the line tells whole seconds


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user wants otherwise than found out; "" is nothing."""

    host_address: str = ""  # where the board is to dial the full node: IP, or IP:port
    board_address: str = ""
    dial_from: str = ""  # BOARD or HOST: a new identity for the board, if its key needs one
    link_s: float = LINK_S


@dataclass(frozen=True, slots=True)
class Paired:
    """What came out. `finding` says why there is no link; `who` who dials and why."""

    linked: bool
    board_key: str
    board_address: str
    host_key: str
    host_address: str
    dialler: str
    who: str
    to_board: bool = False
    to_host: bool = False
    finding: Finding | None = None


def check(port: str, api: NodeApiClient) -> tuple[Finding, str]:
    """Only look: why the two are not connected, and who dials. Nothing is changed."""
    host_side(api)  # first: without it nothing else can be told
    with BoardLine(port) as line:
        evidence = gather_with_board(api, line, port)
    return diagnose(evidence), who_dials(evidence)


def pair(port: str, api: NodeApiClient, wishes: Wishes, say: Say, choose: Choose) -> Paired:
    """Make the two known to each other and wait for the link."""
    host_side(api)
    if wishes.dial_from:
        take_direction(port, api, wishes.dial_from, say)
    with BoardLine(port) as line:
        return _Pairing(line, port, api, wishes, say, choose).run()


class _Pairing:
    """One run, while the line to the board is open."""

    def __init__(
        self,
        line: BoardLine,
        port: str,
        api: NodeApiClient,
        wishes: Wishes,
        say: Say,
        choose: Choose,
    ) -> None:
        self.line = line
        self.port = port
        self.api = api
        self.wishes = wishes
        self.say = say
        self.choose = choose
        self.board = ask_board(line, port)
        self.host = without_other_loopback(host_side(api), self.board)

    def run(self) -> Paired:
        """Clock, lists, link, proof."""
        evidence = Evidence(self.host, self.board)
        dialler = BOARD if evidence.dialler is self.board else HOST
        host_address, board_address = self._addresses()
        if self.board.clock_is_set:  # and may be wrong: mended before the first dial
            self._set_clock(host_address)
        self._introduce(dialler, host_address, board_address)
        if not self.board.clock_is_set:  # nobody dials before; a time server is a known peer's
            self._set_clock(host_address)
        paired = Paired(
            self._await_link(dialler, host_address, board_address),
            self.board.public_key,
            board_address,
            self.host.public_key,
            host_address,
            dialler,
            who_dials(evidence),
        )
        return self._prove(paired) if paired.linked else self._explain(paired)

    def _addresses(self) -> tuple[str, str]:
        """Where the board is to dial the full node, and where the full node is to dial it."""
        host, board, wishes = self.host, self.board, self.wishes
        return (
            take_address(host, board, wishes.host_address, self.choose),
            take_address(board, host, wishes.board_address, self.choose),
        )

    # The clock

    def _set_clock(self, host_address: str) -> None:
        """A board whose clock is not set, or was set by nobody who knows, gets the time."""
        board, host = self.board, self.host
        if board.clock_ahead_s is not None and host.clock_ahead_s is not None:
            off_s = abs(board.clock_ahead_s - host.clock_ahead_s)
            if off_s <= TOLERATED_S or board.clock_source in ("ntp", "desktop"):
                return
        if not host.clock_is_set:
            return
        if not self._set_by_time_server(parse_address(host_address)[0]):
            unix_time = round(time.time() + (host.clock_ahead_s or 0))
            self._tell({"cmd": "time", "unixTime": unix_time})
            self.say("The board's clock is set, over the serial line.")

    def _set_by_time_server(self, host_ip: str) -> bool:
        """Have the board ask the full node for the time, too, if that answers questions."""
        server = self.api.info().get("timeServer")
        if not isinstance(server, dict):
            return False
        address = format_address(host_ip, parse_address(str(server.get("address")))[1])
        known = [each for each in self._status().get("ntp") or () if each != address]
        self._tell({"cmd": "clock", "ntp": [*known[: MOST_SERVERS - 1], address]})
        if _within(NTP_S, self._has_the_time):
            self.say(
                f"The board asks the full node for the time now, {address}, and its clock is set."
            )
            return True
        self.say(f"The full node's time server does not answer the board at {address} over UDP.")
        return False

    def _has_the_time(self) -> bool:
        clock = self._status().get("clock")
        return isinstance(clock, dict) and clock.get("source") in ("ntp", "desktop")

    # Introducing them

    def _introduce(self, dialler: str, host_address: str, board_address: str) -> None:
        """Tell each side of the other, first the one who waits, so that the first dial works."""

        def tell_board() -> None:
            key = self.host.public_key
            self._tell({"cmd": "peers-add", "publicKey": key, "address": host_address})
            self.say(f"The board knows the full node: {key} at {host_address}.")

        def tell_host() -> None:
            self.api.add_peer(self.board.public_key, board_address)
            self.say(f"The full node knows the board: {self.board.public_key} at {board_address}.")

        steps = (tell_host, tell_board) if dialler == BOARD else (tell_board, tell_host)
        for step in (self._forget_old_keys, *steps):
            step()

    def _forget_old_keys(self) -> None:
        """A key that is dialled at the other's address, and is not the other's, breaks the link
        again and again.
        """
        old = self.host.wrong_listing(self.board)
        if old is not None:
            self.api.remove_peer(old.public_key)
            self.say(f"The full node forgets {old.public_key}, which it listed at that address.")
        old = self.board.wrong_listing(self.host)
        if old is not None:
            self._tell({"cmd": "peers-remove", "publicKey": old.public_key})
            self.say(f"The board forgets {old.public_key}, which it listed at that address.")

    def _tell(self, request: dict[str, object]) -> Answer:
        answer = self.line.try_ask(request, CHANGE_S)
        if answer is None:
            raise self.line.silence(CHANGE_S)
        return granted(answer)

    def _status(self) -> Answer:
        return granted(self.line.ask({"cmd": "status"}))

    # The link

    def _await_link(self, dialler: str, host_address: str, board_address: str) -> bool:
        """Whether it comes up in time; nobody waits for a port that is closed."""
        for look in range(1, CLOSED_LOOKS + 1):
            if _within(min(LOOK_S, self.wishes.link_s), self._is_linked):
                return True
            if not self._is_closed(dialler, host_address, board_address):
                return _within(self.wishes.link_s - look * LOOK_S, self._is_linked)
        return False

    def _is_closed(self, dialler: str, host_address: str, board_address: str) -> bool:
        """Whether nobody listens where the dialling side dials."""
        if dialler == BOARD:
            return board_reach(self.line, host_address) == REFUSED
        return self._status().get("listening") is False or probe(board_address) == REFUSED

    def _is_linked(self) -> bool:
        return any(
            peer.get("publicKey") == self.board.public_key
            and peer.get("connectionStatus") == "connected"
            for peer in self.api.peers()
        )

    def _explain(self, paired: Paired) -> Paired:
        finding = diagnose(gather_with_board(self.api, self.line, self.port))
        if finding.cause == CONNECTED:  # it took a little longer
            return self._prove(replace(paired, linked=True))
        return replace(paired, finding=finding)

    # The proof

    def _prove(self, paired: Paired) -> Paired:
        """One message each way."""
        return replace(paired, to_board=self._reaches_board(), to_host=self._reaches_host())

    def _reaches_board(self) -> bool:
        before = self._received()
        self.api.publish(f"Shimlet pairing, to the board: {secrets.token_hex(8)}")
        return _within(PROOF_S, lambda: self._received() > before)

    def _received(self) -> int:
        """How many messages the board got from the full node."""
        answer = granted(self.line.ask({"cmd": "peers"}))
        for peer in answer.get("peers") or ():
            if peer.get("publicKey") == self.host.public_key:
                return int(peer.get("in") or 0)
        return 0

    def _reaches_host(self) -> bool:
        text = f"Shimlet pairing, to the full node: {secrets.token_hex(8)}"
        self._tell({"cmd": "publish", "text": text})
        return _within(PROOF_S, lambda: self._arrived(text))

    def _arrived(self, text: str) -> bool:
        return any(
            message.get("payload") == text and message.get("source") == self.board.public_key
            for message in self.api.messages(100)
        )


def _within(duration_s: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + duration_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
