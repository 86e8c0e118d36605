"""BLAKE2b by the fastest arithmetic that runs here; see the functions themselves."""

from .bigint.blake2b import blake2b as blake2b
from .bigint.blake2b import blake2b_into as blake2b_into
