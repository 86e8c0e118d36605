"""Every command of the documents is run by a test, and every table that says so is true.

A new command in a document fails here until a test runs it: put it where the tests of this folder
find it, or into a table of commands.py.
"""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from collections.abc import Iterable
from functools import cache

import pytest
from docs import commands, test_board_journey, test_shell_examples, test_web_examples
from docs.commands import (
    ELSEWHERE,
    NOT_HERE,
    PICTURES,
    SHELLS,
    SHOWN,
    Command,
    RunBy,
    holds_commands,
    lines_of,
    names_a_command,
)
from docs.documents import ROOT, documents
from host import test_operate

# Placeholders of the documents, as a reader would replace them.
FILLED = {"BOARD": "x-board", "PORT": "x.tty", "SSID": "x-ssid", "IMAGE": "x.uf2"}
NAME = "x-name"


@cache
def ci_targets() -> set[str]:
    """The make targets that .ci/run runs."""
    return set(re.findall(r"^step \S+ \d+ make (\S+)$", (ROOT / ".ci/run").read_text(), re.M))


def operated() -> set[str]:
    """What tests/host/test_operate.py runs."""
    lines = [line for part in ("Run one", "Operate") for line in test_operate.commands(part)]
    return {line for line in lines if not any(part in line for part in test_operate.ELSEWHERE)}


def listed(command: str, table: Iterable[str]) -> str | None:
    """The entry of a table under which a command falls: the same words, or its first ones."""
    for words in sorted(table, key=len, reverse=True):
        if command == words or command.startswith(words + " "):
            return words
    return None


RUN_ELSEWHERE = [each.words for each in ELSEWHERE]


def target_of(command: str) -> str | None:
    """The target of a make command."""
    match = re.fullmatch(r"make (\S+).*", command)
    return match[1] if match else None


@cache
def run_here() -> set[str]:
    """What the tests of this folder run, and test_operate.py."""
    modules = (test_board_journey, test_shell_examples, test_web_examples)
    return set(map(with_names, operated().union(*(module.runs() for module in modules))))


def with_names(command: str) -> str:
    """KEY for a key, as the documents write it where any will do."""
    return re.sub(r"\b[1-9A-HJ-NP-Za-km-z]{43,44}\b", "KEY", command)


def is_run(command: str) -> bool:
    """Whether some test runs this."""
    if with_names(command) in run_here() or listed(command, RUN_ELSEWHERE):
        return True
    target = target_of(command)
    if target in ci_targets() and "FILES=" not in command:
        return True
    expanded = expansion(command) if target else None
    return expanded is not None and is_run(expanded)


@pytest.mark.parametrize("command", commands.commands(), ids=lambda each: each.text[:60])
def test_every_command_of_a_document_is_run_by_a_test_or_says_why_not(command: Command) -> None:
    known = names_a_command(command.text) or listed(command.text, NOT_HERE)
    assert known or is_run(command.text), (
        f"{command.page}: no test runs `{command.text}`: see tests/docs/commands.py"
    )


# make


def filled(command: str) -> list[str]:
    """The words of a target with something for each variable that may be needed."""
    text = re.sub(r"\[(.*?)\]", r"\1", command).replace("KEY@HOST:PORT", "KEY@HOST:1")
    words = [word for word in shlex.split(text)[1:] if word.partition("=")[0] not in FILLED]
    given = [f"{name}={value}" for name, value in FILLED.items()]
    return [f"NAME={NAME}" if word.startswith("NAME=") else word for word in words] + given


@cache
def expansion(command: str) -> str | None:
    """The `shimlet board` command that a target for boards runs, with the names of the documents
    for what is filled in; None for another target.
    """
    done = subprocess.run(
        ["make", "-n", "-o", "setup", *filled(command)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    match = re.search(r"(?:bin/shimlet|foreground shimlet_host) (board .*)", done.stdout)
    if match is None:
        return None
    text = "shimlet " + " ".join(shlex.split(match[1]))
    for name, value in {**FILLED, "SSID": NAME, "NAME": FILLED["SSID"]}.items():
        text = text.replace(value, "NAME" if name in ("SSID", "NAME") else name)
    return text.replace("KEY@HOST:1", "KEY@HOST:PORT")


def test_targets_for_boards_run_the_command_that_stands_beside_them() -> None:
    rows = re.findall(r"^\| `(shimlet board [^`]+)` \| `(make [^`]+)` \|", boards_page(), re.M)
    assert len(rows) > 10, rows
    for command, target in rows:
        wanted = re.sub(r"\[(.*?)\]", r"\1", command)
        found = expansion(target)
        assert found is not None and found.strip() == wanted, (target, found)


def boards_page() -> str:
    return (ROOT / "boards/README.md").read_text()


def test_make_names_every_target_that_a_document_names() -> None:
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True)
    known = set(re.findall(r"make ([a-z0-9-]+)", done.stdout))
    for command in commands.commands():
        target = target_of(command.text)
        if target and not target.startswith("build/"):
            assert target in known, command


# The tables


@cache
def functions_of(path: str) -> set[str]:
    """The names of the functions of a file."""
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("run_by", [*ELSEWHERE, *SHOWN], ids=lambda each: each.words[:60])
def test_every_test_that_a_table_names_exists(run_by: RunBy) -> None:
    assert run_by.test in functions_of(f"tests/{run_by.file}"), run_by


@pytest.mark.parametrize("table", [RUN_ELSEWHERE, list(NOT_HERE)], ids=["elsewhere", "not here"])
def test_the_tables_hold_no_command_that_stands_nowhere(table: list[str]) -> None:
    used = {listed(each.text, table) for each in commands.commands()}
    used |= {listed(text, table) for each in commands.commands() if (text := expansion_of(each))}
    assert set(table) <= used, set(table) - used


def expansion_of(command: Command) -> str | None:
    return expansion(command.text) if target_of(command.text) else None


# json: test_web_examples.py. python: test_python_examples.py. yaml: tests/host/test_metrics.py.
LANGUAGES = {"", "json", "python", "yaml", *SHELLS}


def test_every_block_is_of_a_language_that_a_test_reads() -> None:
    for page in documents():
        assert {block.language for block in page.blocks} <= LANGUAGES, page.name


def test_every_block_without_a_language_is_one_of_commands_or_is_known() -> None:
    for page in documents():
        for block in page.blocks:
            if not block.language and not holds_commands(block):
                first = block.text.split("\n")[0].strip()
                known = (*PICTURES, *(each.words for each in SHOWN))
                assert first.startswith(known), (page.name, first)
            elif holds_commands(block):
                for line in lines_of(block):
                    assert commands.is_command(line), f"{page.name}: is {line!r} a command?"
