"""A sensor: publishes a reading every few seconds, and prints what other nodes publish.

Copy it to the board as app.py; the node calls run(node) once it runs. A reading is JSON: the
board's name, a counter, the value and its unit. Here the value is the free memory, which every
board has; put your sensor into measure().
"""

import asyncio
import gc
import json

INTERVAL_S = 5
LONGEST_SHOWN = 200  # bytes of a message


def measure():
    """The value to publish, and its unit."""
    return gc.mem_free(), "bytes free"


def show(data, public_key):
    """Print a message of another node."""
    print(
        "Message:", str(data[:LONGEST_SHOWN], "utf-8") if is_text(data) else data[:LONGEST_SHOWN]
    )


def is_text(data):
    """Whether all of it can be printed as text."""
    return all(32 <= byte < 127 for byte in data)


async def run(node):
    """Called by the node; an error here is logged and does not stop the node."""
    node.on_message = show
    counter = 0
    while True:
        value, unit = measure()
        counter += 1
        reading = {"name": node.settings.name, "n": counter, "value": value, "unit": unit}
        node.publish(json.dumps(reading).encode())
        await asyncio.sleep(INTERVAL_S)
