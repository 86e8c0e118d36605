"""What the serial line can ask of the running node: the table of commands.

In go the node and the request, a dict that came as JSON from outside; out comes the answer, a
dict. A ValueError's text is a sentence for whoever asked. Called by console.py.

What changes something is rare, so the code for it is loaded for the one call: once("changes").
"""

import asyncio
import sys

from shimlet.wire import const

from shimlet_light import status

_ANSWER_MS = const(200)  # for the answer to leave before the restart


def once(name: str):
    """The module shimlet_light.<name>, for one call: with what it imports anew, it does not stay
    in memory.
    """
    before = set(sys.modules)
    module = __import__("shimlet_light." + name, None, None, (name,))
    for fresh in set(sys.modules) - before:
        package, _, leaf = fresh.rpartition(".")
        if package == "shimlet_light":
            del sys.modules[fresh]
            delattr(sys.modules[package], leaf)
    return module


def restart(node, request: dict) -> dict:
    """Restart the board as by its reset button, once the answer is out."""
    reset = getattr(__import__("machine"), "reset", None)
    if reset is None:
        raise ValueError("this board cannot restart itself: press its button")
    node.log.add("Restarts, as asked on the serial line")
    asyncio.create_task(_restart(node, reset))  # noqa: RUF006 - MicroPython keeps it
    return {"restarts": True}


async def _restart(node, reset) -> None:
    await asyncio.sleep_ms(_ANSWER_MS)
    node.close()  # so that the peers know at once
    reset()


async def _new_identity(node, request: dict) -> dict:
    answer = await once("pairing").new_identity(node, request)
    restart(node, request)
    return answer


COMMANDS = {
    "status": lambda node, request: status.status(node),
    "peers": lambda node, request: status.peers(node),
    "log": status.log,
    "peers-add": lambda node, request: once("changes").add_peer(node, request),
    "peers-remove": lambda node, request: once("changes").remove_peer(node, request),
    "wifi": lambda node, request: once("changes").set_wifi(node, request),
    "time": lambda node, request: once("changes").set_time(node, request),
    "clock": lambda node, request: once("changes").set_servers(node, request),
    "identity-new": _new_identity,
    "reach": lambda node, request: once("pairing").reach(node, request),
    "publish": lambda node, request: once("pairing").publish(node, request),
    "restart": restart,
}
