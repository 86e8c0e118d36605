"""The neighborhood as a graph.

In: a View. Out: a chart, drawn anew only when the neighborhood changed, and what its signs mean.
Used by page.py.
"""

from __future__ import annotations

from nicegui import ui

from shimlet_host.dashboard.charts import graph
from shimlet_host.dashboard.drawing import Drawing
from shimlet_host.dashboard.neighborhood import spots_of
from shimlet_host.dashboard.parts import card, say, show_if
from shimlet_host.dashboard.watch import View

SIGNS = (
    ("manual", "listed by hand"),
    ("board", "listed, sends readings"),
    ("chosen", "chosen"),
    ("accepted", "accepted"),
)
NOBODY = "Peers that you list, and neighbors that autopeering finds, are drawn here."
BOARD_HINT = (
    "It passed on readings and was never seen in autopeering, as boards do. A full node that"
    " passes on a board's readings looks the same: a handshake does not tell."
)


class GraphCard:
    """The graph and its legend."""

    def __init__(self) -> None:
        with card("Neighborhood") as self._count:
            self._nobody = ui.label(NOBODY).classes("hint")
            self._chart = Drawing(graph([])).classes("graph")
            with ui.element("div").classes("legend") as self._legend:
                for kind, text in SIGNS:
                    sign = ui.label(text).classes(f"sign {kind}")
                    if kind == "board":
                        sign.props["title"] = BOARD_HINT
                ui.label("dashed: no link; the arrow points at the one who is dialled")
        self._shown: object = None

    def show(self, view: View) -> None:
        """The neighborhood of now."""
        spots, left_out = spots_of(view)
        say(self._count, f"{left_out} more are not drawn" if left_out else "")
        if spots != self._shown:
            self._shown = spots
            self._chart.draw(graph(spots))
        show_if(self._nobody, not spots)
        show_if(self._chart, bool(spots))
        show_if(self._legend, bool(spots))
