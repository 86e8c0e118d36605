"""Attackers: each a class that sends bytes, and knows only what comes to its own addresses.

What they know of a victim at first is what any peer is told of it: key, IP and port. Against which
defence each of them is up, experiments.py says.
"""
