"""What pairing asks of a board on its serial line: another identity, whether it reaches an
address, a message of its own.

In go the running node and the request, out comes the answer; what takes longer is a coroutine. The
texts of ValueErrors are sentences. Called by commands.py, and not kept in memory.
"""

import asyncio
import os

from shimlet.identity import base58_encode, decode_key, parse_address
from shimlet.reasons import CONNECT_TIMEOUT
from shimlet.wire import const
from shimlet_crypto import public_key

from shimlet_light import identity
from shimlet_light.status import reason_name

_MAX_TRIES = const(2000)  # 1 in 200 keys is found by then, but for 1 in 20,000 searches
_CONNECT_S = const(5)
_REFUSAL_S = 0.3  # some ports tell a refusal only to who reads


async def new_identity(node, request: dict) -> dict:
    """Take a new key on one side of another, {"smallerThan"} or {"largerThan"}.

    It counts from the next start. The seed is drawn here and never leaves the board.
    """
    smaller = "smallerThan" in request
    other = decode_key(_text(request, "smallerThan" if smaller else "largerThan"))
    for _ in range(_MAX_TRIES):
        seed = os.urandom(32)
        key = public_key(seed)
        if key != other and (key < other) == smaller:
            _keep(seed)
            node.log.add("A new identity, as asked on the serial line")
            return {"publicKey": base58_encode(key), "restarts": True}
        await asyncio.sleep_ms(0)
    raise ValueError(f"of {_MAX_TRIES} new keys none was on that side: try again")


def _keep(seed: bytes) -> None:
    try:
        identity.replace(seed)
    except OSError as error:
        raise ValueError(f"nothing has changed: it cannot be saved on the flash ({error})")


async def reach(node, request: dict) -> dict:
    """How a TCP connection to {"address"} ends: "open", or the name of a reason."""
    host, port = parse_address(_text(request, "address"))
    net = node.net
    stream = None
    try:
        ip = await asyncio.wait_for(net.resolve(host), _CONNECT_S)
        stream = await asyncio.wait_for(net.connect(ip, port), _CONNECT_S)
        await asyncio.wait_for(stream.readinto(memoryview(bytearray(1))), _REFUSAL_S)
    except asyncio.TimeoutError:
        if stream is None:
            return {"reach": reason_name(CONNECT_TIMEOUT)}
    except OSError as error:
        return {"reach": reason_name(net.reason(error, CONNECT_TIMEOUT))}
    finally:
        if stream is not None:
            await stream.close()
    return {"reach": "open"}


def publish(node, request: dict) -> dict:
    """Send {"text"} as a message to all neighbors."""
    return {"messageId": base58_encode(node.publish(_text(request, "text").encode()))}


def _text(request: dict, name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is missing or no text")
    return value.strip()
