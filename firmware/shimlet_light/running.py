"""The node's life on a board: start it, stop it by ^C, start it anew after a fault of ours.

In: config.json, identity.seed, what the board has (Wi-Fi, LED, watchdog) and, if there is one,
app.py. Called by main.py, and by people in the REPL: `start()` runs the node again, `node` is the
one that runs or ran last.
"""

import asyncio
import gc
import sys
import time

from shimlet_light import health, identity, watchdog
from shimlet_light.commands import once
from shimlet_light.node import LightNode

try:
    import network
except ImportError:  # no Wi-Fi: sockets just work
    network = None

node = None
_health = None
_led = None


def start():
    """Run the node until ^C; after a fault of ours make a new one."""
    global _health, _led
    gc.collect()
    # Early collections keep the free memory in large pieces.
    gc.threshold((gc.mem_alloc() + gc.mem_free()) // 8)
    if _health is None:  # once a start of the board: it counts resets
        _health = health.Health(health.HEALTH_FILE)
        _led = _find_led()
    try:
        while _run():
            print("The node failed. It starts again in 5 s.")
            time.sleep(5)
    except KeyboardInterrupt:
        print("The node is stopped. start() runs it again, Ctrl-D restarts the board.")
    finally:
        _relieve()
        if _led is not None:
            _led.show(False)


def _run():
    """Run one node to its end; True if another one may do better."""
    global node
    node = None  # what is left of the last one makes room
    asyncio.new_event_loop()  # without what a ^C left in the old one
    gc.collect()
    try:
        node = LightNode(once("config").load(), identity.load())
        _equip(node)
        asyncio.run(node.run())
    except identity.IdentityError as error:
        print("The node cannot start:", error)
        return False
    except Exception as error:
        sys.print_exception(error)
        _health.note("node", error)
        _health.turn()
    finally:
        if node is not None:
            node.close()
    return True


def _equip(node):
    """Give the node what this board has."""
    node.health = _health
    node.guard = watchdog.Guard()
    node.works.append(node.guard.run)
    if network is not None:
        from shimlet_light.wifi import Wifi

        node.wifi = Wifi(node, network)
        node.works.append(node.wifi.run)
    if _led is not None:
        _led.node = node
        node.works.append(_led.run)


def _find_led():
    """The LED that shimlet_board names, lit; None for none."""
    board, machine = watchdog.shimlet_board, watchdog.machine
    if getattr(board, "LED", None) is None or not hasattr(machine, "Pin"):
        return None
    from shimlet_light.led import Led

    try:
        return Led(machine.Pin(board.LED, machine.Pin.OUT), getattr(board, "LED_ON", 1))
    except (OSError, TypeError, ValueError) as error:
        print("The board has no such LED:", error)
        return None


def _relieve():
    """A second ^C must not leave the watchdog unfed."""
    while True:
        try:
            return watchdog.relieve()
        except KeyboardInterrupt:
            pass
