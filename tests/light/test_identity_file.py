"""The seed file: made once, never replaced, never shown; and how files are written."""

import os

from helpers import hexed
from light.board_parts import Scratch
from shimlet_light import files, identity


def test_the_first_start_makes_a_seed_and_later_ones_keep_it():
    with Scratch() as folder:
        path = folder + "/identity.seed"
        first = identity.load(path)
        seed = files.read(path, 100)
        assert len(seed) == 32
        assert identity.load(path).public_key == first.public_key
        assert files.read(path, 100) == seed
        assert os.listdir(folder) == ["identity.seed"]


def test_two_boards_are_two_identities():
    with Scratch() as folder:
        assert identity.load(folder + "/a").public_key != identity.load(folder + "/b").public_key


def test_the_key_belongs_to_the_seed():
    # RFC 8032, section 7.1, test 1.
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    assert hexed(identity.BoardIdentity(seed).public_key).startswith("d75a980182b10ab7d54bfed3")


def test_what_is_signed_is_verified_in_one_buffer():
    board = identity.BoardIdentity(bytes(range(32)))
    buf = bytearray(32 + 10 + 64)
    buf[:32] = board.public_key
    board.sign(buf, 32, 10, buf, 42)
    assert board.verify(buf, 0, 32, 10, 42)
    buf[33] = 1
    assert not board.verify(buf, 0, 32, 10, 42)


def test_a_damaged_seed_is_refused_and_stays_as_it_is():
    for damaged in (b"", bytes(range(31)), bytes(range(33)), b"\xff" * 32, bytes(32)):
        with Scratch() as folder:
            path = folder + "/identity.seed"
            files.write(path, damaged)
            try:
                identity.load(path)
            except identity.IdentityError as error:
                assert "identity.seed" in str(error) and "delete it" in str(error)
            else:
                raise AssertionError("a damaged seed was taken")
            assert files.read(path, 100) == damaged


def test_a_new_seed_makes_the_board_another_node_from_the_next_start():
    with Scratch() as folder:
        path = folder + "/identity.seed"
        first = identity.load(path)
        identity.replace(bytes(range(32)), path)
        assert identity.load(path).public_key != first.public_key
        assert files.read(path, 100) == bytes(range(32))
        assert os.listdir(folder) == ["identity.seed"]


def test_a_seed_that_is_none_does_not_replace_the_old_one():
    with Scratch() as folder:
        path = folder + "/identity.seed"
        first = identity.load(path)
        for wrong in (b"", bytes(31), bytes(range(33)), b"\xff" * 32):
            try:
                identity.replace(wrong, path)
            except ValueError as error:
                assert str(error).startswith("The new seed ")
            else:
                raise AssertionError("a wrong seed was taken")
        assert identity.load(path).public_key == first.public_key


def test_a_folder_that_cannot_be_written_is_named():
    try:
        identity.load("no-such-folder/identity.seed")
    except identity.IdentityError as error:
        assert "no-such-folder/identity.seed cannot be" in str(error)
    else:
        raise AssertionError("an identity without a file")


def test_a_write_that_is_cut_leaves_the_old_content():
    with Scratch() as folder:
        path = folder + "/file"
        files.write(path, b"old")
        with open(path + ".new", "wb") as file:  # what a reset in the middle of a write leaves
            file.write(b"ne")
        assert files.read(path, 10) == b"old"
        files.write(path, b"new")
        assert files.read(path, 10) == b"new"
        assert os.listdir(folder) == ["file"]


def test_reading_is_bounded_and_a_missing_file_is_none():
    with Scratch() as folder:
        path = folder + "/file"
        assert files.read(path, 10) is None
        files.write(path, bytes(100))
        assert len(files.read(path, 10)) == 11


def test_a_failing_flash_is_not_a_first_start():
    whole = files.os

    class FailingFlash:
        """An os whose stat() fails as a broken flash does."""

        @staticmethod
        def stat(path):
            raise OSError(5)  # EIO

    files.os = FailingFlash
    try:
        identity.load("identity.seed")
        raise AssertionError("a new identity was made")
    except identity.IdentityError as error:
        assert "cannot be read" in str(error), error
    finally:
        files.os = whole
