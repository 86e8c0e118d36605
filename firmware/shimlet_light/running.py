"""The node's life on a board: start it, stop it by ^C, start it anew after a fault of ours.

In: config.json, identity.seed and, if there is one, app.py. Called by main.py, and by people in
the REPL: `start()` runs the node again, `node` is the one that runs or ran last.
"""

import asyncio
import gc
import sys
import time

from shimlet_light import identity
from shimlet_light.commands import once
from shimlet_light.node import LightNode

node = None


def start():
    """Run the node until ^C; after a fault of ours make a new one."""
    gc.collect()
    # Early collections keep the free memory in large pieces.
    gc.threshold((gc.mem_alloc() + gc.mem_free()) // 8)
    while True:
        try:
            return _run()
        except identity.IdentityError as error:
            return print("The node cannot start:", error)
        except KeyboardInterrupt:
            return print("The node is stopped. start() runs it again, Ctrl-D restarts the board.")
        except Exception as error:
            sys.print_exception(error)
            print("The node failed. It starts again in 5 s.")
        time.sleep(5)


def _run():
    global node
    node = None  # what is left of the last one makes room
    gc.collect()
    node = LightNode(once("config").load(), identity.load())
    try:
        asyncio.run(node.run())
    finally:
        node.close()
        asyncio.new_event_loop()
