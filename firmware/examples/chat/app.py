"""A chat of boards: each greets when its link comes up, answers whoever greets, prints the rest.

Copy it to two boards as app.py, give them names (config.json), and list both in one desktop node,
which passes on what they say. A line of the chat is a message like "kitchen: hello #17". What
follows the # makes each message another one: the same bytes are passed on once only. People join
in from the desktop:

    curl http://127.0.0.1:8080/messages -d '{"payload": "anna: hello"}'
"""

import asyncio
import time

LONGEST = 200  # bytes of a line


def is_connected(node):
    """Whether a link is up."""
    return any(peer["state"] == "connected" for peer in node.peers())


def line_of(data):
    """Who speaks and what, of a message like "kitchen: hello #17"; two empty texts for none."""
    if len(data) > LONGEST or not all(32 <= byte < 127 for byte in data):
        return "", ""
    name, _, text = str(data, "utf-8").partition(": ")
    return (name, text.partition(" #")[0]) if text else ("", "")


async def run(node):
    """Called by the node; greets whenever the link is new."""
    ours = node.status()["name"]

    def say(text):
        node.publish(f"{ours}: {text} #{time.time()}".encode())

    def on_message(data, public_key):
        name, text = line_of(data)
        if text:
            print(f"{name} says: {text}")
        if text == "hello":
            say(f"welcome, {name}")

    node.on_message = on_message
    greeted = False
    while True:
        connected = is_connected(node)
        if connected and not greeted:
            say("hello")
        greeted = connected
        await asyncio.sleep(1)
