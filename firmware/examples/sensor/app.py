"""A sensor: publishes a reading every 10 s while somebody is there to hear it.

Copy it to the board as app.py; the node calls run(node) once it runs. A reading is JSON: the
board's name, a counter, the value and its unit. Here the value is the free memory, which every
board has; put your sensor into measure().
"""

import asyncio
import gc
import json

INTERVAL_S = 10


def measure():
    """The value to publish, and its unit."""
    return gc.mem_free(), "bytes free"


def is_connected(node):
    """Whether a link is up; a message that nobody hears is lost."""
    return any(peer["state"] == "connected" for peer in node.peers())


def show(data, public_key):
    """Print the start of a message of another node."""
    print("Message:", "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in data[:200]))


async def run(node):
    """Called by the node; an error here is logged and does not stop the node."""
    node.on_message = show
    name = node.status()["name"]
    counter = 0
    while True:
        if not is_connected(node):
            await asyncio.sleep(1)
            continue
        value, unit = measure()
        counter += 1
        reading = {"name": name, "n": counter, "value": value, "unit": unit}
        node.publish(json.dumps(reading).encode())
        await asyncio.sleep(INTERVAL_S)
