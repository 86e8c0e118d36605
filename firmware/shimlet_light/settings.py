"""What a light node runs with. Made by config.py from config.json, or by hand; read by node.py.

It is apart from config.py because that is dropped from memory once it has done its work, and an
object keeps the module of its class alive.
"""

import sys

from shimlet.wire import const

PORT = 14666
# Where there is an operating system, it keeps the clock right.
NTP_HOSTS = () if sys.platform in ("linux", "darwin") else ("pool.ntp.org:123",)
MAX_KNOWN_PEERS = const(8)
MAX_PROBLEMS = const(8)
_MAX_PROBLEM = const(200)  # characters


class Settings:
    """Times are milliseconds. `problems`: sentences about the config, shown in the status."""

    def __init__(self) -> None:
        self.name = "board"
        self.profile = "spec"
        self.known_peers: list[tuple[bytes, str]] = []
        self.reconnect_interval_ms = 5000
        self.max_backoff_ms = 5000
        self.bind_host = "0.0.0.0"
        self.bind_port = PORT
        self.addresses: list[bytes] = []  # "ip:port" under which others know us, beside our own
        self.buffer_size = 2048  # bytes of the largest frame that is taken
        self.relay = False
        self.dns = ""  # "ip:port" of a name server, "" for that of the network interface
        self.ntp = list(NTP_HOSTS)  # "host:port" of time servers, in the order to ask them
        self.problems: list[str] = []  # at most MAX_PROBLEMS

    def note(self, problem: str) -> None:
        """Remember one more problem, as far as there is room."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem[:_MAX_PROBLEM])
