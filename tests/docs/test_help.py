"""The example in the help of each command is one that the command takes."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from docs.documents import documents
from shimlet_host.cli import app

KEY = "4zvwRjXUKGfvwnParsHAS3HuSVzV5cA4McphgmoCtajS"


def all_commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command by its words."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from all_commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(all_commands(typer.main.get_command(app)))


def examples(name: str) -> list[str]:
    """The command lines of the example: after &&, or in another terminal."""
    text = " ".join((COMMANDS[name].help or "").split())
    found = text.partition("Example: ")[2]
    return [line.strip() for line in re.split(r" && |, then elsewhere: ", found) if line]


def parse(line: str) -> str:
    """Read a line as the command line would, and run nothing; the name of the command."""
    words = shlex.split(line.replace("KEY", KEY))
    assert words[0] == "shimlet", line
    length = max(n for n in range(1, len(words) + 1) if " ".join(words[1:n]) in (*COMMANDS, ""))
    name = " ".join(words[1:length])
    command = COMMANDS[name]
    command.make_context(name, words[length:])  # raises UsageError
    return name


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_in_the_help_is_taken_by_the_command(name: str) -> None:
    lines = examples(name)
    assert lines and parse(lines[0]) == name
    for line in lines[1:]:
        parse(line)


def test_every_option_that_a_document_names_is_one_of_a_command() -> None:
    options = (each.opts for command in COMMANDS.values() for each in command.params)
    known = {option for several in options for option in several}
    words = [sys.executable, "-m", "shimlet_host.board.emulator", "--help"]
    emulator = subprocess.run(words, capture_output=True, text=True, timeout=60).stdout
    known |= set(re.findall(r"--[a-z-]+", emulator)) | {"--help"}
    for page in documents():
        for code in page.code:
            if code.startswith(("--", "shimlet ")):
                for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", code):
                    assert option in known, f"{page.name}: no command takes {option}"


def test_an_example_with_an_unknown_option_would_be_found() -> None:
    with pytest.raises(Exception, match="No such option"):
        parse("shimlet status --wach")
