"""What ships on Raspberry Pi Pico 2 W: what every board gets.

In: the functions of a manifest reader. Called by: `shimlet board build`, `flash` and `firmware`.
"""

# ruff: noqa: F821 - the reader brings the functions

include("../manifest.py")
