"""Readings of boards as small charts.

In: a View. Out: one small chart a series, which goes with the series. Used by page.py.
"""

from __future__ import annotations

from nicegui import ui

from shimlet_host.dashboard.charts import spark
from shimlet_host.dashboard.drawing import Drawing
from shimlet_host.dashboard.parts import card, say, show_if
from shimlet_host.dashboard.readings import Series
from shimlet_host.dashboard.rows import names_of
from shimlet_host.dashboard.watch import View
from shimlet_host.dashboard.words import number, printable, short_key
from shimlet_host.model import LOCAL

Key = tuple[str, str, str]


class ReadingsCard:
    """A grid of small charts."""

    def __init__(self) -> None:
        with card("Readings") as self._count:
            self._empty = ui.label(
                "Messages that are numbers in JSON, as those of firmware/examples/sensor, are"
                " drawn here."
            ).classes("hint")
            self._grid = ui.element("div").classes("readings")
        self._charts: dict[Key, _Chart] = {}

    def show(self, view: View) -> None:
        """The series of now."""
        wanted = {(each.source, each.name, each.unit): each for each in view.series}
        for key in self._charts.keys() - wanted.keys():
            self._charts.pop(key).remove()
        names = names_of(view.peers)
        for key, series in wanted.items():
            if key not in self._charts:
                with self._grid:
                    self._charts[key] = _Chart()
            self._charts[key].show(series, _via(series.source, names))
        show_if(self._empty, not wanted)
        say(self._count, str(len(wanted)) if wanted else "")


def _via(source: str, names: dict[str, str]) -> str:
    return "this node" if source == LOCAL else names.get(source) or short_key(source)


class _Chart:
    """The last value above its past."""

    def __init__(self) -> None:
        with ui.element("div").classes("reading") as self._element:
            self._what = ui.label().classes("what")
            with ui.element("div"):
                self._value = ui.label().classes("value").style("display: inline")
                self._unit = ui.label().classes("unit").style("display: inline")
            self._line = Drawing(spark([])).classes("spark")
        self._points: list[tuple[float, float]] = []

    def show(self, series: Series, via: str) -> None:
        """Name, last value and points."""
        name = series.name if series.name.startswith(via) else f"{series.name}  ·  {via}"
        say(self._what, printable(name, 120))
        say(self._value, number(series.points[-1][1]))
        say(self._unit, series.unit)
        points = list(series.points)
        if points != self._points:
            self._points = points
            self._line.draw(spark(points))

    def remove(self) -> None:
        """Take it off the page."""
        self._element.delete()
