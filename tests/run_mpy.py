"""Runs plain `test_*` functions where there is no pytest: under MicroPython, on PCs and boards.

In: test files and folders as arguments; none means tests/core and tests/light. Out: one line a
failed or skipped test, failures with their traceback, and at the end `N passed, N failed,
N skipped`. The exit status is 1 when a test failed or when none passed. An exception of a class
named `Skip` skips the test, or the file that is imported. Called by tests/test_run_mpy.py, the
Makefile and tests/rungs/run_bare_metal.py; on a board: `mpremote mount . run tests/run_mpy.py`.
"""

import gc
import os
import sys

# At the end: MICROPYPATH may name the same modules compiled to .mpy, as boards get them.
sys.path.extend(("common", "firmware", "tests"))


def files_of(path):
    """The test files in a folder, sorted; a file stands for itself."""
    if path.endswith(".py"):
        return [path]
    return [path + "/" + name for name in sorted(os.listdir(path)) if name.startswith("test_")]


def report(verdict, where, error):
    """Print a skip as one line, a failure with its traceback."""
    print(verdict, where, error if verdict == "skipped" else "")
    if verdict == "failed":
        sys.print_exception(error)


def attempt(where, function, *arguments):
    """Call the function; answer "passed", "failed" or "skipped" and what it returned."""
    try:
        return "passed", function(*arguments)
    except Exception as error:
        verdict = "skipped" if type(error).__name__ == "Skip" else "failed"
        report(verdict, where, error)
        return verdict, None


def run_file(path, counts):
    """Import one file, call its tests, and unload all that it loaded."""
    folder, name = path[: -len(".py")].rsplit("/", 1)
    loaded = set(sys.modules)
    sys.path.insert(0, folder)
    verdict, module = attempt(path, __import__, name)
    if module is None:
        counts[verdict] += 1
    for test in [] if module is None else sorted(dir(module)):
        if test.startswith("test_"):
            counts[attempt(path + "::" + test, getattr(module, test))[0]] += 1
            gc.collect()
    sys.path.remove(folder)
    for unload in set(sys.modules) - loaded:
        del sys.modules[unload]


def main(paths):
    """Run the files and folders; answer the exit status."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for path in paths or ("tests/core", "tests/light"):
        for file in files_of(path):
            run_file(file, counts)
            gc.collect()  # here: inside, the file's module is still in use
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(getattr(sys, "argv", [""])[1:]))
