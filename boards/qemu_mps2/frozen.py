"""The firmware of the emulated Cortex-M3 with the crypto frozen in, to see what that holds.

In: the functions of MicroPython's manifest reader; build/staged, where the crypto's sources lie
with its generated modules. Called by: tests/rungs/get_rung3 frozen, by way of MicroPython's build.
"""

# ruff: noqa: F821 - the reader brings the functions

include("manifest.py")
package("shimlet_crypto", base_path="../../build/staged/firmware")
