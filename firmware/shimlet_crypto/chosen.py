"""Which arithmetic runs here: decided once, at the first import.

Out: `BACKEND`, "viper" (unrolled, from .mpy), "viper-rolled" (loops, compiled on the board) or
"bigint" (plain ints), and `WHY`, a sentence on why it is not viper, else "". Called by the
modules of this package that have two forms.

Viper's ints are machine words, and ours have to have 32 bits. Where MicroPython has no native
code its compiler says SyntaxError, and ValueError is its word for a .mpy file that was made for
another processor. Other errors go on, above all MemoryError: signatures that suddenly take forty
times as long would be worse.
"""

import sys

# One after the other, each after those that it needs: nested imports take a board's stack, which
# has some 10 KB.
_PARTS = ("field", "comb", "scalar", "sha512", "blake2b", "curve", "ed25519")


def _viper() -> tuple:
    """The name of the viper form, or "", and why there is none."""
    if sys.implementation.name != "micropython":
        return "", "this is not MicroPython"
    if sys.maxsize >> 32:
        return "", "words have 64 bits here, and viper code is for 32"
    try:
        for part in _PARTS:
            __import__("shimlet_crypto.viper." + part)
        from .viper import field
    except SyntaxError:
        return "", "this MicroPython makes no native code"
    except (ImportError, ValueError) as error:
        return "", "the viper modules do not load: " + str(error)
    return field.FORM, ""  # all have checked themselves when imported


BACKEND, WHY = _viper()
BACKEND = BACKEND or "bigint"
del _viper  # its memory is free again
