"""What get_frozen freezes into its MicroPython: asyncio, as any firmware has it, and what ships.

In: the functions of MicroPython's manifest reader; build/staged, where stage.py laid it out.
Called by: MicroPython's own build.
"""

# ruff: noqa: F821 - the reader brings the functions

include("$(MPY_DIR)/extmod/asyncio")
freeze("../../build/staged")
