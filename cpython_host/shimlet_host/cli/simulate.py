"""`shimlet simulate`: many nodes on a virtual network, and what became of them.

In: arguments (simulate_options.py). Out: progress while it runs, then a report, or JSON; a drawing
if asked for. Exit status 0, 1 with a sentence on stderr, or 2 for wrong arguments.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from . import app
from . import simulate_options as option
from .board import AsJson, in_sentences, show_json

if TYPE_CHECKING:
    from shimlet_host.autopeering import Parameters
    from shimlet_host.simulation.report import Run
    from shimlet_host.simulation.settings import Settings, Split


@app.command()
def simulate(
    nodes: option.Nodes = 100,
    minutes: option.Minutes = 10.0,
    seed: option.Seed = 1,
    latency: option.Latency = 0.05,
    loss: option.Loss = 0.0,
    duplication: option.Duplication = 0.0,
    reordering: option.Reordering = 0.0,
    skew: option.Skew = 0.0,
    churn: option.Churn = 0.0,
    crashes: option.Crashes = 0.0,
    partition: option.Partition = "",
    attack: option.Attack = "",
    theta: option.Theta = "auto",
    signatures: option.Signatures = False,
    plot: option.Plot = None,
    as_json: AsJson = False,
) -> None:
    """Simulate a network of full nodes that find their neighbors, under faults and attacks.

    Example: shimlet simulate --nodes 200 --minutes 30 --loss 0.05 --plot run.png
    """
    from shimlet_host.simulation.network import Conditions
    from shimlet_host.simulation.settings import Settings

    with in_sentences():
        settings = Settings(
            nodes=nodes,
            minutes=minutes,
            seed=seed,
            conditions=Conditions(latency, loss, duplication, reordering),
            parameters=_parameters(theta),
            churn=churn,
            crashes=crashes,
            skew_s=skew,
            split=_split(partition),
            signatures=signatures,
        ).checked()
        runs = _drawn_runs(settings, attack, plot, as_json=as_json)
    _show(runs, as_json=as_json)


def _parameters(theta: str) -> Parameters:
    from dataclasses import replace

    from shimlet_host.simulation.settings import PARAMETERS, parse_theta

    return replace(PARAMETERS, **parse_theta(theta))


def _split(text: str) -> Split | None:
    from shimlet_host.simulation.settings import parse_split

    return parse_split(text) if text else None


def _drawn_runs(settings: Settings, attack: str, plot: Path | None, *, as_json: bool) -> list[Run]:
    """The runs, drawn if asked for; that it cannot be drawn is said before they begin."""
    from shimlet_host.simulation.plot import check_plot, draw

    if plot is not None:
        check_plot(plot)
    runs = _runs(settings, attack, as_json=as_json)
    if plot is not None:
        draw(runs, plot)
    return runs


def _runs(settings: Settings, attack: str, *, as_json: bool) -> list[Run]:
    """One run, or two under attack. Progress goes to stderr beside JSON."""
    from shimlet_host.simulation.running import attacked, simulate

    def say(line: str) -> None:
        typer.echo(line, err=as_json)

    if attack:
        return [attacked(attack, settings, defended=on, say=say) for on in (True, False)]
    return [simulate("no attack", settings, say=say)]


def _show(runs: list[Run], *, as_json: bool) -> None:
    from shimlet_host.simulation.report import as_text, as_value

    if as_json:
        show_json([as_value(run) for run in runs])
        return
    for run in runs:
        typer.echo(as_text(run))
