"""When a node looks for its next chosen neighbor.

While places are free one request follows the other; a full neighborhood is at rest. All pauses are
random, so that two nodes do not request each other again and again at the same moments. Called by
selection.py.
"""

from __future__ import annotations

from collections.abc import Callable

from shimlet_host.autopeering.local import Local
from shimlet_host.autopeering.timers import Timer

_NEXT_S = 0.1  # between two requests of one round, at most
_ALL_ASKED_S = 2.0  # after everybody was asked in vain, before they are asked again
# Each neighbor that a full node replaces leaves one place empty and, most times, one node short,
# and the places that are left are rarely within the reach of those who look. So a full node looks
# for closer peers after fullOutboundUpdateInterval, then after 8 and 64 times as long, until the
# next salts. Without this some 95 % of 100 nodes have all their neighbors, with it 99 %.
_REST_GROWTH = 8
_MAX_REST = 2


class Pace:
    """One timer, for `look`; what it finds out decides when it runs again."""

    def __init__(self, local: Local, look: Callable[[], None]) -> None:
        self._local = local
        self._look = look
        self._timer: Timer | None = None
        self._rests = 0

    def reset(self) -> None:
        """New salts: there may be closer peers again."""
        self._rests = 0

    def next_round(self) -> None:
        """Look after outboundUpdateInterval."""
        self.look_in(self._about(self._local.parameters.outbound_update_interval_s))

    def next_one(self) -> None:
        """Look at once: there is a free place."""
        self.look_in(self._local.between(0, _NEXT_S))

    def all_asked(self) -> None:
        """Look when somebody may have changed their mind."""
        self.look_in(self._about(_ALL_ASKED_S))

    def rest(self) -> None:
        """All places are taken; whoever is closer is found later."""
        if self._timer is None:
            interval_s = self._local.parameters.full_outbound_update_interval_s
            self.look_in(self._about(interval_s * _REST_GROWTH**self._rests))
            self._rests = min(self._rests + 1, _MAX_REST)

    def wake(self) -> None:
        """Somebody is back: look after fullOutboundUpdateInterval, however long the rest was."""
        self.look_in(self._about(self._local.parameters.full_outbound_update_interval_s))

    def _about(self, seconds: float) -> float:
        return self._local.between(0.5, 1.5) * seconds

    def look_in(self, delay_s: float) -> None:
        """Look then, or earlier if that is settled already."""
        if self._timer is not None:
            if self._timer.at <= self._local.now + delay_s:
                return
            self._timer.cancel()
        self._timer = self._local.after(delay_s, self._due)

    def _due(self) -> None:
        self._timer = None
        self._look()
