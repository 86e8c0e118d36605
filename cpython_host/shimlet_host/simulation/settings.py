"""What a run is made of: how many nodes, how long, how bad the network, which attack.

Made by the command line and by tests; `checked()` is where bad input becomes a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from shimlet_host.autopeering import Parameters
from shimlet_host.model import HostError
from shimlet_host.simulation.clock import UNIX_START
from shimlet_host.simulation.network import Conditions

INTERVAL_S = 7200
MAX_NODES = 10_000
# Salt chains that begin shortly before the run cost nothing to compute.
PARAMETERS = Parameters(chain_length=64, chain_start_s=UNIX_START - 20 * INTERVAL_S)


class SimulationError(HostError):
    """A run that cannot be; the text is a sentence for the operator."""


@dataclass(frozen=True)
class Split:
    """A partition: from this minute on, for so many minutes."""

    start_min: float
    length_min: float


@dataclass
class Settings:
    """One run. `churn` and `crashes` are shares of the nodes an hour; `skew_s` is how far wall
    clocks are off at most.
    """

    nodes: int = 100
    minutes: float = 10.0
    seed: int = 1
    conditions: Conditions = field(default_factory=Conditions)
    parameters: Parameters = PARAMETERS
    join_within_s: float = 5.0
    churn: float = 0.0
    crashes: float = 0.0
    skew_s: float = 0.0
    split: Split | None = None
    private: bool = False  # the nodes are in 10.0.0.0/8
    signatures: bool = False

    def checked(self) -> Settings:
        """These settings, or SimulationError."""
        wrong = [sentence for holds, sentence in self._rules() if not holds]
        if wrong:
            raise SimulationError(" ".join(wrong))
        return self

    def _rules(self) -> list[tuple[bool, str]]:
        conditions, split, theta = self.conditions, self.split, self.parameters.theta
        shares = (conditions.loss, conditions.duplication, conditions.reordering)
        return [
            (1 <= self.nodes <= MAX_NODES, f"From 1 to {MAX_NODES:,} nodes can be simulated."),
            (
                0 < self.minutes <= 60 * 24 * 30,
                "A run lasts more than 0 minutes, and 30 days at most.",
            ),
            (
                all(0 <= share < 1 for share in shares),
                "Loss, duplication and reordering are shares of the packets, from 0 to below 1.",
            ),
            (0 <= conditions.latency_s <= 10, "A packet takes from 0 to 10 seconds."),
            (
                0 <= self.churn <= 60 and 0 <= self.crashes <= 60,
                "Churn and crashes are shares of the nodes an hour, from 0 to 60.",
            ),
            (0 <= self.skew_s <= 3600, "Clocks are off by an hour at most."),
            (theta is None or 0 < theta <= 1, "theta is a number above 0 and up to 1, or auto."),
            (
                split is None or (split.start_min >= 0 and split.length_min > 0),
                "A partition begins at minute 0 or later, and lasts more than 0 minutes.",
            ),
        ]


def parse_theta(text: str) -> dict[str, Any]:
    """The parameters that `--theta` means. Raises SimulationError."""
    if text == "off":
        return {"check_theta": False}
    if text == "auto":
        return {"theta": None}
    try:
        return {"theta": float(text)}
    except ValueError:
        raise SimulationError(f"theta {text!r}: write a number up to 1, auto or off.") from None


def parse_split(text: str) -> Split:
    """The partition of "FROM:LENGTH" in minutes. Raises SimulationError."""
    start, _, length = text.partition(":")
    try:
        return Split(float(start), float(length))
    except ValueError:
        raise SimulationError(
            f"partition {text!r}: write FROM:LENGTH in minutes, for example 5:30."
        ) from None
