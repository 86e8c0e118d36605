"""What an emulated board's firmware brings beside our code: how to get at files, how to count.

In: the functions of a manifest reader. Called by: boards/qemu_*/manifest.py; tests/rungs/plain.py,
whose firmware has nothing else.
"""

# ruff: noqa: F821 - the reader brings the functions

module("qemucount.py")
module("qemufiles.py")
