"""Values of an answer that may be anything: each is what it should be, or empty.

In: decoded JSON of a node or a board, which may be old, odd or hostile. Out: values of the type
that the name says. Called by both `gather` modules.
"""

from __future__ import annotations

from typing import Any

from shimlet.identity import decode_key


def a_dict(value: object) -> dict[str, Any]:
    """An object, or an empty one."""
    return value if isinstance(value, dict) else {}


def a_list(value: object) -> list[Any]:
    """A list, or an empty one."""
    return value if isinstance(value, list) else []


def keyed(value: object) -> list[dict[str, Any]]:
    """The objects of a list that have a public key."""
    return [each for each in map(a_dict, a_list(value)) if is_key(each.get("publicKey"))]


def is_key(value: object) -> bool:
    """Whether this is a public key in base58."""
    try:
        return isinstance(value, str) and bool(decode_key(value))
    except ValueError:
        return False
