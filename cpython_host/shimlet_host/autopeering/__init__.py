"""Autopeering: peer discovery and neighbor selection over UDP (protocol.md, the specification).

Pure: no asyncio, socket, clock or random source. `Autopeering` in protocol.py is the whole
interface; verification.py, discovery.py and selection.py are the three parts of the protocol.
"""

from shimlet_host.autopeering.parameters import Parameters
from shimlet_host.autopeering.protocol import Autopeering
from shimlet_host.autopeering.reasons import Reason

__all__ = ["Autopeering", "Parameters", "Reason"]
