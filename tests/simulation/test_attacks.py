"""Each attack succeeds without its defence, and less with it; the benchmark tells how often."""

import pytest
from shimlet_host.simulation.experiments import EXPERIMENTS
from shimlet_host.simulation.intervals import Rate

SEEDS = (2, 3)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda one: one.name)
def test_an_attack_succeeds_without_its_defence_and_fails_with_it(experiment):
    without = experiment.rate(SEEDS, defended=False)
    assert without.successes >= 1
    assert experiment.rate(SEEDS, defended=True).successes < without.successes


@pytest.mark.parametrize(
    ("successes", "low", "high"), [(0, 0.0, 0.161), (20, 0.839, 1.0), (10, 0.299, 0.701)]
)
def test_wilson_intervals_are_those_of_the_books(successes, low, high):
    assert Rate(successes, 20).interval == pytest.approx((low, high), abs=0.001)
