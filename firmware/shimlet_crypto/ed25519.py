"""Ed25519 (RFC 8032) on parts of buffers, by the fastest arithmetic that runs here.

In: seeds, keys, messages and signatures as parts of buffers. Out: bytes written into buffers of
the caller, or a bool; see the functions themselves. Called by the node's identity, and through
`shimlet_crypto`.
"""

from .chosen import BACKEND

if BACKEND == "bigint":
    from .bigint.ed25519 import public_key_into, sign_into, verify_in
else:
    from .viper.ed25519 import public_key_into, sign_into, verify_in

__all__ = ("public_key_into", "sign_into", "verify_in")
