"""Small pieces that the cards are made of.

In: text. Out: NiceGUI elements. Text is set only when it changed, so that nothing is sent
otherwise. Used by the cards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nicegui import ui
from nicegui.element import Element


@contextmanager
def card(name: str) -> Iterator[ui.label]:
    """A card with a heading; the label beside it is for a count."""
    with ui.element("section").classes("card") as section:
        section.props["aria-label"] = name
        with ui.element("div").classes("card-head"):
            ui.label(name).classes("name")
            count = ui.label().classes("count")
        yield count


def say(label: ui.label, text: str) -> None:
    """Set a label's text."""
    if label.text != text:
        label.set_text(text)


def show_if(element: Element, wanted: bool) -> None:
    """Show an element, or hide it."""
    if element.visible != wanted:
        element.set_visibility(wanted)


class CopyButton:
    """Text that a click copies, in the browser alone."""

    def __init__(self, kind: str = "key") -> None:
        self._button = ui.element("button").classes(kind)
        self._button.on(
            "click",
            js_handler="(e) => shimlet.copy(e.currentTarget, e.currentTarget.dataset.copy)",
        )
        with self._button:
            self._label = ui.label().style("display: inline")
            icon = ui.label("content_copy").classes("material-icons copy-icon")
            icon.props["aria-hidden"] = "true"
        self._copied = ""

    def show(self, text: str, copied: str) -> None:
        """Show `text`; a click copies `copied`."""
        say(self._label, text)
        if copied != self._copied:
            self._copied = copied
            self._button.props["data-copy"] = copied
            self._button.props["title"] = f"Copy {copied}"
            self._button.update()
