"""The project's documents for the tests of this folder: headings, links, tables, code blocks.

In: the Markdown files that git would track. Out: their parts as text. Markdown is read as far as
these files use it: headings by #, fenced blocks (also indented), tables by |, inline code by one
backtick.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
NOT_OURS = {".venv", ".git", "build", "node_modules", ".pytest_cache"}

_FENCE = re.compile(r"^([ ]*)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`((?:[^`\n]|\n(?!\n))+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block: its language, "" for none, and its text without the indentation."""

    language: str
    text: str


@dataclass(frozen=True)
class Document:
    """One Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        """Its path in the project."""
        return str(self.path.relative_to(ROOT))

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def blocks(self) -> list[Block]:
        return [
            Block(match[2], re.sub(rf"^{match[1]}", "", match[3], flags=re.MULTILINE))
            for match in _FENCE.finditer(self.text)
        ]

    @cached_property
    def prose(self) -> str:
        """All but the fenced blocks."""
        return _FENCE.sub("", self.text)

    @cached_property
    def code(self) -> list[str]:
        """Inline code, each once."""
        return list(dict.fromkeys(names_in(self.prose)))

    @cached_property
    def links(self) -> list[str]:
        return _LINK.findall(self.prose)

    @cached_property
    def headings(self) -> list[str]:
        return _HEADING.findall(self.prose)

    @cached_property
    def anchors(self) -> set[str]:
        """What a link may name behind #: the headings as code hosts spell them."""
        lowered = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in self.headings)
        return {text.replace(" ", "-") for text in lowered}

    def section(self, heading: str) -> str:
        """The text under a heading, to the next one of its level or above."""
        match = re.search(rf"^(#+) {re.escape(heading)}$", self.text, re.MULTILINE)
        assert match is not None, f"{self.name} has no section {heading!r}"
        rest = self.text[match.end() :]
        end = re.search(rf"^#{{1,{len(match[1])}}} ", rest, re.MULTILINE)
        return rest[: end.start()] if end else rest


@cache
def documents() -> list[Document]:
    """Every Markdown file of the project."""
    found = [
        path
        for path in sorted(ROOT.rglob("*.md"))
        if not NOT_OURS & set(path.relative_to(ROOT).parts)
    ]
    assert len(found) > 9, found
    return [Document(path) for path in found]


def document(name: str) -> Document:
    """One of them, by its path in the project."""
    return Document(ROOT / name)


def tables(text: str) -> Iterator[list[list[str]]]:
    """The tables of a text: rows of cells, the head first, without the line below it."""
    rows: list[list[str]] = []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
                rows.append(cells)
        elif rows:
            yield rows
            rows = []


def table(text: str, *head: str) -> list[list[str]]:
    """The rows of the one table with this head."""
    found = [rows[1:] for rows in tables(text) if rows[0] == list(head)]
    assert len(found) == 1, f"{len(found)} tables with the head {head}"
    return found[0]


def names_in(text: str) -> list[str]:
    """The inline code of a text, each in one line."""
    return [" ".join(code.split()) for code in _CODE.findall(text)]
