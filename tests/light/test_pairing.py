"""What pairing asks of a board: another identity, whether it reaches an address, a message."""

from helpers import MICROPYTHON, skip

if not MICROPYTHON:
    skip("needs MicroPython's asyncio")

import asyncio
import json
import os

from helpers import NotEd25519
from light.board_parts import Scratch, random_port, run, until
from shimlet.identity import base58_encode, decode_key
from shimlet_crypto import public_key
from shimlet_light import files, identity, pairing
from shimlet_light.console import Console
from shimlet_light.node import LightNode
from shimlet_light.settings import Settings

MIDDLE = base58_encode(b"\x80" + bytes(31))


class Board:
    """A light node in a scratch folder of its own."""

    def __enter__(self):
        self._here = os.getcwd()
        self._scratch = Scratch()
        os.chdir(self._scratch.__enter__())
        settings = Settings()
        settings.bind_host = "127.0.0.1"
        settings.bind_port = random_port()
        settings.buffer_size = 512
        self.node = LightNode(settings, NotEd25519(b"x"))
        self.node.say = self.node.log.add
        self.node.stdin = None
        return self

    def __exit__(self, kind, error, trace):
        self.node.close()
        os.chdir(self._here)
        self._scratch.__exit__(kind, error, trace)

    def ask(self, function, **request):
        """The answer of a command of pairing."""
        return run(function(self.node, request))

    def refusal(self, function, **request):
        """The sentence of its ValueError."""
        try:
            self.ask(function, **request)
        except ValueError as error:
            return str(error)


def kept_key():
    """The public key that the next start will find."""
    return public_key(files.read(identity.SEED_FILE, 32))


def test_a_new_identity_is_kept_and_lies_on_the_side_that_was_asked_for():
    with Board() as board:
        for side, is_smaller in (("smallerThan", True), ("largerThan", False)):
            answer = board.ask(pairing.new_identity, **{side: MIDDLE})
            assert decode_key(answer["publicKey"]) == kept_key()
            assert (kept_key() < decode_key(MIDDLE)) == is_smaller


def test_nothing_of_the_new_seed_is_in_the_answer_or_the_log():
    with Board() as board:
        answer = board.ask(pairing.new_identity, smallerThan=MIDDLE)
        seed = base58_encode(files.read(identity.SEED_FILE, 32))
        assert sorted(answer) == ["publicKey", "restarts"]
        assert seed not in json.dumps(answer) + str(board.node.log.lines())


def test_the_search_lets_other_tasks_run_and_ends_when_there_is_no_such_key():
    turns = []

    async def count():
        while True:
            turns.append(1)
            await asyncio.sleep_ms(0)

    async def search(board):
        counting = asyncio.create_task(count())
        try:
            await pairing.new_identity(board.node, {"smallerThan": base58_encode(bytes(32))})
        except ValueError as error:
            return str(error)
        finally:
            counting.cancel()

    real = pairing.public_key
    pairing.public_key = lambda seed: bytes([255]) * 32
    try:
        with Board() as board:
            assert "none was on that side" in run(search(board))
            assert len(turns) > 1000
            assert not files.exists(identity.SEED_FILE)
    finally:
        pairing.public_key = real


def test_a_wrong_key_or_a_full_flash_changes_no_identity():
    with Board() as board:
        assert "base58" in board.refusal(pairing.new_identity, smallerThan="0OIl")
        assert "largerThan is missing" in board.refusal(pairing.new_identity)
        real = files.write

        def fail(path, content):
            raise OSError("the flash is full")

        files.write = fail
        try:
            refusal = board.refusal(pairing.new_identity, largerThan=MIDDLE)
        finally:
            files.write = real
        assert refusal.startswith("nothing has changed") and "full" in refusal


def test_reach_tells_an_open_port_from_a_closed_one_and_from_an_address_without_a_way():
    async def open_port(board):
        port = random_port()
        net = board.node.net
        serving = asyncio.create_task(net.serve("127.0.0.1", port, lambda stream: None))
        await until(lambda: net.listener is not None)
        answer = await pairing.reach(board.node, {"address": "127.0.0.1:%d" % port})
        serving.cancel()
        return answer

    with Board() as board:
        assert run(open_port(board)) == {"reach": "open"}
        closed = "127.0.0.1:%d" % random_port()
        assert board.ask(pairing.reach, address=closed) == {"reach": "connection-refused"}
        nowhere = board.ask(pairing.reach, address="239.255.1.2:14666")
        assert nowhere == {"reach": "unreachable"}
        assert len(board.node.net.streams) <= 1  # what the listener accepted
        for wrong in ("nowhere", "", 5, None, [], {}):
            assert board.refusal(pairing.reach, address=wrong)


def test_a_command_that_takes_longer_answers_when_it_is_done_and_others_meanwhile():
    written = []

    async def slow(node, request):
        await asyncio.sleep_ms(20)
        if "wrong" in request:
            raise ValueError("this is wrong")
        return {"slow": True}

    async def ask():
        console = Console(None, {"slow": slow, "quick": lambda n, r: {"quick": True}}, write)
        for line in (b'{"cmd":"slow","id":1}', b'{"cmd":"quick","id":2}'):
            for byte in b"\x1e" + line + b"\n":
                console.feed(byte)
        await until(lambda: len(written) == 2)
        for byte in b'\x1e{"cmd":"slow","id":3,"wrong":1}\n':
            console.feed(byte)
        await until(lambda: len(written) == 3)

    def write(text):
        written.append(json.loads(text[1:]))

    run(ask())
    assert written[0] == {"id": 2, "quick": True}
    assert written[1] == {"id": 1, "slow": True}
    assert written[2] == {"id": 3, "error": "this is wrong"}


def test_publish_sends_a_text_and_refuses_an_empty_one():
    with Board() as board:
        assert pairing.publish(board.node, {"text": "hello"})["messageId"]
        assert board.node.published == 1
        for request in ({"text": ""}, {}, {"text": 5}):
            try:
                pairing.publish(board.node, request)
                raise AssertionError("taken")
            except ValueError as error:
                assert str(error)
