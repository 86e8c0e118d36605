"""A running node answers on its serial line: no request is lost, nothing stops the node."""

import json
import os
import pty
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from shimlet_host.board.deploy import deploy
from shimlet_host.board.emulator import VirtualBoard
from shimlet_host.board.line import (
    ANSWER_LIMIT,
    MARK,
    REQUEST_LIMIT,
    BoardLine,
    LineError,
    LineReader,
    ask,
    decode,
    encode,
    wait_for_node,
)
from shimlet_light.console import MARK as MARK_BYTE
from shimlet_light.console import MAX_ANSWER, MAX_REQUEST

# A console as a node has one, beside a task that prints. sys.stdin itself would not do: it
# decodes, so half a character blocks the loop and a wrong one raises; read(1) never waits.
CONSOLE = b"""
import asyncio, json, sys
async def console():
    reader = asyncio.StreamReader(sys.stdin.buffer)
    count = 0
    line = None
    while True:
        c = await reader.read(1)
        if c == b"\\x1e":
            line = bytearray()
        elif c == b"\\n" and line is not None:
            count += 1
            request = json.loads(line)
            line = None
            sys.stdout.write("\\x1e" + json.dumps({"count": count, "id": request["id"]}) + "\\n")
        elif line is not None and len(line) < 256:
            line.extend(c)
async def main():
    asyncio.create_task(console())
    n = 0
    while True:
        await asyncio.sleep_ms(1)
        n += 1
        print("message", n)
asyncio.run(main())
"""


@pytest.fixture
def board(tmp_path: Path) -> Iterator[VirtualBoard]:
    with VirtualBoard(tmp_path / "flash.img") as running:
        yield running


@pytest.fixture
def console(board: VirtualBoard) -> VirtualBoard:
    deploy(board.device, {"main.py": CONSOLE})
    wait_for_node(board.device, 10)
    return board


def test_thousand_requests_are_answered_while_the_program_prints(console: VirtualBoard) -> None:
    printed: list[str] = []
    with BoardLine(console.device, printed.append) as line:
        first = line.ask({"cmd": "status"})["count"]
        counts = [line.ask({"cmd": "status"})["count"] for _ in range(1000)]
    assert counts == list(range(first + 1, first + 1001))
    numbers = [int(text.split()[1]) for text in printed if text.startswith("message")]
    assert len(numbers) > 100
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_asking_does_not_restart_or_interrupt_the_program(console: VirtualBoard) -> None:
    counts = [ask(console.device, {"cmd": "status"})["count"] for _ in range(5)]
    assert counts == list(range(counts[0], counts[0] + 5))


def test_bytes_that_are_no_text_do_not_stop_the_console(console: VirtualBoard) -> None:
    with serial.Serial(console.device, exclusive=True) as port:
        port.write(bytes(range(0x80, 0x100)) + b"\x1e\xff")
    assert ask(console.device, {"cmd": "status"})["count"] > 0


def test_interrupt_beside_the_console_gives_the_repl(console: VirtualBoard) -> None:
    with serial.Serial(console.device, timeout=30, exclusive=True) as port:
        port.write(b"\x03")
        assert port.read_until(b">>> ").endswith(b">>> ")


def test_board_without_a_node_is_an_error_and_its_program_goes_on(board: VirtualBoard) -> None:
    program = b"import time\nn = 0\nwhile True:\n n += 1\n print(n)\n time.sleep(0.01)\n"
    deploy(board.device, {"main.py": program})
    printed: list[str] = []
    with BoardLine(board.device, printed.append) as line:
        line.listen(0.2)
        with pytest.raises(LineError, match=r"does not answer within 0\.2 s: no node runs there"):
            line.ask({"cmd": "status"}, timeout_s=0.2)
        line.listen(0.2)
    assert [int(text) for text in printed] == list(range(int(printed[0]), int(printed[-1]) + 1))


def test_pulled_plug_is_an_error(console: VirtualBoard) -> None:
    with BoardLine(console.device) as line:
        console.kill()
        with pytest.raises(LineError, match=r"The line to .* is cut"):
            line.ask({"cmd": "status"})


def test_device_that_is_absent_or_in_use_is_named(board: VirtualBoard) -> None:
    with pytest.raises(LineError, match=r"There is no device /dev/nowhere\."):
        ask("/dev/nowhere", {"cmd": "status"})
    with (
        BoardLine(board.device),
        pytest.raises(LineError, match="is in use by another program"),
    ):
        ask(board.device, {"cmd": "status"})


@pytest.fixture
def far_end() -> Iterator[tuple[int, str]]:
    """A serial line whose other end is the test."""
    terminal, slave = pty.openpty()
    tty.setraw(slave)
    yield terminal, os.ttyname(slave)
    os.close(terminal)
    os.close(slave)


def request_at(terminal: int) -> dict[str, object]:
    data = b""
    while not data.endswith(b"\n"):
        data += os.read(terminal, 256)
    request: dict[str, object] = json.loads(data.removeprefix(b"\x1e"))
    return request


def test_late_answer_is_not_taken_for_the_next_one(far_end: tuple[int, str]) -> None:
    terminal, device = far_end

    def answer() -> None:
        late, next_ = request_at(terminal)["id"], request_at(terminal)["id"]
        for number, text in ((late, "late"), (next_, "next")):
            os.write(terminal, b'\x1e{"id": %d, "is": "%s"}\n' % (number, text.encode()))

    with BoardLine(device) as line:
        board = threading.Thread(target=answer)
        board.start()
        assert line.try_ask({"cmd": "status"}, 0.05) is None
        assert line.ask({"cmd": "status"}) == {"is": "next"}
        board.join()


def test_answer_without_an_id_is_taken(far_end: tuple[int, str]) -> None:
    terminal, device = far_end
    with BoardLine(device) as line:
        os.write(terminal, b'\x1e{"state": "connected"}\r\n')
        assert line.ask({"cmd": "peers"}) == {"state": "connected"}


def test_answer_that_is_no_object_is_an_error(far_end: tuple[int, str]) -> None:
    terminal, device = far_end
    with BoardLine(device) as line:
        os.write(terminal, b"\x1e[1, 2\n")
        with pytest.raises(LineError, match=r"not a JSON object: b'\[1, 2'"):
            line.ask({"cmd": "peers"})


def test_both_ends_of_the_line_have_the_same_limits() -> None:
    assert (REQUEST_LIMIT, ANSWER_LIMIT) == (MAX_REQUEST, MAX_ANSWER)
    assert bytes([MARK_BYTE]) == MARK


def test_request_beyond_the_limit_is_refused_before_it_is_sent() -> None:
    assert len(encode({"cmd": "x" * 244})) == 256
    with pytest.raises(LineError, match="has 257 bytes; 256 is the most"):
        encode({"cmd": "x" * 245})


def test_a_request_is_sent_in_utf_8_and_what_is_no_text_is_refused() -> None:
    assert (
        encode({"cmd": "wifi", "ssid": "\u20ac"}) == b'\x1e{"cmd":"wifi","ssid":"\xe2\x82\xac"}\n'
    )
    with pytest.raises(LineError, match="no text in UTF-8"):
        encode({"cmd": "wifi", "ssid": "\udcff"})


STREAM = b'boot\r\nhalf a line\x1e{"a": 1}\r\nmore\n\x1e{"b": 2}\n'
LINES = [(False, b"boot"), (False, b"half a line"), (True, b'{"a": 1}'), (False, b"more")]


@pytest.mark.parametrize("size", range(1, len(STREAM) + 1))
def test_lines_come_apart_the_same_however_they_arrive(size: int) -> None:
    reader = LineReader()
    pieces = [STREAM[start : start + size] for start in range(0, len(STREAM), size)]
    assert [line for p in pieces for line in reader.feed(p)] == [*LINES, (True, b'{"b": 2}')]


def test_endless_line_comes_in_pieces_and_is_never_an_answer() -> None:
    reader = LineReader()
    found = list(reader.feed(b"\x1e"))
    for _ in range(100):
        found += reader.feed(b"x" * 1000)
        assert len(reader._line) < ANSWER_LIMIT
    assert len(found) > 10 and not any(marked for marked, _ in found)
    assert list(reader.feed(b'\n\x1e{"a": 1}\n'))[-1] == (True, b'{"a": 1}')


def test_a_peers_last_error_gets_its_sentence() -> None:
    answer = decode(b'{"peers": [{"lastError": "key-mismatch"}, {"lastError": ""}, 7]}')
    assert "public key" in answer["peers"][0]["lastErrorText"]
    assert answer["peers"][1]["lastErrorText"] == ""
    assert decode(b'{"peers": 3}') == {"peers": 3}
