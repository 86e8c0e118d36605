"""Starts the light node when the board starts. ^C stops it and gives the REPL, where start() runs
it again. Called by MicroPython, after boot.py. It stays this short because the board compiles it.
"""

from shimlet_light.running import start

start()
