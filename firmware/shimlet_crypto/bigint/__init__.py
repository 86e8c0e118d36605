"""Ed25519, SHA-512 and BLAKE2b in plain ints: for 64 bits, and where there is no native code.

Called by the modules of the same names one folder up, which choose.
"""
