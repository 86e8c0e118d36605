"""A list of rows on the page: the NiceGUI element for `row_list.js`.

In: rows of rows.py. Out: what the browser shows, sent only if it changed, and calls of `on_act`
with the id of a row that is there and one of its actions: what a browser sends is not trusted.
Used by the cards of the page.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from shimlet_host.dashboard.rows import Row

FIRST_ROWS = 25  # a screen or two
MORE_ROWS = 50
MOST_ROWS = 225  # each is compared once a second; who has more peers than that can search

Act = Callable[[Row, str], Any]


class RowList(Element, component="row_list.js"):
    """Shows rows; `empty` is said while there are none."""

    def __init__(self, empty: str, on_act: Act | None = None) -> None:
        super().__init__()
        self._shown: list[Row] = []
        self._limit = FIRST_ROWS
        self._left = 0
        self._on_act = on_act
        self.props["rows"] = "[]"
        self.props["more"] = 0
        self.props["empty"] = empty
        self.on("act", self._act)
        self.on("more", self._more, [])

    @property
    def limit(self) -> int:
        """How many rows are wanted."""
        return self._limit

    def show(self, rows: list[Row], total: int | None = None) -> None:
        """These rows; `total` where there are more than are given."""
        rows = rows[: self._limit]
        left = max(0, (len(rows) if total is None else total) - len(rows))
        if rows == self._shown and left == self._left:
            return
        self._shown, self._left = rows, left
        self.props["rows"] = json.dumps(rows)  # as text, like the charts of drawing.py
        self.props["more"] = left if self._limit < MOST_ROWS else 0
        self.update()

    def _more(self) -> None:
        self._limit = min(MOST_ROWS, self._limit + MORE_ROWS)

    def _act(self, event: GenericEventArguments) -> Any:
        asked = event.args if isinstance(event.args, dict) else {}
        for row in self._shown:
            actions = [action[0] for action in row.get("actions", ())]
            if row["id"] == asked.get("id") and asked.get("act") in actions and self._on_act:
                return self._on_act(row, asked["act"])
        return None
