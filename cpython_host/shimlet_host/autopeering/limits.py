"""Token buckets: how many packets of one IP are looked at (protocol.md, below "Parameters").

In go an IP and the time, out comes whether its packet may cost a signature check. The table is
bounded; the IP not heard for longest is forgotten first, which only gives it a full bucket again.
"""

from __future__ import annotations

from shimlet_host.autopeering.parameters import BURST, MAX_BUCKETS, PACKETS_PER_S


class TokenBuckets:
    """20 packets a second for each IP, in bursts of up to 100."""

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, float]] = {}  # tokens left, at this time

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, ip: str, now: float) -> bool:
        """Whether there was a token for one more packet."""
        tokens, then = self._buckets.pop(ip, (BURST, now))
        tokens = min(BURST, tokens + (now - then) * PACKETS_PER_S)
        allowed = tokens >= 1
        self._buckets[ip] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > MAX_BUCKETS:
            del self._buckets[next(iter(self._buckets))]
        return allowed
