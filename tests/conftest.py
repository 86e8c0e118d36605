"""What pytest needs to run tests that were written for two interpreters.

Tests of tests/core and tests/light know no pytest: they skip by an exception of a class named
`Skip`, in a test or while the file is imported. Here it becomes pytest's own. The closing lines
of the MicroPython runs, which tests/test_run_mpy.py launches, are shown in the summary.
"""

import signal
from collections.abc import Generator
from typing import Any

import pytest

MICROPYTHON_LINES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Start the list of closing lines. Where `make test &` has ^C ignored, tests need it still."""
    config.stash[MICROPYTHON_LINES] = []
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def show_in_summary(request: pytest.FixtureRequest) -> Any:
    """A function that puts a line into the summary at the end."""
    return request.config.stash[MICROPYTHON_LINES].append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the closing lines before pytest's own."""
    for line in terminalreporter.config.stash[MICROPYTHON_LINES]:
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


def pytest_pycollect_makemodule(module_path: Any, parent: Any) -> pytest.Module | None:
    """Files of tests/core and tests/light may skip themselves."""
    if module_path.parent.name in ("core", "light"):
        return BothInterpreters.from_parent(parent, path=module_path)
    return None
