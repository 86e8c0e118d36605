"""Ed25519 (RFC 8032) on parts of buffers, by the fastest arithmetic that runs here.

In: seeds, keys, messages and signatures as parts of buffers. Out: bytes written into buffers of
the caller, or a bool; see the functions themselves. Called by the node's identity, and through
`shimlet_crypto`.
"""

from .bigint.ed25519 import public_key_into as public_key_into
from .bigint.ed25519 import sign_into as sign_into
from .bigint.ed25519 import verify_in as verify_in
