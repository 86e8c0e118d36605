"""The light node: the core of Shimlet (`shimlet`) on a MicroPython board. Start with node.py."""
