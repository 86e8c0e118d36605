"""Runs first on the board, before main.py; nothing heavy belongs here. The node starts in main.py."""
