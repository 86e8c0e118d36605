"""Puts the light node on a board, or brings it up to date.

In: the serial device and what board it should be. Out: a board that runs the node of this copy of
the project; its config, identity, peers and app stay. A flash that was cut is mended by the next
one. Called by: the command line.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from shimlet_host.model import HostError

from .build import contents
from .catalogue import BoardSpec
from .deploy import Deployed, deploy
from .line import LineError, wait_for_node
from .probe import MPY_VERSION, BoardInfo, board_info
from .remote import DeployError, LineCutError, mpremote, reset
from .shipped import LIBRARY

OLDEST = (1, 25)  # of MicroPython
UP_WITHIN_S = 40.0  # a slow board imports our modules for some seconds, after a pause at its start
TRIAL_S = 15.0  # for main.py to fail again, if it does
OWN_FOLDERS = [f"{LIBRARY}/{name}" for name in ("shimlet", "shimlet_light", "shimlet_crypto")]

Say = Callable[[str], None]


class FlashError(HostError):
    """This firmware is not for that board, or the node did not start; the text says what to do."""


@dataclass
class Flashed:
    """What a flash did, and the status of the node that runs now."""

    info: BoardInfo
    deployed: Deployed
    status: dict[str, Any]


def flash(device: str, spec: BoardSpec, say: Say = print, on_output: Say | None = None) -> Flashed:
    """Check the board, copy what differs, and wait until its node says it is up.

    `say` gets sentences on the way, `on_output` what the board prints. Raises HostError.
    """
    if not spec.flash:
        raise FlashError(
            f"{spec.id} has no file system: `shimlet board firmware {spec.id}` makes a firmware"
            " with our code in it."
        )
    say(f"Stopping what runs on {device}, to look at the board.")
    info = board_info(device)
    try:
        check_fit(device, info, spec)
        done = _copy(device, info, spec, say)
    except LineCutError:
        raise
    except HostError:
        _start_again(device, say)
        raise
    except KeyboardInterrupt:
        say("Interrupted: the node is stopped, and may not be complete. Flash again.")
        raise
    reset(device)
    say("The board restarts; waiting for its node.")
    return Flashed(info, done, _wait(device, on_output))


def _copy(device: str, info: BoardInfo, spec: BoardSpec, say: Say) -> Deployed:
    say(f"{device} is {info.machine}, MicroPython {info.micropython}; comparing files.")
    itself = info.build.partition("-")[0]
    if itself not in ("", spec.board):
        say(f"It calls itself {itself}, and {spec.id} is for {spec.board}: its LED may differ.")
    processor = info.arch if spec.is_this_computer else spec.processor
    files = contents(spec, processor)
    done = deploy(device, files, own_folders=OWN_FOLDERS, restart=False)
    say(
        f"{len(done.copied)} files copied, {len(done.kept)} were there already,"
        f" {len(done.removed)} old ones removed."
    )
    return done


def check_fit(device: str, info: BoardInfo, spec: BoardSpec) -> None:
    """Raise FlashError, with a remedy, if the board cannot run what we make for `spec`."""
    if info.version[:2] < OLDEST:
        raise FlashError(
            f"{device} runs MicroPython {info.micropython}; Shimlet needs"
            f" {'.'.join(map(str, OLDEST))} or newer. {_remedy(spec)}"
        )
    if info.mpy_version != MPY_VERSION:
        raise FlashError(
            f"{device} loads .mpy files of version {info.mpy_version}, and ours have version"
            f" {MPY_VERSION}. {_remedy(spec)}"
        )
    if spec.is_this_computer or info.arch == spec.processor or not spec.native:
        return
    if info.arch is None:
        raise FlashError(
            f"The MicroPython on {device} ({info.machine}) does not run our native code."
            f" {_remedy(spec)}"
        )
    raise FlashError(
        f"{device} is {info.machine} with a processor of the kind {info.arch}, and {spec.id} has"
        f" {spec.processor}. Name the board that it is: {_fitting(info)}."
    )


def _remedy(spec: BoardSpec) -> str:
    if spec.install is None:
        return "Run it with a MicroPython that fits."
    return (
        f"Put a firmware of https://micropython.org/download/{spec.board}/ on it:"
        f" `shimlet board micropython {spec.id} PORT IMAGE`."
    )


def _fitting(info: BoardInfo) -> str:
    """The boards with this processor, those that the board names itself first."""
    from .catalogue import all_boards

    fitting = [spec for spec in all_boards() if spec.processor == info.arch and spec.flash]
    named = [spec for spec in fitting if spec.board == info.build.partition("-")[0]]
    return " or ".join(spec.id for spec in named or fitting) or "none of ours"


def _start_again(device: str, say: Say) -> None:
    """What was stopped goes on, as far as the line allows."""
    with suppress(DeployError):
        reset(device)
        say(f"The board on {device} restarts with what is on it.")


def _wait(device: str, on_output: Say | None) -> dict[str, Any]:
    try:
        return wait_for_node(device, UP_WITHIN_S, on_output)
    except LineError as error:
        raise FlashError(f"All files are on the board, but: {error}{_why(device)}") from None


def _why(device: str) -> str:
    """What main.py raises when it is started once more, on a line where that can be seen."""
    try:
        mpremote(device, ["exec", "exec(open('/main.py').read())"], TRIAL_S)
    except DeployError as error:
        if "mpremote failed" in str(error):
            return f" main.py ends with {str(error).partition(': ')[2]}"
        if "not enough memory" in str(error):
            return (
                " Its memory does not suffice: `shimlet board firmware` makes one that needs less."
            )
    return ""
