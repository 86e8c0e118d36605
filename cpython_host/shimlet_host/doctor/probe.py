"""Whether a TCP connection from here to an address comes about.

In: "host:port". Out: one of the ends that `evidence` names. Called by `gather`.
"""

from __future__ import annotations

import errno
import socket

from shimlet.identity import parse_address

from .evidence import NAMELESS, OPEN, REFUSED, TIMEOUT, UNREACHABLE

TIMEOUT_S = 3.0


def probe(address: str, timeout_s: float = TIMEOUT_S) -> str:
    """Connect and close: how it ended."""
    try:
        with socket.create_connection(parse_address(address), timeout_s):
            return OPEN
    except ValueError:  # a name that cannot be one
        return NAMELESS
    except socket.gaierror:
        return NAMELESS
    except TimeoutError:
        return TIMEOUT
    except OSError as error:
        return REFUSED if error.errno in (errno.ECONNREFUSED, errno.ECONNRESET) else UNREACHABLE
