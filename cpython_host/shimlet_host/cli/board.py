"""`shimlet board`: what the command line does to boards, one function a command.

In: arguments; a board is named by the path of its serial device, also a virtual one. Out: exit
status 0, 1 with a sentence on stderr, or 2 for wrong arguments. Commands of other modules of this
folder join by `from .board import board`; `cli/__init__.py` imports them. What a command needs is
imported when it runs.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .common import AsJson as AsJson
from .common import in_sentences as in_sentences
from .common import show_json as show_json

board = typer.Typer(
    no_args_is_help=True,
    help="Put Shimlet on boards and look after them. Virtual boards are boards, too.",
)

Port = Annotated[
    str, typer.Argument(metavar="PORT", help="The board's serial device, as /dev/ttyUSB0.")
]
BoardName = Annotated[
    str, typer.Argument(metavar="BOARD", help="A folder of boards/, as esp32_generic.")
]


@board.command()
def build(board: BoardName, as_json: AsJson = False) -> None:
    """Compile all that the board gets into build/BOARD, and say how large it is.

    Example: shimlet board build esp32_generic
    """
    from shimlet_host.board import build as making
    from shimlet_host.board.catalogue import load

    with in_sentences():
        spec = load(board)
        sizes = making.sizes(making.build(spec))
    if as_json:
        show_json({"board": spec.id, "processor": spec.processor, "bytes": sizes})
        return
    typer.echo(f"{spec.name}, for {spec.processor}: {making.FOLDER / spec.id}")
    for name, size in [*sizes.items(), ("all", sum(sizes.values()))]:
        typer.echo(f"  {name:<16}{size:>8} bytes")


@board.command()
def flash(board: BoardName, port: Port, as_json: AsJson = False) -> None:
    """Put the light node on a board, or bring it up to date. It stops the node and starts it
    again.

    Only what differs is copied; config.json, wifi.json, identity.seed, peers and app.py stay.
    MicroPython has to be on the board (`shimlet board micropython`). If the cable comes off, flash
    again. Example: shimlet board flash esp32_generic /dev/ttyUSB0
    """
    from shimlet_host.board.catalogue import load
    from shimlet_host.board.flash import flash as flash_board

    def say(sentence: str) -> None:
        typer.echo(sentence, err=as_json)

    with in_sentences():
        done = flash_board(port, load(board), say)
    if as_json:
        show_json({**asdict(done.deployed), "status": done.status})
        return
    typer.echo(f"The node is up. Its public key is {done.status.get('publicKey')}.")


@board.command("list")
def list_(as_json: AsJson = False) -> None:
    """Say which ports there are and what is on each, without stopping anything.

    Example: shimlet board list
    """
    from shimlet_host.board.ports import all_ports

    found = all_ports()
    if as_json:
        show_json([asdict(port) for port in found])
        return
    for port in found:
        typer.echo(f"{port.port}  {port.hardware}\n    {port.sentence}")
    if not found:
        typer.echo("There is no serial port with a board, and no simulated board runs.")


@board.command()
def micropython(
    board: BoardName,
    port: Annotated[
        str,
        typer.Argument(metavar="PORT", help="Its serial device; of a Pico, the drive's folder."),
    ],
    image: Annotated[
        Path, typer.Argument(metavar="IMAGE", help="MicroPython for it: a .bin or .uf2 file.")
    ],
    erase: Annotated[
        bool, typer.Option("--erase", help="Empty an ESP32 first; its identity is lost, too.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the file, and only say what would be done.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put MicroPython itself on a board: by esptool on an ESP32, by a copied file on a Pico.

    Example: shimlet board micropython esp32_generic /dev/ttyUSB0 ESP32_GENERIC-v1.26.0.bin
    """
    from shimlet_host.board.catalogue import load
    from shimlet_host.board.micropython import install

    said: list[str] = []
    say = said.append if as_json else typer.echo
    with in_sentences():
        install(load(board), port, image, erase=erase, dry_run=dry_run, say=say)
    if as_json:
        show_json({"board": board, "port": port, "done": said})


@board.command()
def sim(
    name: Annotated[str, typer.Argument(help="Each name is a board of its own.")] = "board",
    image: Annotated[
        Path | None, typer.Option(help="Its flash, a LittleFS image; build/sim/NAME.img.")
    ] = None,
    link: Annotated[
        Path | None, typer.Option(help="A link to its serial device; build/sim/NAME.tty.")
    ] = None,
    heap: Annotated[
        str, typer.Option(help="Its heap: 128k in bytes, 128wk in words of 32 bits.")
    ] = "128wk",
    as_json: AsJson = False,
) -> None:
    """Start a virtual board, and end it at Ctrl-C. It first says its serial device.

    A new one has a config.json with its name and a port for gossip of its own.

    Example: shimlet board sim, then elsewhere: shimlet board flash sim build/sim/board.tty
    """
    from shimlet_host.board.emulator.__main__ import main as emulate
    from shimlet_host.board.emulator.named import files, first_config

    with in_sentences():
        usual_image, usual_link = files(name)
    flash_file, line = image or usual_image, link or usual_link
    for path in (flash_file, line):
        path.parent.mkdir(parents=True, exist_ok=True)
    options = ["--image", str(flash_file), "--link", str(line), "--heap", heap]
    options += ["--json"] if as_json else []
    raise typer.Exit(emulate([*options, "--config", first_config(name)]))


@board.command()
def firmware(
    board: BoardName,
    source: Annotated[
        Path | None, typer.Option(help="MicroPython's source; what is missing is said.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Build a whole firmware, MicroPython with our code frozen in, where the toolchain is there.

    Example: shimlet board firmware qemu_mps2
    """
    from shimlet_host.board.catalogue import load
    from shimlet_host.board.firmware import firmware as build_firmware

    with in_sentences():
        made = build_firmware(load(board), source)
    size = made.stat().st_size
    show_json({"file": str(made), "bytes": size}) if as_json else typer.echo(
        f"{made}: {size} bytes"
    )
