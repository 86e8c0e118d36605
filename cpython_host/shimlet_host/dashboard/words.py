"""How the dashboard writes things: keys, times, states, and text of strangers.

In: values. Out: short text. What others wrote is only ever text here: without control characters
and marks that turn the direction of writing, and cut to a length. Pure.
"""

from __future__ import annotations

SHORT_KEY = 6  # characters kept at each end of a key
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400

# The tone of a state is the colour of its chip; the word stands in it, too.
TONES = {
    "connected": "good",
    "dialling": "busy",
    "waiting": "idle",
    "backing-off": "warn",
    "clock-not-set": "bad",
    "disabled": "off",
}


def short_key(key: str) -> str:
    """The ends of a base58 key."""
    if len(key) <= 2 * SHORT_KEY + 1:
        return key
    return f"{key[:SHORT_KEY]}…{key[-SHORT_KEY:]}"


def printable(text: str, longest: int) -> str:
    """Text of others, made harmless for the eye, on one line and at most so long."""
    cut = text[: longest + 1]
    clean = "".join(c if c.isprintable() else " " if c.isspace() else "\u00b7" for c in cut)
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"


def tone_of(state: str) -> str:
    """The colour of a state that is new here is that of an idle one."""
    return TONES.get(state, "idle")


def duration(seconds: float) -> str:
    """Roughly, in the two largest units."""
    whole = max(0, round(seconds))
    days, rest = divmod(whole, DAY_S)
    hours, rest = divmod(rest, HOUR_S)
    minutes, seconds_left = divmod(rest, MINUTE_S)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds_left} s" if minutes else f"{seconds_left} s"


def size(count: int) -> str:
    """Bytes as people read them."""
    if count < 1024:
        return f"{count} B"
    if count < 1024 * 1024:
        return f"{count / 1024:.1f} KB"
    return f"{count / (1024 * 1024):.1f} MB"


def number(value: float) -> str:
    """A reading's value: thousands apart, and no more digits than one reads."""
    if value == int(value) and abs(value) < 1e12:
        return f"{int(value):,}".replace(",", "\u202f")
    return f"{value:.4g}"
