"""Runs first on the board; nothing heavy belongs here. The node starts in main.py."""
