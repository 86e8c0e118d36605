"""What each end brings to the shell: a Net with its Streams, and a Watcher that hears the news.

The host's are made of sockets and asyncio (shimlet_host/net.py), the board's of MicroPython's
asyncio (shimlet_light/net.py), the tests' of a pretend wire. streams.py calls them.
"""


class Stream:
    """One TCP connection. Errors are OSErrors; Net.reason() puts them into words."""

    source = ""  # the remote IP
    local = b""  # our own "ip:port" as the socket tells it, b"" where it cannot be read

    async def readinto(self, view: memoryview) -> "int | None":
        """Read into `view`: how many bytes, 0 at the end of the stream, None for nothing yet."""
        raise NotImplementedError

    async def send(self, data: bytes) -> None:
        """Send all of `data`, in one write if the network takes it."""
        raise NotImplementedError

    async def send_frame(self, header: bytearray, header_length: int, content: bytes) -> None:
        """Send header[:header_length] and then `content`."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close the socket and free it. Never raises."""
        raise NotImplementedError


class Net:
    """The way to the network, to the clocks and to chance."""

    def now(self) -> int:
        """Monotonic milliseconds, wrapping as ticks.py says."""
        raise NotImplementedError

    def unix_time(self) -> int:
        """Whole unix seconds, 0 while the clock is not set."""
        raise NotImplementedError

    def random_byte(self) -> int:
        """0..255, for jitter only."""
        raise NotImplementedError

    async def sleep_ms(self, duration_ms: int) -> None:
        """Let others run for this long; 0 lets each of them run once."""
        raise NotImplementedError

    async def resolve(self, host: str) -> str:
        """A numeric IP of `host`, without blocking the loop. OSError if it has none."""
        raise NotImplementedError

    async def connect(self, ip: str, port: int) -> Stream:
        """A connected stream. The shell sets the time limit."""
        raise NotImplementedError

    def reason(self, error: OSError, default: int) -> int:
        """The reason code that says what `error` means; `default` for an error without a meaning
        of its own.
        """
        raise NotImplementedError


class Watcher:
    """Hears what happens to links and messages. Methods must not block; the default is not to
    care.

    Keys are 32 raw bytes, `source` is a remote IP, reasons are codes of reasons.py.
    """

    def link_up(self, public_key: bytes, outbound: bool, source: str) -> None:
        """A handshake is through and the link carries gossip."""

    def link_down(self, public_key: bytes, reason: int) -> None:
        """The live link of this peer is gone (not called when a newer one replaced it)."""

    def dial_failed(self, public_key: bytes, address: str, reason: int) -> None:
        """A dial led to no link."""

    def refused(self, source: str, claimed_key: bytes, reason: int) -> None:
        """A caller was refused; its key is only a claim, b"" when none was read."""

    def pending(self, public_key: bytes, source: str) -> None:
        """An authenticated caller that is not listed became a pending peer."""

    def message(self, data: bytes, message_id: bytes, public_key: bytes) -> None:
        """A message that is new to us came from this neighbor."""

    def fault(self, error: Exception) -> None:
        """A fault of our own in the handling of one connection, which is closed."""
