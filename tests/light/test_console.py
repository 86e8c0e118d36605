"""The serial line: what it answers, what it ignores, and that nothing is answered without end."""

import asyncio
import json

from shimlet_light.console import MAX_ANSWER, MAX_REQUEST, Console


class Fake:
    """A console that answers into a list."""

    def __init__(self, **commands):
        self.written = []
        self.faults = []
        self.console = Console(self, commands, self.written.append)

    def fault(self, error):
        """See LightNode."""
        self.faults.append(error)

    def send(self, data):
        """The answers that these bytes bring."""
        del self.written[:]
        for byte in data:
            self.console.feed(byte)
        assert all(text[0] == "\x1e" and text[-1] == "\n" for text in self.written)
        return [json.loads(text[1:]) for text in self.written]


def a_node():
    """A console that knows one status."""
    return Fake(status=lambda node, request: {"name": "x"}, log=lambda node, request: {"log": []})


def test_a_marked_line_is_answered_once():
    assert a_node().send(b'\x1e{"cmd":"status"}\n') == [{"name": "x"}]
    assert a_node().send(b'\x1e{"cmd":"status"}\r\n') == [{"name": "x"}]


def test_the_number_of_a_question_comes_back():
    assert a_node().send(b'\x1e{"cmd":"status","id":7}\n') == [{"name": "x", "id": 7}]


def test_everything_without_a_mark_is_ignored():
    assert a_node().send(b'{"cmd":"status"}\nprint(1)\r\n\x00\xff\xc3\n') == []


def test_a_mark_starts_anew():
    assert a_node().send(b'\x1e{"cmd\x1e{"cmd":"status"}\n{"cmd":"status"}\n') == [{"name": "x"}]


def test_bytes_may_come_in_any_pieces():
    fake = a_node()
    assert fake.send(b'\x1e{"cmd":') == []
    assert fake.send(b'"status"}\n\x1e') == [{"name": "x"}]
    assert fake.send(b'{"cmd":"status"}\n') == [{"name": "x"}]


def test_broken_and_unknown_requests_get_an_error_each():
    for data in (b"", b"nope", b"[]", b"5", b'"status"', b"null", b"\xff\xfe", b'{"cmd":"log"'):
        answers = a_node().send(b"\x1e" + data + b"\n")
        assert len(answers) == 1 and list(answers[0]) == ["error"], (data, answers)
    for data in (b"{}", b'{"cmd":"reset"}', b'{"cmd":["status"]}', b'{"cmd":{}}', b'{"cmd":1}'):
        answers = a_node().send(b"\x1e" + data + b"\n")
        assert answers == [{"error": "unknown cmd; known are log, status"}], (data, answers)


def test_the_longest_request_is_taken_and_a_longer_one_refused_once():
    request = b'\x1e{"cmd":"status","x":"' + b"y" * 400
    longest = request[: MAX_REQUEST - 3] + b'"}\n'
    assert len(longest) == MAX_REQUEST
    assert a_node().send(longest) == [{"name": "x"}]
    too_long = request[: MAX_REQUEST - 2] + b'"}\n'
    fake = a_node()
    assert fake.send(too_long + b"y" * 1000) == [{"error": "a request has at most 256 bytes"}]
    assert fake.send(b'\x1e{"cmd":"status"}\n') == [{"name": "x"}]


def test_an_answer_never_exceeds_its_limit():
    lines = [[i, "x" * 100, 1] for i in range(100)]
    fake = Fake(
        log=lambda node, request: {"log": list(lines)},
        status=lambda node, request: {"name": "x" * MAX_ANSWER},
    )
    answer = fake.send(b'\x1e{"cmd":"log"}\n')[0]
    assert len(fake.written[0]) <= MAX_ANSWER
    assert answer["log"][-1] == lines[-1] and len(answer["log"]) > 20
    lines[:] = [[i, "\u20ac" * 100, 1] for i in range(30)]
    answer = fake.send(b'\x1e{"cmd":"log"}\n')[0]
    assert len(fake.written[0].encode()) <= MAX_ANSWER
    assert answer["log"][-1] == lines[-1]
    assert fake.send(b'\x1e{"cmd":"status"}\n') == [{"error": "the answer is too long"}]


def test_a_command_without_memory_is_an_error_and_the_next_one_works():
    def greedy(node, request):
        raise MemoryError

    fake = Fake(status=greedy, log=lambda node, request: {"log": []})
    assert "memory" in fake.send(b'\x1e{"cmd":"status"}\n')[0]["error"]
    assert fake.send(b'\x1e{"cmd":"log"}\n') == [{"log": []}]


def test_a_command_gets_the_whole_request_and_its_refusal_is_the_answer():
    def refuse(node, request):
        raise ValueError("x is %d" % request["x"])

    fake = Fake(refuse=refuse)
    assert fake.send(b'\x1e{"cmd":"refuse","x":5,"id":1}\n') == [{"error": "x is 5", "id": 1}]
    assert fake.faults == []


def test_a_mistake_in_a_command_is_a_fault_and_the_line_goes_on():
    fake = Fake(broken=lambda node, request: request["nothing"], log=lambda node, request: {})
    assert "failed" in fake.send(b'\x1e{"cmd":"broken"}\n')[0]["error"]
    assert len(fake.faults) == 1 and isinstance(fake.faults[0], KeyError)
    assert fake.send(b'\x1e{"cmd":"log"}\n') == [{}]


def test_the_number_of_a_question_is_not_taken_by_the_answer():
    fake = Fake(publish=lambda node, request: {"id": "other", "x": 1})
    assert fake.send(b'\x1e{"cmd":"publish","id":7}\n') == [{"id": 7, "x": 1}]


def test_one_slow_request_is_worked_on_at_a_time_and_the_others_go_on():
    gate = asyncio.Event()
    fails = []

    async def slow(node, request):
        await gate.wait()
        if fails:
            raise ValueError("it was in vain")
        return {"slow": request["x"]}

    fake = Fake(slow=slow, log=lambda node, request: {"log": []})

    async def ask():
        gate.clear()
        assert fake.send(b'\x1e{"cmd":"slow","x":1,"id":1}\n') == []
        refusal = fake.send(b'\x1e{"cmd":"slow","x":2,"id":2}\n')
        assert len(refusal) == 1 and refusal[0]["id"] == 2 and "still" in refusal[0]["error"]
        assert fake.send(b'\x1e{"cmd":"log","id":3}\n') == [{"id": 3, "log": []}]
        del fake.written[:]
        gate.set()
        for _ in range(5):
            await asyncio.sleep(0)
        return json.loads(fake.written[0][1:])

    async def main():
        assert await ask() == {"id": 1, "slow": 1}
        fails.append(1)
        assert await ask() == {"id": 1, "error": "it was in vain"}
        fails.pop()
        assert await ask() == {"id": 1, "slow": 1}

    asyncio.run(main())
    assert fake.faults == []


class Pieces:
    """A stream that has some bytes, then nothing yet, then its end."""

    def __init__(self, data):
        self.bytes = [data[i : i + 1] for i in range(len(data))] + [None, b""]

    async def read(self, count):
        """One byte, None, or b"" at the end."""
        assert count == 1
        return self.bytes.pop(0)


class NoRoom:
    """A line that cannot grow."""

    def __len__(self):
        return 0

    def append(self, byte):
        """See bytearray."""
        raise MemoryError


def test_a_request_for_which_there_is_no_memory_is_an_error_and_the_reading_goes_on():
    fake = a_node()
    asyncio.run(fake.console.run(Pieces(b'\x1e{"cmd":')))
    fake.console._line = NoRoom()
    asyncio.run(fake.console.run(Pieces(b'"status"}\n\x1e{"cmd":"status"}\n')))
    answers = [json.loads(text[1:]) for text in fake.written]
    assert "memory" in answers[0]["error"] and answers[1:] == [{"name": "x"}]


def test_it_reads_a_stream_until_its_end():
    fake = a_node()
    asyncio.run(fake.console.run(Pieces(b'x\x1e{"cmd":"status"}\n')))
    assert len(fake.written) == 1
