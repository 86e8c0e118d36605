"""Runs one simulation from its settings to its summary, and says how far it is.

In: Settings, and perhaps the name of an attack. Out: a Run. Called by cli/simulate.py and by
benchmarks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from shimlet_host.simulation.experiments import EXPERIMENTS, Judge
from shimlet_host.simulation.faults import plan_faults
from shimlet_host.simulation.report import Run, progress
from shimlet_host.simulation.settings import Settings, SimulationError
from shimlet_host.simulation.statistics import Recorder
from shimlet_host.simulation.world import World

_SAMPLES = 60
_TOLD = 10  # lines of progress
Prepare = Callable[[World], Judge]


def simulate(
    name: str,
    settings: Settings,
    prepare: Prepare | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Run:
    """One run. `prepare` gets the world before it starts: attackers enter there, and their judge
    says at the end whether they had success.
    """
    before = time.process_time()
    world = World(settings)
    world.populate()
    plan_faults(world)
    judge = prepare(world) if prepare is not None else None
    recorder = Recorder(world)
    recorder.take()
    for number in range(1, _SAMPLES + 1):
        moment = settings.minutes * 60 * number / _SAMPLES
        if moment <= world.clock.now:  # an attack has let time pass already
            continue
        world.clock.run_until(moment)
        sample = recorder.take()
        if number % (_SAMPLES // _TOLD) == 0:
            say(progress(sample, settings.minutes))
    success = judge() if judge is not None else None
    return Run(name, settings, recorder.summary(), time.process_time() - before, success)


def attacked(name: str, settings: Settings, *, defended: bool, say: Callable[[str], None]) -> Run:
    """A run in which one node more is the victim of an attack. Raises SimulationError.

    Without defences the theta test and the salt chain are off, too.
    """
    found = {experiment.name: experiment for experiment in EXPERIMENTS}
    if name not in found:
        raise SimulationError(f"There is no attack {name!r}. There are: {', '.join(found)}.")
    experiment = found[name]
    parameters = experiment.parameters(settings.parameters, defended=defended)
    if not defended:
        parameters = replace(parameters, check_theta=False, check_salt_chain=False)
    settings = replace(settings, parameters=parameters, private=experiment.private)
    title = f"{name}, defences {'on' if defended else 'off'}"
    say(f"{title}: {experiment.goal}")
    return simulate(title, settings, lambda world: experiment.attack(world, world.add_node()), say)
