"""A remote switch: a message switches a pin of the board, and the board confirms it.

Copy it to the board as app.py, and put the number of your pin below. Then, on the desktop, with
the board's name (config.json):

    curl http://127.0.0.1:8080/messages -d '{"payload": "lamp on #1"}'

The board switches and publishes "lamp is on #1". What follows the # makes each message another
one, so choose a new number each time: the same bytes are passed on once only. A message does not
tell who wrote it: `public_key` is the neighbor that passed it on. So whoever is in the network can
switch: let it be a lamp, not a door.
"""

from machine import Pin

PIN = 5
STATES = ("off", "on")


async def run(node):
    """Called by the node. It may end: on_message is called as long as the node runs."""
    name = node.status()["name"]
    commands = [f"{name} {state}".encode() for state in STATES]
    pin = Pin(PIN, Pin.OUT, value=0)

    def on_message(data, public_key):
        command, mark, number = data.partition(b" #")
        if command in commands:
            level = commands.index(command)
            pin.value(level)
            node.publish(f"{name} is {STATES[level]}".encode() + mark + number)

    node.on_message = on_message
