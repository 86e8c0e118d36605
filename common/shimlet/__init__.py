"""The core of Shimlet: one protocol for boards and desktops. Imports nothing, so that a board loads only what it uses."""

__version__ = "0.1.0"
