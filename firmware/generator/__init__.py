"""Writes the unrolled modules of shimlet_crypto: a generator is their source, its output is built.

In: nothing. Out: {path below the board's library: Python source}, as a rolled module of the same
path is replaced when modules are compiled for a processor. Each module of this package that makes
some has a table MODULES of {path: function that returns the source}. This is CPython code and
does not go on a board. Called by shimlet_host.board.generated, and by hand:

    PYTHONPATH=firmware python -m generator build/generated
"""

from __future__ import annotations

import importlib
import pkgutil


def sources() -> dict[str, str]:
    """All generated modules, {"shimlet_crypto/viper/field.py": source} and so on."""
    made: dict[str, str] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("_"):
            continue
        makers = getattr(importlib.import_module(f"{__name__}.{module.name}"), "MODULES", {})
        made.update((path, make()) for path, make in makers.items())
    return made
