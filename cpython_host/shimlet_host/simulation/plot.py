"""Draws runs into a PNG: full neighborhoods and verified peers over time, eclipsed nodes if any.

In: Runs and a path. Out: the file. matplotlib is loaded here alone; who lacks it is told how to
get it. Called by cli/simulate.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shimlet_host.simulation.report import Run
from shimlet_host.simulation.settings import SimulationError

_PANELS = (("full", "share of full neighborhoods"), ("verified", "verified peers"))
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
    figure = Figure(figsize=(8, 3 * len(panels)), layout="constrained")
    for place, (name, title) in enumerate(panels, 1):
        axes = figure.add_subplot(len(panels), 1, place)
        for run in runs:
            samples = run.summary.samples
            axes.plot(
                [sample.minute for sample in samples],
                [getattr(sample, name) for sample in samples],
                label=run.name,
            )
        axes.set(xlabel="minutes", ylabel=title)
        axes.set_ylim(bottom=0)
        axes.legend()
    try:
        figure.savefig(path, dpi=120)
    except OSError as error:
        raise SimulationError(f"{path} cannot be written: {error.strerror}.") from error
