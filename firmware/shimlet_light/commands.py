"""What the serial line can ask of the running node: the table of commands.

In go the node and the request, a dict that came as JSON from outside; out comes the answer, a
dict. A ValueError's text is a sentence for whoever asked. Called by console.py.
"""

from shimlet_light import status

COMMANDS = {
    "status": lambda node, request: status.status(node),
    "peers": lambda node, request: status.peers(node),
    "log": lambda node, request: status.log(node),
}
