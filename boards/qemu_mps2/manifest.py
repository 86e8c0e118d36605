"""What the firmware of the emulated Cortex-M3 brings: how to get at files, and how to count.

In: the functions of MicroPython's manifest reader. Called by: tests/rungs/get_rung3, by way of
MicroPython's own build. Our modules are not in it: they come with each run, as .mpy files.
"""

# ruff: noqa: F821 - the reader brings the functions

module("m3count.py", base_path="../../tests/rungs/on_board")
module("m3files.py", base_path="../../tests/rungs/on_board")
