"""The known peers: how they stand, and all that the operator does with them.

In: a View, and what is typed and clicked. Out: rows, and calls of the node, which has the last
word; what it refuses is said as it says it. Used by page.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nicegui import ui
from shimlet.identity import decode_key

from shimlet_host.config.peers import alias_of
from shimlet_host.dashboard.dialogs import Confirm, Question
from shimlet_host.dashboard.lists import RowList
from shimlet_host.dashboard.parts import card, say, show_if
from shimlet_host.dashboard.rows import Row, in_order, peer_rows, pending_rows
from shimlet_host.dashboard.watch import View
from shimlet_host.marks import parse_marks
from shimlet_host.model import NodeApi, PeerError, PeerMark, StoreError
from shimlet_host.node_string import likely_address, parse_node

SEARCH_FROM = 10  # peers; fewer are seen at once


class PeersCard:
    """`refresh` shows the page anew after a change."""

    def __init__(self, node: NodeApi, refresh: Callable[[], None]) -> None:
        self._node = node
        self._refresh = refresh
        with card("Known peers") as self._count:
            self._build_form()
            self._pending_head = ui.label("Pending: they called and proved their key").classes(
                "sub-head"
            )
            self._pending = RowList("", self._on_pending).classes("pending")
            self._search = ui.input(placeholder="Search").props("dense outlined clearable")
            self._search.classes("search").on_value_change(refresh)
            self._list = RowList(
                "No peer is listed. Paste the string of another node, as its dashboard shows it or"
                " “shimlet id” prints it, and list this node there.",
                self._on_peer,
            ).classes("peers")
        self._rename = Question("Rename", "Name; empty for none", "Rename")
        self._address = Question("Accept", "HOST:PORT, where this node dials it", "Accept")
        self._forget = Confirm("Remove", "Remove")

    def _build_form(self) -> None:
        with ui.element("form").classes("add") as form:
            form.on("submit.prevent", self._add)
            self._string = ui.input("Add a peer: KEY@HOST:PORT").props(
                "dense outlined autocomplete=off"
            )
            self._string.classes("grow one-string-input")
            self._alias = ui.input("Name").props("dense outlined autocomplete=off maxlength=64")
            self._alias.classes("narrow")
            ui.button("Add", color=None).props("unelevated type=submit").classes("go")

    def show(self, view: View) -> None:
        """How they stand now."""
        connected = sum(peer.connected for peer in view.peers)
        say(self._count, f"{connected} of {len(view.peers)} connected" if view.peers else "")
        show_if(self._pending_head, bool(view.pending))
        show_if(self._pending, bool(view.pending))
        self._pending.show(pending_rows(view.pending, view.now), len(view.pending))
        show_if(self._search, len(view.peers) >= SEARCH_FROM or bool(self._search.value))
        found = in_order(view.peers, self._search.value or "")
        self._list.show(peer_rows(found[: self._list.limit], view.now), len(found))

    # What the operator does

    def _add(self) -> None:
        with self._sentences():
            peer = parse_node(self._string.value or "")
            alias = alias_of({"alias": self._alias.value}) or None
            self._node.add_peers([peer._replace(alias=alias)])
            self._string.set_value("")
            self._alias.set_value("")

    def _on_pending(self, row: Row, act: str) -> None:
        """Accept a caller; where we have to dial, only the operator knows the address."""
        address = likely_address(row["remote"])
        if self._node.info().public_key < decode_key(row["id"]):
            text = f"This node has to dial {row['short']}: where does it listen?"
            self._address.ask(text, address, lambda given: self._list_peer(row["id"], given))
        else:
            self._list_peer(row["id"], address)

    def _list_peer(self, key: str, address: str) -> None:
        with self._sentences():
            self._node.add_peers([parse_node(f"{key}@{address}")])

    def _on_peer(self, row: Row, act: str) -> None:
        key, name = row["id"], row["title"] or row["short"]
        if act == "rename":
            self._rename.ask(name, row["title"], lambda given: self._mark(key, alias=given))
        elif act == "remove":
            text = f"Forget {name} and close its link? It can be added again."
            self._forget.ask(text, lambda: self._remove(key))
        else:
            self._mark(key, enabled=act == "enable")

    def _mark(self, key: str, **what: object) -> None:
        with self._sentences():
            marks: list[PeerMark] = parse_marks([{"publicKey": key, **what}])
            self._node.mark_peers(marks)

    def _remove(self, key: str) -> None:
        with self._sentences():
            self._node.remove_peers([decode_key(key)])

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """What goes wrong is told to the operator; the page shows what is true in any case."""
        try:
            yield
        except (PeerError, StoreError, ValueError) as error:
            text = str(error)
            sentence = text[:1].upper() + text[1:].rstrip(".") + "."
            ui.notify(
                sentence, classes="told", multi_line=True, timeout=8000, close_button="Close"
            )
        self._refresh()
