"""Ed25519 in viper, MicroPython's subset that compiles to machine code with plain 32-bit ints.

Called by the modules one folder up, which choose. Only for interpreters with 32-bit words: on
64 bits the same source computes other numbers.
"""
