"""The table of boards/README.md: what is measured of each board, and what is estimated.

    python -m shimlet_host.board.table

In: all boards, and the sizes of what is built for them. Out: the lines between the two marks of
the README, written anew. A test compares them.
"""

from __future__ import annotations

from collections.abc import Iterable

from .build import contents
from .catalogue import FOLDER, BoardSpec, all_boards
from .shipped import LIBRARY

README = FOLDER / "README.md"
BEGIN, END = "<!-- the table: begin -->\n", "<!-- the table: end -->\n"
HEAD = ("board", "processor", "heap", "code", "heap at rest", "handshake", "tested on")
CYCLES = 1.5  # a processor takes for an instruction, about: flash is slow
NOTHING = "-"


def table() -> str:
    """The table as Markdown; raises HostError."""
    boards = all_boards()
    rows = [HEAD, ("---",) * len(HEAD), *(row(spec, boards) for spec in boards)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def row(spec: BoardSpec, boards: Iterable[BoardSpec]) -> tuple[str, ...]:
    """The cells of one board."""
    at_rest = spec.measured.heap_at_rest
    return (
        f"`{spec.id}`: {spec.name}",
        spec.processor,
        f"{spec.heap // 1024} KB",
        f"{code_bytes(spec) / 1024:.0f} KB",
        f"{at_rest.bytes / 1024:.0f} KB (rung {at_rest.rung})" if at_rest else NOTHING,
        _handshake(spec, boards),
        _tested(spec, boards),
    )


def code_bytes(spec: BoardSpec) -> int:
    """The size of the modules that this board gets."""
    files = contents(spec, spec.processor)
    return sum(
        len(content) if isinstance(content, bytes) else content.stat().st_size
        for path, content in files.items()
        if path.startswith(f"{LIBRARY}/")
    )


def _handshake(spec: BoardSpec, boards: Iterable[BoardSpec]) -> str:
    """Instructions where they were counted, else a time that is reckoned from those."""
    counted = spec.measured.handshake
    if counted is not None:
        return f"{counted.instructions / 1e6:.1f} M instructions (rung {counted.rung})"
    known = [other for other in boards if other.measured.handshake is not None]
    like = [other for other in known if other.processor == spec.processor] or known
    if spec.clock_mhz is None or not like or like[0].measured.handshake is None:
        return NOTHING
    instructions = like[0].measured.handshake.instructions
    return f"about {instructions * CYCLES / spec.clock_mhz / 1000:.0f} ms at {spec.clock_mhz} MHz"


def _tested(spec: BoardSpec, boards: Iterable[BoardSpec]) -> str:
    if spec.measured.rung is not None:
        return f"rung {spec.measured.rung}"
    same = [
        f"`{other.id}`"
        for other in boards
        if other.processor == spec.processor and other.measured.rung
    ]
    ran = f"its machine code on {', '.join(same)}; " if same else "only compiled; "
    return f"{ran}{spec.hardware}"


def written() -> str:
    """The table as the README has it."""
    text = README.read_text()
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)]


def main() -> None:
    """Write the README's table anew."""
    text = README.read_text()
    README.write_text(text.replace(BEGIN + written() + END, BEGIN + table() + END))
    print(README)


if __name__ == "__main__":
    main()
