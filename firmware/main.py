"""Starts the light node when the board starts. ^C stops it and gives the REPL, where start() runs
it again. Called by MicroPython, after boot.py. It stays this short because the board compiles it.
"""

import shimlet_crypto  # noqa: F401 - first: its imports nest deep, and here the stack is empty
from shimlet_light.running import start

start()
