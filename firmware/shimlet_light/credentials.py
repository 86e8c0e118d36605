"""The Wi-Fi's name and password, in a file of their own: wifi.json.

In goes what the serial line brings, out comes what the Wi-Fi supervisor connects with. Nothing
else reads the file, and no status, log or error shows what is in it. Called by wifi.py (load) and
by the command `wifi` of the serial line (save).
"""

import json

from shimlet.wire import const

from shimlet_light import files

WIFI_FILE = "wifi.json"
_MAX_FILE_BYTES = const(1024)  # both texts as JSON, every character escaped
_MAX_SSID_BYTES = const(32)
_MIN_PASSWORD_BYTES = const(8)
_MAX_PASSWORD_BYTES = const(64)  # 63 characters, or 64 hexadecimal digits


def save(ssid: str, password: str, path: str = WIFI_FILE) -> None:
    """Replace the credentials in one step; a password "" is an open network.

    ValueError, OSError: a sentence, which does not show them.
    """
    wrong = _wrong(ssid, password)
    if wrong:
        raise ValueError(f"This Wi-Fi {wrong}.")
    files.write(path, json.dumps({"ssid": ssid, "password": password}).encode())


def load(note=None, path: str = WIFI_FILE) -> "tuple[str, str] | None":
    """(ssid, password), or None: there are none. `note` gets a sentence about a damaged file."""
    try:
        text = files.read(path, _MAX_FILE_BYTES)
        if text is None:
            return None
        wrong, found = _read(text)
        wrong = f"{path} {wrong}" if wrong else ""
    except OSError as error:
        wrong, found = str(error), None
    if wrong and note is not None:
        note(f"{wrong}. Set the Wi-Fi again: shimlet board wifi.")
    return found


def _read(text: bytes) -> "tuple[str, tuple[str, str] | None]":
    """What is wrong with the content of the file ("" for nothing), and the credentials in it."""
    if len(text) > _MAX_FILE_BYTES:
        return f"is longer than {_MAX_FILE_BYTES} bytes", None
    try:
        content = json.loads(text)
        ssid, password = content["ssid"], content["password"]
    except (ValueError, KeyError, TypeError, IndexError, RuntimeError):
        return "does not hold an ssid and a password", None
    wrong = _wrong(ssid, password)
    return wrong, None if wrong else (ssid, password)


def _wrong(ssid: object, password: object) -> str:
    """What is wrong with the two; "" for nothing."""
    if not isinstance(ssid, str) or not 0 < len(ssid.encode()) <= _MAX_SSID_BYTES:
        return f"has no ssid of 1 to {_MAX_SSID_BYTES} bytes"
    if not isinstance(password, str):
        return "has no password"
    if password and not _MIN_PASSWORD_BYTES <= len(password.encode()) <= _MAX_PASSWORD_BYTES:
        least, most = _MIN_PASSWORD_BYTES, _MAX_PASSWORD_BYTES
        return f"has a password that is neither empty nor {least} to {most} bytes long"
    return ""
