"""The commands of all documents, and for each the test that runs it.

In: the documents. Out: `commands()`, every line of a block of commands and every command in inline
code, without `.venv/bin/`, and the tables that say what runs it: tests of this folder, other
tests, steps of `.ci/run`, or nobody, with the reason. test_commands.py holds the tables to what is
there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from docs.documents import Block, Document, documents
from shimlet_host.cli import app

PROGRAMS = (
    "make",
    "shimlet",
    "mpremote",
    "python",
    "python3",
    "pip",
    "pipx",
    "curl",
    "echo",
    "docker",
    "systemctl",
    "journalctl",
    "sudo",
    "install",
    "cp",
    "apt",
    "apt-get",
    "useradd",
    "kill",
    "git",
    ".",
)
SHELLS = ("sh", "bash", "console")


class Command(NamedTuple):
    """A command as it is written, and where."""

    text: str
    page: str


def is_command(line: str) -> bool:
    """Whether a line begins with a program, maybe behind variables."""
    words = line.split()
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words = words[1:]
    return bool(words) and words[0].removeprefix(".venv/bin/") in PROGRAMS


def names_a_command(text: str) -> bool:
    """Whether it is nothing but the words of a command of ours, which may stand for itself."""
    from typer.main import get_command

    command: Any = get_command(app)
    words = text.split()
    for word in words[1:]:
        if word not in getattr(command, "commands", {}):
            return False
        command = command.commands[word]
    return words[0] == "shimlet"


def cleaned(line: str) -> str:
    """Without the explanation behind two blanks and #, and without the folder of the programs."""
    text = re.sub(r"\s{2,}#.*", "", line).strip().removeprefix("$ ")
    return text.removeprefix(".venv/bin/")


def lines_of(block: Block) -> Iterator[str]:
    """The commands of a block; a line that ends with a backslash goes on in the next."""
    for line in re.sub(r"\\\n\s*", "", block.text).splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield cleaned(line)


def holds_commands(block: Block) -> bool:
    """Whether a block is for a shell: it says so, or begins with a program."""
    first = next(lines_of(block), "")
    return block.language in SHELLS or (not block.language and is_command(first))


def commands_of(page: Document) -> Iterator[str]:
    """Every command of one document, as it stands."""
    for block in page.blocks:
        if holds_commands(block):
            yield from lines_of(block)
    for text in page.code:
        if is_command(text) and " " in text.strip():
            yield cleaned(text)


# The changelog tells what there is, and not what to type.
GUIDES = [page for page in documents() if page.name != "CHANGELOG.md"]


@cache
def commands() -> list[Command]:
    """Every command of every document."""
    return [Command(text, page.name) for page in GUIDES for text in commands_of(page)]


def in_pages(*pages: str) -> list[str]:
    """The commands of some documents, each once."""
    return list(dict.fromkeys(each.text for each in commands() if each.page in pages))


class RunBy(NamedTuple):
    """The first words of a command or of what is shown, and the test: its file and its name."""

    words: str
    file: str
    test: str


# What stands in a block without a language and is no command: pictures, by their first words,
PICTURES = ("board (MicroPython)", "shimlet_light ──", "streams ─ connection")
# and what a command prints or what is on the wire, with the test that compares.
SHOWN = (
    RunBy(
        "signed packet   12 len data",
        "docs/test_wire_tables.py",
        "test_the_short_form_is_that_of_the_recorded_packets",
    ),
    RunBy(
        "A firmware for ESP32",
        "docs/test_shown_answers.py",
        "test_all_that_is_missing_for_a_firmware_is_said_as_shown",
    ),
    RunBy(
        "Stopping what runs",
        "docs/test_board_journey.py",
        "test_a_stranger_follows_the_steps",
    ),
    RunBy(
        "The full node knows the board",
        "docs/test_board_journey.py",
        "test_a_stranger_follows_the_steps",
    ),
    RunBy(
        "The board dials, because",
        "docs/test_shown_answers.py",
        "test_a_port_that_is_closed_is_said_as_shown",
    ),
)

# Commands that tests of other folders run.
ELSEWHERE = (
    RunBy("pip install .", "packaging/try_packages.py", "install"),
    RunBy("pip install '.[board]'", "packaging/try_packages.py", "install"),
    RunBy("pip install '.[dashboard]'", "packaging/try_packages.py", "check_dashboard"),
    RunBy("sudo python3 -m venv", "packaging/try_service.py", "commands"),
    RunBy("sudo /opt/shimlet/bin/pip", "packaging/try_service.py", "commands"),
    RunBy("sudo useradd", "packaging/try_service.py", "commands"),
    RunBy("sudo install", "packaging/try_service.py", "commands"),
    RunBy("sudo -u shimlet /opt/shimlet/bin/shimlet", "packaging/try_service.py", "commands"),
    RunBy(
        "make run",
        "host/test_end_to_end.py",
        "test_the_demo_shows_keys_link_and_messages_and_ends_at_sigint",
    ),
    RunBy(
        "RUN_SECONDS=30 make run",
        "host/test_end_to_end.py",
        "test_the_demo_ends_by_itself_after_run_seconds",
    ),
    RunBy(
        "shimlet --install-completion", "host/test_cli.py", "test_completion_knows_the_commands"
    ),
    RunBy(
        "shimlet doctor --board",
        "host/test_pair.py",
        "test_doctor_asks_the_board_at_its_serial_line",
    ),
    RunBy("shimlet board pair PORT --check", "host/test_pair.py", "test_looking_changes_nothing"),
    RunBy(
        "shimlet board wifi PORT",
        "host/test_board_line.py",
        "test_the_password_comes_from_a_hidden_prompt_or_a_pipe_and_from_no_argument",
    ),
    RunBy(
        "shimlet board shell",
        "host/test_board_shell.py",
        "test_shell_stops_the_node_gives_a_prompt_and_starts_the_node_again",
    ),
    RunBy(
        "shimlet board shell PORT --run",
        "host/test_board_shell.py",
        "test_code_sees_the_files_of_the_board_and_leaves_its_own",
    ),
    RunBy(
        "shimlet board sim",
        "host/test_board_list.py",
        "test_sim_starts_a_board_with_a_line_a_flash_and_a_heap",
    ),
    RunBy(
        "shimlet board micropython",
        "host/test_board_micropython.py",
        "test_command_line_says_the_same",
    ),
    RunBy(
        "shimlet board firmware",
        "host/test_firmware_image.py",
        "test_the_command_prints_all_that_is_missing",
    ),
    RunBy(
        "shimlet board log PORT",
        "host/test_board_line.py",
        "test_the_followed_log_shows_new_lines_and_ends_at_ctrl_c",
    ),
    RunBy(
        "python -m shimlet_host.board.emulator",
        "host/test_emulator.py",
        "test_link_of_a_killed_board_leads_to_the_next_one",
    ),
    RunBy(
        "python -m shimlet_host.board.table",
        "host/test_board_table.py",
        "test_table_is_written_between_its_marks",
    ),
    RunBy(
        "mpremote connect PORT mip install firmware/package.json",
        "host/test_board_mip.py",
        "test_light_node_installed_by_mip_runs",
    ),
    RunBy(
        "mpremote connect PORT mip install firmware/shimlet_crypto/package.json",
        "host/test_board_mip.py",
        "test_signatures_alone_install_from_their_own_folder",
    ),
    RunBy(
        "mpremote connect PORT fs cp firmware/boot.py",
        "host/test_board_mip.py",
        "test_light_node_installed_by_mip_runs",
    ),
    RunBy(
        "mpremote mip install ./package.json",
        "host/test_board_mip.py",
        "test_signatures_alone_install_from_their_own_folder",
    ),
    RunBy(
        "mpremote connect ./board.tty repl",
        "host/test_board_shell.py",
        "test_shell_stops_the_node_gives_a_prompt_and_starts_the_node_again",
    ),
    RunBy(
        "python tests/rungs/bare_metal.py",
        "rungs/test_bare_metal.py",
        "test_a_failing_program_is_told_with_its_line",
    ),
)

# What no test runs, and why.
NOT_HERE = {
    "pipx install .": "packaging/try_packages.py does what pipx does, in an empty environment",
    "sudo systemctl": "it needs a running systemd; try_service.py starts what the unit starts",
    "journalctl -u shimlet": "it needs a running systemd",
    "docker build": "it needs a container engine; packaging/try_image.py makes the image's steps",
    "docker run": "it needs a container engine; packaging/try_image.py runs what the image runs",
    "docker exec": "it needs a container engine; packaging/try_image.py calls the same inside",
    "make setup": "it made the environment in which this runs; a step of .ci/run",
    "make build/rung3/qemu_mps2/firmware.elf": "a step of make test-baremetal, as in .ci/run",
    "make bench": "it measures for many minutes; .ci/run runs parts that have limits",
    "python -m pip install esptool": "it writes ESP32s, and none is here; tests run a stand-in",
    ". .venv/bin/activate": "it is part of Python's own venv",
    "mpremote cp -r build/mpy/armv6m/shimlet_crypto :/lib/": "a chip that is not here",
    "pip install 'shimlet[plot]'": "it names an index that may not have us",
}
