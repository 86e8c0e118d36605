"""The Wi-Fi driver: the one place of the node that uses a `network` module, which is handed in.

In go orders to connect and to leave, out come an IP or the reason why there is none. Called by
wifi.py. Tests hand in a module of their own.
"""

import time

_STATES = (  # constants of the ports, and what they mean; not every port has all
    ("STAT_NO_AP_FOUND", "no-access-point"),
    ("STAT_WRONG_PASSWORD", "wrong-password"),
    ("STAT_HANDSHAKE_TIMEOUT", "wrong-password"),
    ("STAT_CONNECT_FAIL", "join-failed"),
)


class Interface:
    """The driver. Nothing of it raises: an error is None, and the next step a try of its own.

    `slowest_ms`: the longest that a call took. Its steps are apart, so that the loop can turn in
    between: active() may wait for the driver, and connect() fails while one is under way.
    """

    def __init__(self, network) -> None:
        self._network = network
        self._wlan = None
        self._words = {}
        for name, word in _STATES:
            self._words[getattr(network, name, None)] = word
        self._words[None] = "driver-error"
        self.slowest_ms = 0
        self.switch(True)
        self.slowest_ms = 0  # the first start takes long, but nothing waits for it

    def _call(self, name: str, *arguments):
        start = time.ticks_ms()
        try:
            if self._wlan is None:
                self._wlan = self._network.WLAN(self._network.STA_IF)
            return getattr(self._wlan, name)(*arguments)
        except Exception:
            return None
        finally:
            self.slowest_ms = max(self.slowest_ms, time.ticks_diff(time.ticks_ms(), start))

    def switch(self, on: bool) -> None:
        """Bring it up, or take it down."""
        self._call("active", on)

    def join(self, ssid: str, password: str) -> None:
        """Begin to connect. An open network has no password."""
        self._call("connect", ssid, password or None)

    def leave(self) -> None:
        """End a connection, or an attempt at one."""
        self._call("disconnect")

    def found(self) -> "tuple | None":
        """(ip, mask, gateway, name server), None while it does not even say it is connected."""
        if not self._call("isconnected"):
            return None
        found = self._call("ifconfig")
        return None if found is None or found[0] == "0.0.0.0" else found

    def status(self) -> "int | None":
        """The port's own number."""
        return self._call("status")

    def word(self) -> str:
        """Why there is no connection, as far as the driver tells; else "no-answer"."""
        return self._words.get(self.status(), "no-answer")
