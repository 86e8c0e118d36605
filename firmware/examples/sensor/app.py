"""A sensor: publishes a reading every 10 s while somebody is there to hear it.

Copy it to the board as app.py; the node calls run(node) once it runs. A reading is JSON: the
board's name, the unix time, the value and its unit. Here the value is the free memory, which every
board has; put your sensor into measure(). The time also makes each message another one: the same
bytes are passed on once only.
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
    while True:
        if is_connected(node):
            value, unit = measure()
            status = node.status()
            reading = {"name": status["name"], "time": status["unixTime"]}
            reading.update({"value": value, "unit": unit})
            node.publish(json.dumps(reading).encode())
            await asyncio.sleep(INTERVAL_S)
        else:
            await asyncio.sleep(1)
