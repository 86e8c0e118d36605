"""The Wi-Fi's name and password: kept in their own file, and never shown."""

import os

from light.board_parts import Scratch
from shimlet_light import credentials, files

SECRET = "correct horse battery"


def test_saved_credentials_come_back():
    with Scratch() as folder:
        path = folder + "/wifi.json"
        for ssid, password in (
            ("home", SECRET),
            ('a "café" \\', "\u20ac" * 20),
            ("open", ""),
            ("x" * 32, "p" * 64),
        ):
            credentials.save(ssid, password, path)
            assert credentials.load(None, path) == (ssid, password)
        assert os.listdir(folder) == ["wifi.json"]


def test_without_a_file_there_are_none():
    notes = []
    assert credentials.load(notes.append, "no-such-folder/wifi.json") is None
    assert notes == []


def test_what_no_wifi_can_have_is_refused_and_the_old_is_kept():
    with Scratch() as folder:
        path = folder + "/wifi.json"
        credentials.save("home", SECRET, path)
        for ssid, password in (
            ("", SECRET),
            ("x" * 33, SECRET),
            ("\u20ac" * 11, SECRET),
            (5, SECRET),
            ("other", "seven77"),
            ("other", SECRET * 4),
            ("other", None),
        ):
            try:
                credentials.save(ssid, password, path)
            except ValueError as error:
                assert SECRET not in str(error) and "seven77" not in str(error)
            else:
                raise AssertionError((ssid, password))
            assert credentials.load(None, path) == ("home", SECRET)


def test_a_damaged_file_is_told_without_its_content():
    damaged = (
        b"",
        b'{"ssid": "home", "password": "correct horse',
        b'{"ssid": "home"}',
        b'["home", "correct horse"]',
        b'{"ssid": "home", "password": 5}',
        b"5",
        b"[" * 500,
        b'{"ssid": "home", "password": "correct horse"}' + b" " * 5000,
    )
    with Scratch() as folder:
        path = folder + "/wifi.json"
        for content in damaged:
            notes = []
            files.write(path, content)
            assert credentials.load(notes.append, path) is None
            (note,) = notes
            assert note.startswith(path) and "correct" not in note and "wifi" in note, note
            assert credentials.load(None, path) is None
