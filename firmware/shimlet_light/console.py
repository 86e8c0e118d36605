"""Answers questions on the serial line while the node runs.

In: byte 0x1e, a JSON object like {"cmd": "status"}, a line end; at most 256 bytes. Out: byte 0x1e,
a JSON object, a line end; at most 4,096 bytes. A number "id" in the question is repeated in the
answer. Everything else on the line is ignored, and ^C never gets here: it interrupts the node and
gives the REPL. Called by node.py.
"""

import asyncio
import json

MARK = 0x1E
# An ESP32 keeps 260 bytes of the line while the node computes; a longer request could lose some.
MAX_REQUEST = 256
MAX_ANSWER = 4096
_TOO_LONG = '\x1e{"error": "the answer is too long"}\n'
_NO_MEMORY = '\x1e{"error": "there is not enough memory for this answer now"}\n'


class Console:
    """Takes bytes one by one. `commands`: name -> function of (node, request), both ways a dict;
    `write` takes text.
    """

    def __init__(self, node, commands: dict, write) -> None:
        self.node = node
        self.commands = commands
        self.write = write
        self.on_key = None  # a function that gets each byte that is no part of a request
        self._line = bytearray()
        self._open = False  # a mark came, and no line end yet
        self._busy = False  # with a request that takes longer

    async def run(self, stream) -> None:
        """Read `stream` (await read(1) -> bytes) until it ends."""
        while True:
            byte = await stream.read(1)
            if byte:
                self._take(ord(byte))
            elif byte is not None:
                return

    def _take(self, byte: int) -> None:
        try:
            self.feed(byte)
        except MemoryError:  # before there was anything to answer
            self._open = False
            self.write(_NO_MEMORY)

    def feed(self, byte: int) -> None:
        """One byte of the line. A mark always starts a new request."""
        if byte == MARK:
            self._open = True
            self._line = bytearray()
        elif self._open and byte == 10:
            self._open = False
            line = bytes(self._line)
            self._line = bytearray()  # it may hold a password
            self._answer(line)
        elif self._open and len(self._line) + 2 >= MAX_REQUEST:
            self._open = False
            self._write({"error": f"a request has at most {MAX_REQUEST} bytes"})
        elif self._open:
            self._line.append(byte)
        elif self.on_key is not None:
            self.on_key(byte)

    def _answer(self, line: bytes) -> None:
        answer = {}
        try:
            request = _request(line)
            if isinstance(request.get("id"), int):
                answer["id"] = request["id"]
            done = self._run(request)
            if not isinstance(done, dict):  # a coroutine
                return self._answer_later(answer, done)
            _add(answer, done)
        except Exception as error:
            return self._refuse(answer, error)
        self._write(answer)

    def _answer_later(self, answer: dict, coroutine) -> None:
        """Answer when it is done. One at a time: each takes memory, and the next wait outside."""
        if self._busy:
            coroutine.close()
            raise ValueError("a request is still being worked on: ask again after its answer")
        asyncio.create_task(self._finish(answer, coroutine))  # noqa: RUF006 - it is kept
        self._busy = True

    async def _finish(self, answer: dict, coroutine) -> None:
        try:
            _add(answer, await coroutine)
        except Exception as error:
            return self._refuse(answer, error)
        finally:
            self._busy = False
        self._write(answer)

    def _refuse(self, answer: dict, error: Exception) -> None:
        if isinstance(error, MemoryError):
            return self.write(_NO_MEMORY)
        if isinstance(error, ValueError):
            answer["error"] = str(error)
        else:  # a mistake of ours, which must not end the line
            self.node.fault(error)
            answer["error"] = "the command failed; the log tells where"
        self._write(answer)

    def _run(self, request: dict) -> dict:
        command = request.get("cmd")
        if isinstance(command, str) and command in self.commands:
            return self.commands[command](self.node, request)
        known = ", ".join(sorted(self.commands))
        raise ValueError(f"unknown cmd; known are {known}")

    def _write(self, answer: dict) -> None:
        self.write(_fitting(answer))


def _request(line: bytes) -> dict:
    """The JSON object in a line. ValueError: a sentence."""
    try:
        request = json.loads(line)
    except (ValueError, RuntimeError):  # RuntimeError: nested too deeply
        request = None
    if not line.rstrip().endswith(b"}"):  # MicroPython 1.25 takes JSON that ends too early
        request = None
    if not isinstance(request, dict):
        raise ValueError('write a JSON object like {"cmd": "status"}')
    return request


def _add(answer: dict, done: dict) -> None:
    """Complete the answer, whose "id" stays that of the request."""
    for name in done:
        answer.setdefault(name, done[name])


def _fitting(answer: dict) -> str:
    """The answer as a marked line within its limit and the memory: of a long list the first
    entries go.
    """
    while True:
        try:
            text = json.dumps(answer)
            if _bytes(text) + 2 <= MAX_ANSWER:
                return "".join(("\x1e", text, "\n"))  # one copy: it may be long
            instead = _TOO_LONG
        except MemoryError:
            instead = _NO_MEMORY
        if not _shorten(answer):
            return instead


def _shorten(answer: dict) -> bool:
    """Drop the first entry of a list that is no more than news; False: there is none."""
    for name in ("log", "problems"):
        if answer.get(name):
            answer[name].pop(0)
            return True
    return False


def _bytes(text: str) -> int:
    """How many bytes the text has. MicroPython can look at them without a copy."""
    try:
        return len(memoryview(text))
    except TypeError:
        return len(text.encode())
