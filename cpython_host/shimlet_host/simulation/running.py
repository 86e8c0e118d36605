"""Runs one simulation from its settings to its summary, and says how far it is.

In: Settings, and perhaps an attack. Out: a Run. Called by cli/simulate.py and benchmarks.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from shimlet_host.simulation.faults import plan_faults
from shimlet_host.simulation.report import Run, progress
from shimlet_host.simulation.settings import Settings
from shimlet_host.simulation.statistics import Recorder
from shimlet_host.simulation.world import World

_SAMPLES = 60
_TOLD = 10  # lines of progress
Prepare = Callable[[World], object]


def simulate(
    name: str,
    settings: Settings,
    prepare: Prepare | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Run:
    """One run. `prepare` gets the world before it starts: attackers enter there."""
    before = time.process_time()
    world = World(settings)
    world.populate()
    plan_faults(world)
    if prepare is not None:
        prepare(world)
    recorder = Recorder(world)
    recorder.take()
    for number in range(1, _SAMPLES + 1):
        world.clock.run_until(settings.minutes * 60 * number / _SAMPLES)
        sample = recorder.take()
        if number % (_SAMPLES // _TOLD) == 0:
            say(progress(sample, settings.minutes))
    return Run(name, settings, recorder.summary(), time.process_time() - before)
