"""What ships on the emulated Cortex-M3: what every board gets, and what its tests need.

In: the functions of a manifest reader. Called by: `shimlet board build` and `firmware`.
"""

# ruff: noqa: F821 - the reader brings the functions

include("../manifest.py")
include("../../tests/rungs/on_board/manifest.py")
