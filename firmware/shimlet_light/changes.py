"""What the serial line may change: the known peers, the Wi-Fi's credentials, the clock.

In go the running node and the request; out comes what was done. Each change is kept on the flash
first and done in the running node afterwards, so an error means that nothing has changed. Errors
are ValueErrors with a sentence. Called by commands.py, and not kept in memory.
"""

from shimlet.identity import base58_encode, decode_key, parse_address
from shimlet.reasons import OWN_KEY

from shimlet_light import clock, config, credentials

_TOLERANCE_MS = 2000  # a time over the serial line is no better than this


def add_peer(node, request: dict) -> dict:
    """List {"publicKey", "address"}, or give a listed peer a new address."""
    key = decode_key(_text(request, "publicKey"))
    address = _text(request, "address")
    parse_address(address)
    manual = node.manual
    reason = manual.refuses(key)
    if reason == OWN_KEY:
        raise ValueError("publicKey is this board's own key: give the key of the other node")
    if reason:
        raise ValueError(f"a board knows at most {manual.max_known} peers: remove one first")
    peers = _known(manual)
    change = "none" if peers.get(key) == address else "address" if key in peers else "added"
    peers[key] = address
    _save_config(node, config.save_peers, list(peers.items()))
    node.streams.add(key, address)
    return _answer(node, key, change)


def remove_peer(node, request: dict) -> dict:
    """Take {"publicKey"} off the list and close its link."""
    key = decode_key(_text(request, "publicKey"))
    peers = _known(node.manual)
    if peers.pop(key, None) is None:
        raise ValueError(f"no peer with the key {base58_encode(key)} is listed")
    _save_config(node, config.save_peers, list(peers.items()))
    node.remove_peer(base58_encode(key))
    return _answer(node, key, "removed")


def set_wifi(node, request: dict) -> dict:
    """Keep {"ssid", "password"}, which nothing shows again, and connect with them."""
    _save(credentials.save, request.get("ssid"), request.get("password"))
    wifi = getattr(node, "wifi", None)
    if wifi is not None:
        wifi.changed()
    return {"saved": True, "connects": wifi is not None}


def set_time(node, request: dict) -> dict:
    """Set the clock to {"unixTime"}, unless it agrees within two seconds already."""
    unix_time = request.get("unixTime")
    if not isinstance(unix_time, int) or not clock.is_plausible(unix_time):
        raise ValueError("unixTime must be whole seconds since 1970, in the years 2024 to 2099")
    behind_ms = clock.behind_ms(unix_time * 1000) if clock.unix_time() else None
    wrong = behind_ms is None or abs(behind_ms) > _TOLERANCE_MS
    if wrong:
        clock.set_time(unix_time * 1000, clock.SERIAL)
        node.log.add("The clock is set by the serial line")
    return {"set": wrong, "behindMs": behind_ms, "clock": clock.status()}


def set_servers(node, request: dict) -> dict:
    """Keep the time servers {"ntp": ["host[:port]", ...]}, and ask them now; [] for none."""
    _save_config(node, config.save_value, "network", "ntp", request.get("ntp"))
    node.settings.ntp = config.load().ntp
    return {"ntp": node.settings.ntp}


def _text(request: dict, name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is missing or no text")
    return value.strip()


def _known(manual) -> dict:
    """The running list: key -> address."""
    return {key: peer.address for key, peer in manual.known_peers.items()}


def _save_config(node, save, *what) -> None:
    _save(save, *what)
    missing = config.CONFIG_FILE + config.MISSING
    if missing in node.settings.problems:  # not any more
        node.settings.problems.remove(missing)


def _save(save, *what) -> None:
    try:
        save(*what)
    except (OSError, ValueError) as error:
        raise ValueError(f"nothing has changed: {error}") from None


def _answer(node, key: bytes, change: str) -> dict:
    manual = node.manual
    known = len(manual.known_peers)
    shown = base58_encode(key)
    return {"publicKey": shown, "change": change, "known": known, "limit": manual.max_known}
