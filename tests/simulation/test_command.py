"""`shimlet simulate`: what it prints and draws, and its answers to bad input."""

import json
import os
import subprocess
import sys

import pytest
from shimlet_host.cli import app
from shimlet_host.simulation.running import simulate
from shimlet_host.simulation.settings import Settings, Split
from typer.testing import CliRunner

FAULTS = ["--loss", "0.1", "--duplication", "0.1", "--reordering", "0.1", "--skew", "3"]
FAULTS += ["--churn", "6", "--crashes", "6", "--partition", "1:1"]


def run(*arguments):
    return CliRunner().invoke(app, ["simulate", *arguments])


def test_the_report_says_all_that_there_is_to_say():
    result = run("--nodes", "8", "--minutes", "2")
    assert result.exit_code == 0
    for words in (
        "minute 2.0 of 2: 8 nodes",
        "full neighborhoods",
        "links: ",
        "each node and minute: ",
        "largest component: 100.0% of the nodes, diameter ",
        "eclipsed honest nodes: 0 at the end, 0 ever",
        "ms a node and minute",
    ):
        assert words in result.stdout, words


def test_json_is_one_value_and_progress_goes_elsewhere():
    result = run("--nodes", "5", "--minutes", "1", "--json")
    (found,) = json.loads(result.stdout)
    assert found["nodes"] == 5
    assert len(found["samples"]) == 61
    assert found["largest_component"] == 1.0
    assert found["links"] > 0
    assert len(found["lifetime_deciles_s"]) in (0, 11)
    total = sum(sample["messages"] * sample["nodes"] / 60 for sample in found["samples"])
    assert total == pytest.approx(found["messages"])
    assert "minute 1.0 of 1" in result.stderr


def test_an_attack_runs_with_the_defences_on_and_off():
    result = run("--nodes", "20", "--minutes", "3", "--attack", "eclipse")
    assert result.exit_code == 0
    on, off = result.stdout.split("eclipse, defences on: 20 nodes")[1].split("defences off: 20")
    assert "the attack failed" in on
    assert "the attack succeeded" in off
    assert "eclipsed honest nodes: 1 at the end" in off


def test_a_drawing_is_a_png(tmp_path):
    path = tmp_path / "run.png"
    assert run("--nodes", "4", "--minutes", "1", "--plot", str(path)).exit_code == 0
    assert path.read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_a_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run("--nodes", "4", "--minutes", "1", "--plot", str(tmp_path / "run.png"))
    assert result.exit_code == 1
    assert "pip install 'shimlet[plot]'" in result.stderr
    assert not result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--nodes", "0"], "From 1 to 10,000 nodes"),
        (["--nodes", "10001"], "From 1 to 10,000 nodes"),
        (["--minutes", "0"], "more than 0 minutes"),
        (["--minutes", "nan"], "more than 0 minutes"),
        (["--loss", "1.5"], "Loss, duplication and reordering"),
        (["--latency", "-1"], "from 0 to 10 seconds"),
        (["--churn", "-1"], "Churn and crashes"),
        (["--skew", "1e9"], "an hour at most"),
        (["--theta", "often"], "write a number up to 1, auto or off"),
        (["--theta", "0"], "above 0"),
        (["--partition", "5"], "FROM:LENGTH"),
        (["--partition", "5:0"], "more than 0 minutes"),
        (["--attack", "stare"], "There are: share, grind-salts"),
        (["--plot", "run.jpg"], "ends in .png"),
        (["--plot", "/no/such/run.png"], "there is no folder"),
    ],
)
def test_bad_input_gets_a_sentence(arguments, words):
    result = run(*arguments)
    assert result.exit_code == 1
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_what_is_no_number_is_a_wrong_argument():
    assert run("--nodes", "many").exit_code == 2


def test_the_same_seed_is_the_same_run_in_any_process():
    """Python draws the hashes of bytes anew in each process, unless it is told not to."""
    command = [sys.executable, "-m", "shimlet_host", "simulate", "--nodes", "12", "--json"]
    command += ["--minutes", "4", "--attack", "share", *FAULTS]
    results = []
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(command, capture_output=True, check=True, env=environment)
        results.append([without_cost(one) for one in json.loads(done.stdout)])
    assert results[0] == results[1]


def test_another_seed_is_another_run():
    runs = [simulate("", Settings(nodes=8, minutes=1, seed=seed)).summary for seed in (1, 2)]
    assert runs[0] != runs[1]


def test_nodes_that_leave_are_replaced_and_crashed_ones_come_back():
    settings = Settings(nodes=10, minutes=10, churn=3, crashes=6, split=Split(2, 1))
    samples = simulate("", settings).summary.samples
    assert {sample.nodes for sample in samples[6:]} >= {9, 10}
    assert min(sample.nodes for sample in samples[6:]) >= 7


def without_cost(run):
    return {name: value for name, value in run.items() if not name.startswith("cpu_")}
