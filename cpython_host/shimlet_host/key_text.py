"""Public keys as people read them, remembered: lists of peers are asked for again and again, and
most of an answer's time went into base58.

In: 32 bytes. Out: base58. Used by the web API and the metrics.
"""

from functools import lru_cache

from shimlet.identity import base58_encode

REMEMBERED = 4096  # known peers, and as many that autopeering knows, twice over

key_text = lru_cache(REMEMBERED)(base58_encode)
