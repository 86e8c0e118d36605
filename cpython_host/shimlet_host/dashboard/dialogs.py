"""Two questions to the operator: a line of text, and yes or no.

In: the question, and what to do with the answer. Out: that is called, or nothing if the operator
thinks better of it. Made once for each page. Used by peers_card.py.
"""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui
from nicegui.element import Element


class Question:
    """Asks for one line."""

    def __init__(self, name: str, label: str, verb: str) -> None:
        self._then: Callable[[str], None] = _nothing
        with ui.dialog() as self._dialog, _form(self._answer):
            ui.label(name).classes("name")
            self._text = ui.label().classes("hint")
            self._input = ui.input(label).props("dense outlined autofocus autocomplete=off")
            _buttons(self._dialog.close, verb)

    def ask(self, text: str, value: str, then: Callable[[str], None]) -> None:
        """Open it with a value to begin with."""
        self._text.set_text(text)
        self._input.set_value(value)
        self._then = then
        self._dialog.open()

    def _answer(self) -> None:
        self._dialog.close()
        then, self._then = self._then, _nothing
        then(self._input.value or "")


class Confirm:
    """Asks whether to go on."""

    def __init__(self, name: str, verb: str) -> None:
        self._then: Callable[[], None] = _nothing
        with ui.dialog() as self._dialog, _form(self._answer):
            ui.label(name).classes("name")
            self._text = ui.label()
            _buttons(self._dialog.close, verb)

    def ask(self, text: str, then: Callable[[], None]) -> None:
        """Open it."""
        self._text.set_text(text)
        self._then = then
        self._dialog.open()

    def _answer(self) -> None:
        self._dialog.close()
        then, self._then = self._then, _nothing
        then()


def _form(answer: Callable[[], None]) -> Element:
    """What the dialog holds; Quasar gives clicks to a div alone."""
    with ui.element("div").classes("dialog"):
        return ui.element("form").on("submit.prevent", answer)


def _buttons(close: Callable[[], object], verb: str) -> None:
    with ui.element("div").classes("buttons"):
        ui.button("Cancel", on_click=close, color=None).props("flat type=button")
        ui.button(verb, color=None).props("unelevated type=submit").classes("go")


def _nothing(*answer: str) -> None:
    """Nobody asked: a browser that sends an answer twice."""
