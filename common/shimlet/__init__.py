"""The core of Shimlet, the same on boards and desktops; imports nothing by itself."""

__version__ = "0.1.0"
