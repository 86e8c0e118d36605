"""`shimlet simulate`: many nodes on a virtual network, and what became of them.

In: arguments. Out: progress while it runs, then a report, or JSON; a drawing if asked for. Exit
status 0, 1 with a sentence on stderr, or 2 for wrong arguments.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import app
from .board import AsJson, in_sentences, show_json

if TYPE_CHECKING:
    from shimlet_host.simulation.report import Run
    from shimlet_host.simulation.settings import Settings, Split


@app.command()
def simulate(
    nodes: Annotated[int, typer.Option(help="How many.")] = 100,
    minutes: Annotated[float, typer.Option(help="Virtual ones.")] = 10.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same run.")] = 1,
    latency: Annotated[float, typer.Option(metavar="SECONDS", help="One way, on average.")] = 0.05,
    loss: Annotated[float, typer.Option(metavar="SHARE", help="Packets lost, 0.1 is 10 %.")] = 0.0,
    duplication: Annotated[float, typer.Option(metavar="SHARE", help="Packets sent twice.")] = 0.0,
    reordering: Annotated[
        float, typer.Option(metavar="SHARE", help="Packets held back ten times as long.")
    ] = 0.0,
    skew: Annotated[
        float, typer.Option(metavar="SECONDS", help="How far clocks are off at most.")
    ] = 0.0,
    churn: Annotated[
        float, typer.Option(metavar="SHARE", help="Nodes that leave for new ones in an hour.")
    ] = 0.0,
    crashes: Annotated[
        float, typer.Option(metavar="SHARE", help="Nodes that crash and come back in an hour.")
    ] = 0.0,
    partition: Annotated[
        str, typer.Option(metavar="FROM:LENGTH", help="Minutes in which two halves are apart.")
    ] = "",
    attack: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="share, grind-salts, grind-identities, eclipse, replay or refuse; runs twice,"
            " with the defences on and off.",
        ),
    ] = "",
    theta: Annotated[str, typer.Option(help="A number up to 1, auto or off.")] = "auto",
    signatures: Annotated[
        bool, typer.Option("--signatures", help="Sign and verify all packets; slow.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Draw it; needs matplotlib.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Simulate a network of full nodes that find their neighbors, under faults and attacks.

    Example: shimlet simulate --nodes 200 --minutes 30 --loss 0.05 --plot run.png
    """
    from dataclasses import replace

    from shimlet_host.simulation.network import Conditions
    from shimlet_host.simulation.plot import check_plot, draw
    from shimlet_host.simulation.report import as_text, as_value
    from shimlet_host.simulation.settings import PARAMETERS, Settings, parse_theta

    with in_sentences():
        settings = Settings(
            nodes=nodes,
            minutes=minutes,
            seed=seed,
            conditions=Conditions(latency, loss, duplication, reordering),
            parameters=replace(PARAMETERS, **parse_theta(theta)),
            churn=churn,
            crashes=crashes,
            skew_s=skew,
            split=_split(partition),
            signatures=signatures,
        ).checked()
        if plot is not None:
            check_plot(plot)
        runs = _runs(settings, attack, as_json=as_json)
        if plot is not None:
            draw(runs, plot)
    if as_json:
        show_json([as_value(run) for run in runs])
        return
    for run in runs:
        typer.echo(as_text(run))


def _split(text: str) -> Split | None:
    from shimlet_host.simulation.settings import parse_split

    return parse_split(text) if text else None


def _runs(settings: Settings, attack: str, *, as_json: bool) -> list[Run]:
    """One run, or two under attack. Progress goes to stderr beside JSON."""
    from shimlet_host.simulation.running import attacked, simulate

    def say(line: str) -> None:
        typer.echo(line, err=as_json)

    if attack:
        return [attacked(attack, settings, defended=on, say=say) for on in (True, False)]
    return [simulate("no attack", settings, say=say)]
