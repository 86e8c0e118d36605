"""The options of `shimlet simulate`: what each one takes and what its help says.

Grouped as a run is put together. Read by cli/simulate.py, where their defaults are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

# The run

Nodes = Annotated[int, typer.Option(help="How many.")]
Minutes = Annotated[float, typer.Option(help="Virtual ones.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same run.")]

# Its packets

Latency = Annotated[float, typer.Option(metavar="SECONDS", help="One way, on average.")]
Loss = Annotated[float, typer.Option(metavar="SHARE", help="Packets lost, 0.1 is 10 %.")]
Duplication = Annotated[float, typer.Option(metavar="SHARE", help="Packets sent twice.")]
Reordering = Annotated[
    float, typer.Option(metavar="SHARE", help="Packets held back ten times as long.")
]

# Its nodes

Skew = Annotated[float, typer.Option(metavar="SECONDS", help="How far clocks are off at most.")]
Churn = Annotated[
    float, typer.Option(metavar="SHARE", help="Nodes that leave for new ones in an hour.")
]
Crashes = Annotated[
    float, typer.Option(metavar="SHARE", help="Nodes that crash and come back in an hour.")
]
Partition = Annotated[
    str, typer.Option(metavar="FROM:LENGTH", help="Minutes in which two halves are apart.")
]
Attack = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="share, grind-salts, grind-identities, eclipse, replay or refuse; runs twice,"
        " with the defences on and off.",
    ),
]

# What they do

Theta = Annotated[str, typer.Option(help="A number up to 1, auto or off.")]
Signatures = Annotated[
    bool, typer.Option("--signatures", help="Sign and verify all packets; slow.")
]

# What comes out

Plot = Annotated[Path | None, typer.Option(metavar="FILE.png", help="Draw it; needs matplotlib.")]
