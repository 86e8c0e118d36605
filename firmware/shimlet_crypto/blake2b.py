"""BLAKE2b by the fastest arithmetic that runs here; see the functions themselves."""

from .chosen import BACKEND

if BACKEND == "bigint":
    from .bigint.blake2b import blake2b, blake2b_into
else:
    from .viper.blake2b import blake2b, blake2b_into

__all__ = ("blake2b", "blake2b_into")
