"""SHA-512 by the fastest arithmetic that runs here; see the functions themselves."""

from .chosen import BACKEND

if BACKEND == "bigint":
    from .bigint.sha512 import Sha512, sha512, sha512_into
else:
    from .viper.sha512 import Sha512, sha512, sha512_into

__all__ = ("Sha512", "sha512", "sha512_into")
