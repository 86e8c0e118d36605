"""A run in words, and as a value for JSON.

In: Settings and Summary. Out: text for people, dicts for machines. Called by cli/simulate.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from shimlet_host.simulation.settings import Settings
from shimlet_host.simulation.statistics import Sample, Summary

_ROWS = 10


@dataclass(frozen=True)
class Run:
    """A run that is over. `name` tells it from others of the same command; `attack_succeeded` is
    None where there was no attack.
    """

    name: str
    settings: Settings
    summary: Summary
    cpu_s: float
    attack_succeeded: bool | None = None

    @property
    def cpu_ms_per_node_minute(self) -> float:
        """What a node costs for each virtual minute."""
        return self.cpu_s * 1000 / (self.settings.nodes * self.settings.minutes)


def progress(sample: Sample, minutes: float) -> str:
    """One line while it goes."""
    return (
        f"minute {sample.minute:.1f} of {minutes:g}: {sample.nodes} nodes,"
        f" {sample.full:.1%} full, {sample.chosen:.2f} chosen + {sample.accepted:.2f} accepted,"
        f" {sample.verified:.0f} verified"
    )


def as_text(run: Run) -> str:
    """The whole report."""
    return "\n".join(_lines(run))


def _lines(run: Run) -> Iterator[str]:
    summary, settings = run.summary, run.settings
    yield f"{run.name}: {settings.nodes} nodes, {settings.minutes:g} minutes, seed {settings.seed}"
    yield "  minute   full neighborhoods   chosen   accepted   eclipsed"
    for each in _some(summary.samples):
        yield (
            f"  {each.minute:6.1f}   {each.full:18.1%}   {each.chosen:6.2f}   {each.accepted:8.2f}"
            f"   {each.eclipsed:8d}"
        )
    yield (
        f"  links: {summary.links} stand, for {_seconds(summary.median_age_s)} (median);"
        f" {summary.ended_links} ended, after {_seconds(summary.median_lifetime_s)} (median)"
    )
    yield (
        f"  each node and minute: {summary.messages_per_node_minute:.1f} messages,"
        f" {summary.bytes_per_node_minute:.0f} bytes; in the second half"
        f" {summary.late_messages_per_node_minute:.1f} messages"
    )
    yield (
        f"  largest component: {summary.largest_component:.1%} of the nodes,"
        f" diameter {summary.diameter}; {summary.components} in all"
    )
    yield (f"  eclipsed honest nodes: {summary.eclipsed} at the end, {summary.ever_eclipsed} ever")
    if run.attack_succeeded is not None:
        yield f"  the attack {'succeeded' if run.attack_succeeded else 'failed'}"
    each_ms = run.cpu_ms_per_node_minute
    yield f"  cost: {run.cpu_s:.1f} s of CPU, {each_ms:.2f} ms a node and minute"


def _some(samples: tuple[Sample, ...]) -> list[Sample]:
    """Not more than fit on a screen, the first and the last among them."""
    count = min(_ROWS, len(samples))
    if count < 2:
        return list(samples)
    return [samples[round(row * (len(samples) - 1) / (count - 1))] for row in range(count)]


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} s"


def as_value(run: Run) -> dict[str, object]:
    """For JSON; the names are those of Summary."""
    settings = run.settings
    return {
        "name": run.name,
        "nodes": settings.nodes,
        "minutes": settings.minutes,
        "seed": settings.seed,
        "attack_succeeded": run.attack_succeeded,
        "cpu_s": round(run.cpu_s, 3),
        "cpu_ms_per_node_minute": round(run.cpu_ms_per_node_minute, 4),
        **asdict(run.summary),
    }
