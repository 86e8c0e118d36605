"""The last config without a mistake is kept, and used in the place of one that has any."""

import json
import os

from light.board_parts import Scratch
from shimlet_light import config, files

GOOD = b'{"name": "greenhouse", "knownPeers": [{"publicKey": "%s", "address": "192.0.2.1:1"}]}' % (
    b"1" * 31 + b"2"
)


class Board:
    """A folder with a config.json that may change between two starts."""

    def __init__(self, folder):
        self.folder = folder
        self.path = folder + "/config.json"
        self.kept = folder + "/config.good.json"

    def start(self, content):
        """The settings of a start with this config."""
        files.write(self.path, content)
        return config.load(self.path)


def without_folder(problems):
    """The sentences, each from the file's name on."""
    return [problem[problem.index("config.json") :] for problem in problems]


def test_each_mistake_leads_to_the_previous_config_and_is_said():
    wrong = (
        (GOOD[:-1], "is not JSON: line 1, column "),
        (b"", "is not JSON: line 1, column 1"),
        (b" " * 5000, "longer than 4096 bytes"),
        (b"[]", "must be a JSON object"),
        (b'{"name": "other",\n"gossip": {"bufferSize": 1}}', "line 2: gossip.bufferSize: 1 is"),
        (b'{"name": "other",\n"knownPeers": [{}]}', "line 2: knownPeers[0]: is refused"),
        (b'{"name": "other",\n"network": {"ntp": 1}}', "line 2: network.ntp: 1 is refused"),
    )
    with Scratch() as folder:
        board = Board(folder)
        assert board.start(GOOD).problems == []
        for content, said in wrong:
            settings = board.start(content)
            assert (settings.name, len(settings.known_peers)) == ("greenhouse", 1), content[:60]
            used, problem = settings.problems
            assert used.endswith("kept as " + board.kept + ", is used."), used
            assert used.startswith(board.path + " has mistakes; the last one without"), used
            assert said in problem and problem.startswith(board.path), problem
        mended = board.start(GOOD)
        assert (mended.name, mended.problems) == ("greenhouse", [])


def test_a_config_that_cannot_be_read_leads_to_the_previous_one():
    with Scratch() as folder:
        board = Board(folder)
        board.start(GOOD)
        real = files.read

        def read(path, max_bytes):
            if path == board.path:
                raise OSError(path + " cannot be read: EIO")
            return real(path, max_bytes)

        files.read = read
        try:
            settings = config.load(board.path)
        finally:
            files.read = real
        assert settings.name == "greenhouse"
        assert "cannot be read" in settings.problems[1]


def test_only_a_config_without_a_mistake_is_kept():
    with Scratch() as folder:
        board = Board(folder)
        for content in (GOOD, b'{"name": "second"}', b'{"name": "third", "nme": "unknown"}'):
            assert board.start(content).name != "board"
            assert files.read(board.kept, 5000) == content
            for wrong in (b"{", b'{"name": "fourth", "profile": 5}'):
                board.start(wrong)
                assert files.read(board.kept, 5000) == content


def test_a_peer_that_was_removed_does_not_come_back_with_the_previous_config():
    with Scratch() as folder:
        board = Board(folder)
        assert len(board.start(GOOD).known_peers) == 1
        config.save_peers([], board.path)
        settings = board.start(b"{")
        assert (settings.name, settings.known_peers) == ("greenhouse", [])


def test_what_is_kept_already_is_not_written_again():
    with Scratch() as folder:
        board = Board(folder)
        board.start(GOOD)
        real = files.write
        files.write = None
        try:
            config.load(board.path)
        finally:
            files.write = real


def test_without_a_config_the_kept_one_is_not_used():
    with Scratch() as folder:
        board = Board(folder)
        board.start(GOOD)
        os.remove(board.path)
        settings = config.load(board.path)
        assert settings.known_peers == []
        assert "no such file" in settings.problems[0]


def test_a_kept_config_that_has_a_mistake_itself_is_not_used():
    with Scratch() as folder:
        board = Board(folder)
        for damaged in (b"", b"{", b'{"name": 5}', b" " * 5000):
            files.write(board.kept, damaged)
            settings = board.start(b'{"name": 1}')
            assert settings.name == "board"
            assert "there is no earlier one" in settings.problems[0]


def test_a_flash_too_full_to_keep_the_config_is_said_and_the_config_is_used():
    with Scratch() as folder:
        board = Board(folder)
        real = files.write

        def write(path, content):
            if path == board.kept:
                raise OSError(path + " cannot be written: the flash is full")
            real(path, content)

        files.write = write
        try:
            settings = board.start(GOOD)
        finally:
            files.write = real
        assert settings.name == "greenhouse"
        assert settings.problems == [
            "This config is not kept for later: "
            + board.kept
            + " cannot be written: the flash is full."
        ]


def test_eight_problems_do_not_hide_that_the_previous_config_is_used():
    with Scratch() as folder:
        board = Board(folder)
        board.start(GOOD)
        entries = [{"publicKey": "x", "address": "y"}] * 8
        settings = board.start(json.dumps({"knownPeers": entries, "name": 1}).encode())
        assert len(settings.problems) == 8
        assert "is used" in settings.problems[0]
        assert settings.name == "greenhouse"
