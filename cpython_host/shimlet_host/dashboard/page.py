"""One open page of the dashboard: its cards, and their refresh once a second.

In: a Watch. Out: NiceGUI elements of the page that asks. When the page goes, its part of the watch
goes. Called by site.py for each page.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from nicegui import ui

from shimlet_host.dashboard.graph_card import GraphCard
from shimlet_host.dashboard.identity_card import IdentityCard
from shimlet_host.dashboard.messages_card import MessagesCard
from shimlet_host.dashboard.neighbors_card import NeighborsCard
from shimlet_host.dashboard.peers_card import PeersCard
from shimlet_host.dashboard.readings_card import ReadingsCard
from shimlet_host.dashboard.summary import Summary, Top
from shimlet_host.dashboard.watch import REFRESH_S, View, Watch
from shimlet_host.dashboard.words import short_key
from shimlet_host.key_text import key_text


@cache
def _text(name: str) -> str:
    """A file of this package."""
    return (files("shimlet_host.dashboard") / name).read_text()


FAVICON = _text("favicon.svg")


class Page:
    """Built once, refreshed until its browser has gone."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def build(self) -> None:
        """Everything, with what is known now."""
        self._watch.open()
        ui.context.client.on_delete(self._watch.close)
        ui.add_head_html(f"<style>{_text('page.css')}</style><script>{_text('page.js')}</script>")
        top = Top()
        with ui.element("main").classes("page"):
            summary = Summary()
            with ui.element("div").classes("column-of-cards"):
                peers = PeersCard(self._watch.node, self._refresh_now)
                messages = MessagesCard()
                neighbors = NeighborsCard()
            with ui.element("div").classes("column-of-cards"):
                identity = IdentityCard()
                graph = GraphCard()
                readings = ReadingsCard()
        self._parts = (top, summary, peers, messages, neighbors, identity, graph, readings)
        view = self._watch.look()
        ui.page_title(f"Shimlet {short_key(key_text(view.info.public_key))}")
        self._show(view)
        ui.timer(REFRESH_S, self._refresh, immediate=False)

    def _refresh(self) -> None:
        self._show(self._watch.look())

    def _refresh_now(self) -> None:
        """After a change of the operator's."""
        self._show(self._watch.look_again())

    def _show(self, view: View) -> None:
        for part in self._parts:
            part.show(view)
