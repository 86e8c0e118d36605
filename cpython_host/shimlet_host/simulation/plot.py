"""Draws runs into a PNG: neighborhoods, verified peers and messages over time, and links' lives.

In: Runs and a path. Out: the file. matplotlib is loaded here alone; who lacks it is told how to
get it. Called by cli/simulate.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shimlet_host.simulation.report import Run
from shimlet_host.simulation.settings import SimulationError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANELS = (
    ("full", "share of full neighborhoods"),
    ("largest_component", "largest component"),
    ("verified", "verified peers"),
    ("messages", "messages, a node and minute"),
)
_ECLIPSED = ("eclipsed", "eclipsed honest nodes")


def check_plot(path: Path) -> None:
    """Raise SimulationError if nothing could be drawn there: before a long run, not after it."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise SimulationError(
            "Drawing needs matplotlib: pip install 'shimlet[plot]', or leave --plot out."
        ) from None
    if not path.parent.is_dir():
        raise SimulationError(f"{path}: there is no folder {path.parent}.")
    if path.suffix != ".png":
        raise SimulationError(f"{path}: the name of the drawing ends in .png.")


def draw(runs: Sequence[Run], path: Path) -> None:
    """Write the drawing. Raises SimulationError."""
    check_plot(path)
    from matplotlib.figure import Figure

    attacked = any(run.summary.ever_eclipsed for run in runs)
    panels = (*_PANELS, _ECLIPSED) if attacked else _PANELS
    figure = Figure(figsize=(8, 3 * len(panels) + 3), layout="constrained")
    axes = figure.subplots(len(panels) + 1)
    for place, (name, title) in enumerate(panels):
        _over_time(axes[place], runs, name, title)
    _lifetimes(axes[-1], runs)
    try:
        figure.savefig(path, dpi=120)
    except OSError as error:
        raise SimulationError(f"{path} cannot be written: {error.strerror}.") from error


def _over_time(axes: Axes, runs: Sequence[Run], name: str, title: str) -> None:
    """One figure of the samples."""
    for run in runs:
        samples = run.summary.samples
        values = [getattr(sample, name) for sample in samples]
        axes.plot([sample.minute for sample in samples], values, label=run.name)
    axes.set(xlabel="minutes", ylabel=title)
    axes.set_ylim(bottom=0)
    axes.legend()


def _lifetimes(axes: Axes, runs: Sequence[Run]) -> None:
    """How long links lived."""
    for run in runs:
        deciles = run.summary.lifetime_deciles_s
        axes.plot(deciles, range(0, 10 * len(deciles), 10), label=run.name)
    axes.set(xlabel="seconds", ylabel="% of ended links were as short")
    axes.legend()
