"""The text of a scrape, made in pieces, between which the loop does what else there is.

In: families of metrics, and an encoder of Prometheus' library. Out: what it would give for all of
them at once. With 1,000 known peers that takes some 100 ms, in which no link would be read.
Called by metrics.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from copy import copy

from prometheus_client import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

PIECE = 250  # samples, which take 1 to 2 ms: as long as a signature check or two

Encoder = Callable[[Collector], bytes]


class _Families(Collector):
    """What an encoder takes."""

    def __init__(self, *families: Metric) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        return self._families


async def rendered(families: Iterable[Metric], encode: Encoder) -> bytes:
    """All families as text; each is asked for when those before it are done."""
    end = encode(_Families())  # OpenMetrics has a mark there
    text = []
    for family in families:
        await asyncio.sleep(0)
        head = _part(family, [], encode).removesuffix(end)
        text.append(head)
        for at in range(0, len(family.samples), PIECE):
            part = _part(family, family.samples[at : at + PIECE], encode)
            text.append(part.removesuffix(end).removeprefix(head))
            await asyncio.sleep(0)
    return b"".join([*text, end])


def _part(family: Metric, samples: list[Sample], encode: Encoder) -> bytes:
    """A family with these samples alone."""
    part = copy(family)
    part.samples = samples
    return encode(_Families(part))
