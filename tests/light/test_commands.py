"""The commands of the serial line: what each changes, keeps and refuses, and what no request may
do to it.
"""

from helpers import MICROPYTHON, skip

if not MICROPYTHON:
    skip("needs MicroPython's asyncio")

import asyncio
import json
import os
import sys

import shimlet_crypto  # noqa: F401 - loaded here, before a test goes to another folder
import shimlet_light
from helpers import NotEd25519
from light.board_parts import Scratch, random_port, run, until
from shimlet.identity import base58_decode, base58_encode
from shimlet_light import config, credentials, files
from shimlet_light.commands import COMMANDS
from shimlet_light.console import MAX_ANSWER, MAX_REQUEST, Console
from shimlet_light.node import LightNode
from shimlet_light.settings import Settings

KEYS = [base58_encode(bytes([number]) * 32) for number in range(1, 10)]
CONFIG = b'{"name": "kitchen", "manualPeering": {"knownPeers": []}}'


class Board:
    """A light node in a scratch folder of its own, and its serial line."""

    def __enter__(self):
        self._here = os.getcwd()
        self._path = shimlet_light.__path__
        shimlet_light.__path__ = _absolute(self._path)  # code for one call is loaded from there
        self._scratch = Scratch()
        self.folder = self._scratch.__enter__()
        os.chdir(self.folder)
        files.write("config.json", CONFIG)
        settings = Settings()
        settings.bind_host = "127.0.0.1"
        settings.bind_port = random_port()
        settings.buffer_size = 512
        self.node = LightNode(settings, NotEd25519(b"x"))
        self.node.say = self.node.log.add
        self.node.stdin = None
        self.node.wifi = self
        self.changes = 0  # of the Wi-Fi
        self.written = []
        self.console = Console(self.node, COMMANDS, self.written.append)
        return self

    def __exit__(self, kind, error, trace):
        os.chdir(self._here)
        shimlet_light.__path__ = self._path
        self._scratch.__exit__(kind, error, trace)

    def changed(self):
        """The Wi-Fi supervisor is told of new credentials."""
        self.changes += 1

    def status(self):
        """What the Wi-Fi supervisor says of itself."""
        return {"state": "connected"}

    def ask(self, cmd, **request):
        """The answer to this request."""
        request["cmd"] = cmd
        return self.send(json.dumps(request).encode())

    def send(self, line):
        """The one answer to this marked line."""
        del self.written[:]
        for byte in b"\x1e" + line + b"\n":
            self.console.feed(byte)
        if not self.written:  # it takes longer
            asyncio.get_event_loop().run_until_complete(until(lambda: self.written))
        (text,) = self.written
        assert text[0] == "\x1e" and text[-1] == "\n" and len(text.encode()) <= MAX_ANSWER
        return json.loads(text[1:])

    def add(self, key, address="192.0.2.1:14666"):
        """List a peer over the line."""
        return self.ask("peers-add", publicKey=key, address=address)

    def running(self):
        """The peers of the running node."""
        return {peer["publicKey"]: peer["address"] for peer in self.node.peers()}

    def kept(self):
        """The peers that the next start will find."""
        peers = config.load().known_peers
        return {base58_encode(key): address for key, address in peers}


def _absolute(folder):
    return folder if folder[:1] in ("/", ".") else os.getcwd() + "/" + folder


class FailingFlash:
    """`with` it no file can be written."""

    def __enter__(self):
        self._real = files.write
        files.write = self._fail

    def __exit__(self, kind, error, trace):
        files.write = self._real

    def _fail(self, path, content):
        raise OSError("%s cannot be written: the flash is full" % path)


def test_a_peer_is_added_readdressed_and_removed_in_the_running_node_and_on_the_flash():
    with Board() as board:
        expected = {"publicKey": KEYS[0], "change": "added", "known": 1, "limit": 8}
        assert board.add(KEYS[0]) == expected
        assert board.add(KEYS[0])["change"] == "none"
        assert board.running() == board.kept() == {KEYS[0]: "192.0.2.1:14666"}
        assert board.add(KEYS[0], " [2001:db8::1]:14667 ")["change"] == "address"
        assert board.running() == board.kept() == {KEYS[0]: "[2001:db8::1]:14667"}
        assert board.add(KEYS[1])["known"] == 2
        expected = {"publicKey": KEYS[0], "change": "removed", "known": 1, "limit": 8}
        assert board.ask("peers-remove", publicKey=KEYS[0]) == expected
        assert board.running() == board.kept() == {KEYS[1]: "192.0.2.1:14666"}
        assert config.load().name == "kitchen"


def test_what_cannot_be_listed_is_refused_with_the_reason_and_changes_nothing():
    with Board() as board:
        for key in KEYS[:8]:
            board.add(key)
        before = board.running()
        own = base58_encode(board.node.identity.public_key)
        for request, reason in (
            ({"publicKey": "0" * 44, "address": "192.0.2.1:1"}, "is not a base58 character"),
            ({"publicKey": "abc", "address": "192.0.2.1:1"}, "bytes instead of 32"),
            ({"publicKey": "", "address": "192.0.2.1:1"}, "0 bytes instead of 32"),
            ({"publicKey": KEYS[0], "address": "192.0.2.1"}, "write host:port"),
            ({"publicKey": KEYS[0], "address": "192.0.2.1:0"}, "port must be a number"),
            ({"publicKey": KEYS[0], "address": "a b:1"}, "not a name or an IP address"),
            ({"publicKey": own, "address": "192.0.2.1:1"}, "this board's own key"),
            ({"publicKey": KEYS[8], "address": "192.0.2.1:1"}, "at most 8 peers"),
            ({"publicKey": KEYS[0]}, "address is missing or no text"),
            ({"address": "192.0.2.1:1"}, "publicKey is missing or no text"),
        ):
            answer = board.ask("peers-add", **request)
            assert list(answer) == ["error"] and reason in answer["error"], (request, answer)
            assert "nothing has changed" not in answer["error"], answer  # found before any write
        answer = board.ask("peers-remove", publicKey=KEYS[8])
        assert answer == {"error": "no peer with the key %s is listed" % KEYS[8]}
        assert "publicKey is missing" in board.ask("peers-remove")["error"]
        assert board.running() == board.kept() == before


def test_a_config_that_a_change_has_made_is_missed_no_more():
    with Board() as board:
        os.remove("config.json")
        board.node.settings = config.load()
        (problem,) = board.node.status()["problems"]
        assert "there is no such file" in problem
        with FailingFlash():
            board.add(KEYS[0])
        assert board.node.status()["problems"] == [problem]
        board.add(KEYS[0])
        assert board.node.status()["problems"] == config.load().problems == []


def test_a_full_list_still_takes_a_new_address():
    with Board() as board:
        for key in KEYS[:8]:
            board.add(key)
        assert board.add(KEYS[7], "192.0.2.8:1")["change"] == "address"
        assert board.running()[KEYS[7]] == board.kept()[KEYS[7]] == "192.0.2.8:1"


def test_a_failing_flash_leaves_the_running_list_as_it_was_and_says_so():
    with Board() as board:
        board.add(KEYS[0])
        before = board.running()
        with FailingFlash():
            for answer in (
                board.add(KEYS[1]),
                board.add(KEYS[0], "192.0.2.9:1"),
                board.ask("peers-remove", publicKey=KEYS[0]),
                board.ask("wifi", ssid="home", password="a secret word"),
            ):
                text = answer["error"]
                assert text.startswith("nothing has changed: ") and "flash is full" in text, text
        assert board.running() == board.kept() == before
        assert credentials.load() is None and board.changes == 0


def test_a_damaged_config_is_not_overwritten_by_a_change_of_the_peers():
    with Board() as board:
        files.write("config.json", b'{"name": "kitchen"')
        answer = board.add(KEYS[0])
        assert "nothing has changed: config.json" in answer["error"], answer
        assert board.running() == {}
        assert files.read("config.json", 100) == b'{"name": "kitchen"'


def test_wifi_credentials_are_kept_and_the_supervisor_told():
    with Board() as board:
        assert board.ask("wifi", ssid="home", password="a secret word") == {
            "saved": True,
            "connects": True,
        }
        assert credentials.load() == ("home", "a secret word")
        assert board.changes == 1
        assert board.ask("wifi", ssid="\xfc" * 16, password="")["saved"]
        assert credentials.load() == ("\xfc" * 16, "")
        board.node.wifi = None
        assert board.ask("wifi", ssid="home", password="")["connects"] is False


def test_no_answer_and_no_log_shows_a_password_or_a_network():
    with Board() as board:
        secret, network = "tellnobody", "hushhush"
        for password in (secret, secret * 7, "", secret[:7], [secret], {"a": secret}):
            for ssid in (network, network * 5, "", [network], None):
                request = {"cmd": "wifi", "ssid": ssid, "password": password}
                board.send(json.dumps(request).encode())
                text = board.written[0]
                assert secret[:7] not in text and network not in text, text
        assert "passwor" in board.ask("wifi", ssid=network, password="short")["error"]
        assert credentials.load() == (network, "")
        board.ask("wifi", ssid=network, password=secret)
        files.write("config.json", b"[]")  # so that the config is shown as a problem
        board.send(
            b'{"cmd":"wifi","ssid":"%s","password":"%s"' % (network.encode(), b"tellnobody")
        )
        for cmd in ("status", "peers", "log"):
            board.ask(cmd)
            assert secret not in board.written[0] and network not in board.written[0]
        assert secret not in str(files.read("config.json", 4096))


def test_the_longest_status_and_peers_are_answered():
    long = ".".join(["n" * 60] * 4)  # about the longest host name
    with Board() as board:
        settings = board.node.settings
        settings.name = "\U0001f600" * 32
        settings.ntp = ["%s:%d" % (long, 50000 + n) for n in range(4)]
        settings.addresses = [
            b"[2001:db8:1234:1234:1234:1234:1234:%d]:50000" % n for n in range(4)
        ]
        for n in range(20):
            settings.note(str(n) + '"' * 300)
        board.node.health.last_exception = "\u20ac" * 200
        answer = board.ask("status")
        assert answer["name"] == settings.name and len(answer["ntp"]) == 4
        assert 1 <= len(answer["problems"]) < len(settings.problems)
        for key in KEYS[:8]:
            board.node.streams.add(base58_decode(key), "%s:50000" % long)
        assert len(board.ask("peers")["peers"]) == 8


def test_the_log_tells_only_what_is_new():
    with Board() as board:
        log = board.node.log
        log.add("before")
        start = board.ask("log")["last"]
        for text in ("a", "b", "b", "c"):
            log.add(text)
        answer = board.ask("log", since=start)
        assert [line[1:] for line in answer["log"]] == [["a", 1], ["b", 2], ["c", 1]]
        assert answer["last"] == start + 4 and answer["uptime"] >= 0
        assert [line[1] for line in board.ask("log", since=start + 3)["log"]] == ["c"]
        assert board.ask("log", since=start + 4)["log"] == []
        assert board.ask("log", since=start + 100)["log"] == []
        log.add("c")
        assert [line[1:] for line in board.ask("log", since=start + 4)["log"]] == [["c", 2]]
        assert len(board.ask("log")["log"]) == len(log.lines())
        for wrong in (-1, 1.5, "1", [], None):
            assert "since" in board.ask("log", since=wrong)["error"]


class Machine:
    """In the place of the module `machine`, if a port has none."""

    def __init__(self):
        self.resets = 0

    def reset(self):
        """Note it."""
        self.resets += 1


def test_restart_answers_first_closes_the_sockets_and_then_resets():
    with Board() as board:
        machine = Machine()
        real = sys.modules.get("machine")
        sys.modules["machine"] = machine
        try:

            async def main():
                task = asyncio.create_task(board.node.run())
                await until(lambda: board.node.net.listener is not None)
                assert board.ask("restart") == {"restarts": True}
                assert machine.resets == 0
                await until(lambda: machine.resets)
                assert board.node.net.listener is None
                task.cancel()
                await asyncio.sleep(0)

            run(main())
        finally:
            del sys.modules["machine"]
            if real is not None:
                sys.modules["machine"] = real


def test_the_code_of_changes_does_not_stay_in_memory():
    loaded = ("changes", "config", "credentials")
    ours = {name: sys.modules.pop("shimlet_light." + name, None) for name in loaded}
    try:
        with Board() as board:
            board.add(KEYS[0])
            assert board.running()
            for name in loaded:
                assert "shimlet_light." + name not in sys.modules, name
            assert not hasattr(shimlet_light, "changes")
    finally:
        for name in loaded[1:]:
            sys.modules["shimlet_light." + name] = ours[name]
            setattr(shimlet_light, name, ours[name])


VALUES = (
    b"null",
    b"true",
    b"-1",
    b"1e99",
    b"123456789012345678901234567890",
    b'""',
    b'"\xff\xfe"',
    b'"\\u0000\\ud800"',
    b'"x"',
    b"[]",
    b"[[[[[[[[[[1]]]]]]]]]]",
    b'{"a":{}}',
    b'"' + b"z" * 150 + b'"',
)
KEY = b'"%s"' % KEYS[0].encode()
LARGE = b'"%s"' % base58_encode(b"\xff" * 32).encode()  # most keys are smaller
ADDRESS = b'"127.0.0.1:9"'  # nobody listens there
FIELDS = {
    "log": {"since": b"0"},
    "peers-add": {"publicKey": KEY, "address": ADDRESS, "alias": b'"a"'},
    "peers-remove": {"publicKey": KEY},
    "wifi": {"ssid": b'"home"', "password": b'"a good one"'},
    "time": {"unixTime": b"5"},
    "clock": {"ntp": b"[]"},
    "identity-new": {"smallerThan": LARGE, "largerThan": LARGE},
    "reach": {"address": ADDRESS},
    "publish": {"text": b'"hello"'},
}


def requests(command):
    """Every field of the command with every kind of value, the others as they should be."""
    good = FIELDS.get(command, {})
    for field in ("id",) + tuple(good):  # noqa: RUF005 - MicroPython has no other way
        for value in VALUES:
            fields = dict(good)
            fields[field] = value
            text = b",".join(b'"%s":%s' % (name.encode(), fields[name]) for name in fields)
            yield b'{"cmd":"%s",%s}' % (command.encode(), text)


def test_no_type_in_no_field_of_no_command_stops_the_line():
    assert sorted(FIELDS) == sorted(set(COMMANDS) - {"status", "peers", "restart"})
    answered = 0
    real = sys.modules.get("machine")
    with Board() as board:
        sys.modules["machine"] = Machine()
        try:
            for command in sorted(COMMANDS):
                for request in requests(command):
                    if len(request) + 2 <= MAX_REQUEST:
                        answer = board.send(request)
                        assert "failed" not in answer.get("error", ""), (request, answer)
                        answered += 1
        finally:
            del sys.modules["machine"]
            if real is not None:
                sys.modules["machine"] = real
        assert answered > 20 * len(VALUES)
        assert "fault" not in str(board.node.log.lines())
        assert board.ask("status")["knownPeers"] <= 1


def test_random_bytes_are_answered_or_ignored_and_the_line_stays_bounded():
    with Board() as board:
        good = b'\x1e{"cmd":"peers","id":1}\n'
        for _ in range(300):
            data = bytearray(os.urandom(60))
            data[10:10] = good[: data[0] % len(good)]
            if data[1] & 1:
                data[40:40] = b'\x1e{"cmd":"wifi","ssid":' + bytes(data[:9]) + b"\n"
            for byte in data:
                board.console.feed(byte)
                assert len(board.console._line) < MAX_REQUEST
            most = data.count(b"\n") + data.count(b"\x1e") + 1  # the last: too long
            assert len(board.written) <= most
            del board.written[:]
        assert board.send(good[1:-1])["id"] == 1
        assert "fault" not in str(board.node.log.lines())


def test_the_longest_credentials_fit_into_a_request():
    with Board() as board:
        longest = {"cmd": "wifi", "ssid": '"' * 32, "password": "\\" * 63, "id": 99999}
        line = json.dumps(longest).encode()
        assert len(line) + 2 <= MAX_REQUEST
        assert board.send(line)["saved"]
        assert credentials.load() == ('"' * 32, "\\" * 63)
        address = "%s:65535" % ".".join(["n" * 20] * 6)
        longest = {"cmd": "peers-add", "publicKey": KEYS[0], "address": address, "id": 99999}
        line = json.dumps(longest).encode()
        assert len(line) + 2 <= MAX_REQUEST
        assert board.send(line)["change"] == "added"
