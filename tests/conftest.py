"""What pytest needs to run tests that were written for two interpreters, and side by side.

Tests of tests/core and tests/light know no pytest: they skip by an exception of a class named
`Skip`, in a test or while the file is imported. Here it becomes pytest's own. Tests may put lines
into the summary, as tests/test_run_mpy.py does with the closing lines of MicroPython.

`make test` spreads the tests over workers (pytest-xdist): everything here works with and without.
"""

import os
import signal
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

SUMMARY_LINE = "summary line"  # among the properties of a test, which travel from its worker to us
WORKERS_PER_CORE = 2  # tests of nodes and boards wait half of their time
MAX_WORKERS = 8  # each may run two nodes and two boards


def pytest_configure(config: pytest.Config) -> None:
    """Where `make test &` has ^C ignored, tests need it still; a property may be slow to try."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    patient = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
    settings.register_profile("busy machine", **patient)
    settings.load_profile("busy machine")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """How many workers `-n auto` starts."""
    return min(WORKERS_PER_CORE * (os.cpu_count() or 1), MAX_WORKERS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each worker begins with a long test, as at the end the others would wait for it: its share
    at first is a run of neighbors, of which idle ones take over.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 0))
    long = [item for item in items if workers and item.get_closest_marker("long")]
    items[:] = [item for item in items if item not in long]
    for number, item in enumerate(long):
        items.insert(number % workers * (len(items) // workers), item)


@pytest.fixture
def shared_tmp() -> Iterator[Path]:
    """A temporary folder that other users may enter: those of pytest are closed to them."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def show_in_summary(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """A function that puts a line into the summary at the end."""
    return partial(record_property, SUMMARY_LINE)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the lines of tests before pytest's own."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    for report in reports:
        if getattr(report, "when", "") == "teardown":
            for name, line in report.user_properties:
                if name == SUMMARY_LINE:
                    terminalreporter.line(line)


def _skip_if_asked(error: BaseException) -> None:
    if type(error).__name__ == "Skip":
        raise pytest.skip.Exception(str(error), allow_module_level=True) from error


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """A Skip raised in a test is pytest's skip."""
    try:
        return (yield)
    except Exception as error:
        _skip_if_asked(error)
        raise


class BothInterpreters(pytest.Module):
    """A test file that may raise Skip while it is imported."""

    def _getobj(self) -> Any:
        try:
            return super()._getobj()
        except Exception as error:
            _skip_if_asked(error.__cause__ or error)
            raise


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """A skip names its file: of those that one line raises, pytest-xdist tells the first alone."""
    report = yield
    if report.skipped and isinstance(collector, BothInterpreters):
        _, _, reason = report.longrepr
        report.longrepr = (str(collector.path), None, reason)
    return report


def pytest_pycollect_makemodule(module_path: Any, parent: Any) -> pytest.Module | None:
    """Files of tests/core and tests/light may skip themselves."""
    if module_path.parent.name in ("core", "light"):
        return BothInterpreters.from_parent(parent, path=module_path)
    return None
