"""The top of the page: whose it is, whether the node is ready, and its figures at a glance.

In: a View. Out: text. Used by page.py.
"""

from __future__ import annotations

from nicegui import ui

from shimlet_host.dashboard.parts import say, show_if
from shimlet_host.dashboard.rates import INTERVAL_S
from shimlet_host.dashboard.watch import View
from shimlet_host.dashboard.words import duration

PER_MINUTE = 60 // INTERVAL_S


class Top:
    """The line above the cards."""

    def __init__(self) -> None:
        with ui.element("header").classes("top"):
            ui.icon("hub").classes("brand-mark")
            ui.label("Shimlet").classes("brand")
            self._version = ui.label().classes("version")
            ui.element("div").classes("grow")
            self._state = ui.label().classes("chip good node-state")
            dark = (
                ui.element("button")
                .classes("action")
                .on("click", js_handler="() => shimlet.toggleDark()")
            )
            dark.props["title"] = dark.props["aria-label"] = "Light or dark"
            with dark:
                ui.icon("contrast")

    def show(self, view: View) -> None:
        """Version, profile and state."""
        say(self._version, f"{view.info.version}  ·  profile {view.info.profile}")
        if view.unready and self._state.text != "not ready":
            self._state.classes(replace="chip bad node-state")
        elif not view.unready and self._state.text == "not ready":
            self._state.classes(replace="chip good node-state")
        say(self._state, "not ready" if view.unready else "ready")


class Summary:
    """What is wrong, and six figures."""

    def __init__(self) -> None:
        self._trouble = ui.label().classes("trouble wide")
        self._values: dict[str, ui.label] = {}
        with ui.element("div").classes("facts wide"):
            for name in (
                "Connected",
                "Pending",
                "Neighbors",
                "Verified",
                "Messages/min",
                "Up",
            ):
                with ui.element("div").classes("fact"):
                    self._values[name] = ui.label().classes("value")
                    ui.label(name).classes("label")

    def show(self, view: View) -> None:
        """The figures of now."""
        trouble = " ".join(text for text in (view.unready, view.trouble) if text)
        say(self._trouble, trouble)
        show_if(self._trouble, bool(trouble))
        auto = view.info.auto_peering
        lists = view.neighbors
        connected = sum(peer.connected for peer in view.peers)
        figures = {
            "Connected": f"{connected} of {len(view.peers)}",
            "Pending": str(len(view.pending)),
            "Neighbors": str(len(lists.chosen) + len(lists.accepted)) if auto else "off",
            "Verified": str(len(lists.known)) if auto else "off",
            "Messages/min": _last_minute(view),
            "Up": duration(view.now - view.started),
        }
        for name, text in figures.items():
            say(self._values[name], text)


def _last_minute(view: View) -> str:
    """In the last minute, and in the interval that is not over yet."""
    last = view.rates[-PER_MINUTE - 1 :]
    count = sum(each.received + each.published for each in last) * INTERVAL_S
    return f"{count:.0f}"
