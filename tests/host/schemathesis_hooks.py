"""What Schemathesis cannot guess: how a public key and an address look. Loaded by its process,
which test_web_generated.py starts.
"""

from __future__ import annotations

import schemathesis
from hypothesis import strategies as st
from shimlet.identity import base58_encode

KEYS = st.binary(min_size=32, max_size=32).map(base58_encode)
HOSTS = st.sampled_from(["192.0.2.7", "node.example", "[2001:db8::1]"])

schemathesis.openapi.format("public-key", KEYS)
schemathesis.openapi.format("host-port", st.builds("{}:{}".format, HOSTS, st.integers(1, 65535)))
