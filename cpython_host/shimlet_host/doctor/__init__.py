"""Why a known peer is not connected, and what mends it.

`gather` collects what can be asked of both sides and what a TCP connection tells, as `evidence`.
`diagnose` holds that against the rows of `table`, whose evidence functions are in `causes` and
whose literal commands are in `commands`. Called by: pairing a board (board/pair.py).
"""
