"""The LED shows how the node is: booting, no network, clock not set, no link, linked.

In go the pin that `flash` wrote into shimlet_board and the running node, out comes light. Called
by running.py, where the board has an LED.
"""

import asyncio

# ms on, ms off, and so on
NO_NETWORK = (100, 100)
CLOCK_NOT_SET = (150, 150, 150, 1050)
NO_LINK = (1000, 1000)
LINKED = (50, 2950)  # a light that stays the same might be that of a board that hangs


def pattern(node) -> tuple:
    """What to show now."""
    if node.net.offline:
        return NO_NETWORK
    if not node.net.unix_time():
        return CLOCK_NOT_SET
    return LINKED if node.streams.links else NO_LINK


class Led:
    """`pin`: a machine.Pin; `on`: the level at which it gives light."""

    def __init__(self, pin, on: int = 1) -> None:
        self._pin = pin
        self._on = on
        self.node = None
        self.show(True)  # booting

    def show(self, lit: bool) -> None:
        """Light or no light."""
        self._pin.value(self._on if lit else 1 - self._on)

    async def run(self) -> None:
        """Show the state of `node` until cancelled."""
        while True:
            lit = True
            for duration_ms in pattern(self.node):
                self.show(lit)
                await asyncio.sleep_ms(duration_ms)
                lit = not lit
