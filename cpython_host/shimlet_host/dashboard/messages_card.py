"""Messages as they come, and how many of them.

In: a View. Out: rows, and a chart of messages per second. Used by page.py.
"""

from __future__ import annotations

from nicegui import ui

from shimlet_host.dashboard.charts import bars
from shimlet_host.dashboard.drawing import Drawing
from shimlet_host.dashboard.lists import RowList
from shimlet_host.dashboard.parts import card, say, show_if
from shimlet_host.dashboard.rates import INTERVAL_S, INTERVALS
from shimlet_host.dashboard.rows import message_rows
from shimlet_host.dashboard.watch import SHOWN_MESSAGES, View


class MessagesCard:
    """The newest messages below the chart."""

    def __init__(self) -> None:
        with card("Messages") as self._count:
            say(self._count, f"per second, over {INTERVALS * INTERVAL_S // 60} minutes")
            self._chart = Drawing(bars([])).classes("rates")
            with ui.element("div").classes("legend"):
                ui.label("received").classes("sign received")
                ui.label("published here").classes("sign published")
            self._missed = ui.label().classes("hint")
            self._list = RowList("No message has come yet.").classes("messages")
        self._rates: object = None

    def show(self, view: View) -> None:
        """What is known now."""
        if view.rates != self._rates:
            self._rates = view.rates
            self._chart.draw(bars(view.rates))
        say(self._missed, f"{view.missed} news came too fast to be counted or shown.")
        show_if(self._missed, view.missed > 0)
        self._list.show(message_rows(view)[:SHOWN_MESSAGES])
