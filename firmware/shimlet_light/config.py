"""The board's config.json: read with what was kept of it, and changed one value at a time.

In goes the file, out come Settings. A config with a mistake is not used. The last one without any
is kept as config.good.json, and stands in for it; `problems` says so and names line, key, value
and remedy. The node prints them and shows them in its status. Called by running.py at the start
and by the serial line's commands, to save what they change.
"""

import json

from shimlet.identity import base58_encode
from shimlet.wire import const

from shimlet_light import files, jsontext
from shimlet_light.config_keys import Reading
from shimlet_light.settings import Settings

CONFIG_FILE = "config.json"
MISSING = ": there is no such file, so no peer is known."
_MAX_FILE_BYTES = const(4096)


def load(path: str = CONFIG_FILE) -> Settings:
    """The settings of a config file, or of what was kept. Never raises for what they hold."""
    found = _read(path)
    if found.mistake:
        return _in_place_of(found)
    if found.text is not None:
        _keep(found)
    return found.settings


def _read(path: str) -> Reading:
    reading = Reading(path)
    try:
        reading.text = files.read(path, _MAX_FILE_BYTES)
        if reading.text is None:
            reading.settings.note(path + MISSING)
        else:
            reading.take(_parse(reading.text))
    except OSError as error:
        reading.fail(f"{error}.")
    except ValueError as error:
        reading.fail(f"{path}: {error}.")
    return reading


def _parse(text: bytes) -> dict:
    if len(text) > _MAX_FILE_BYTES:
        raise ValueError(f"is longer than {_MAX_FILE_BYTES} bytes")
    mistake = jsontext.mistake(text)
    if mistake:
        raise ValueError(f"is not JSON: {mistake}")
    try:
        config = json.loads(text)
    except ValueError:
        raise ValueError("is not JSON")
    if not isinstance(config, dict):
        raise ValueError("must be a JSON object, {...}")
    return config


# The last config without a mistake


def _kept(path: str) -> str:
    """Where it is: config.good.json beside config.json."""
    return path[: -len("json")] + "good.json"


def _keep(good: Reading) -> None:
    """Keep it, unless it is kept already: each write wears the flash."""
    path = _kept(good.path)
    try:
        if files.read(path, _MAX_FILE_BYTES) != good.text:
            files.write(path, good.text)
    except OSError as error:
        good.settings.note(f"This config is not kept for later: {error}.")


def _in_place_of(wrong: Reading) -> Settings:
    """The settings that are kept, or the defaults in the place of what is wrong."""
    kept = _read(_kept(wrong.path))
    if kept.text is not None and not kept.mistake:
        settings, used = kept.settings, f"the last one without, kept as {kept.path}, is used"
    else:
        settings, used = wrong.settings, "there is no earlier one, so defaults stand in for them"
    problems = wrong.settings.problems
    settings.problems = []
    settings.note(f"{wrong.path} has mistakes; {used}.")
    for problem in problems:
        settings.note(problem)
    return settings


# Changes


def save_peers(peers: "list[tuple[bytes, str]]", path: str = CONFIG_FILE) -> None:
    """Write the known peers into the config file and keep all else. See save_value."""
    entries = [{"publicKey": base58_encode(key), "address": address} for key, address in peers]
    save_value("manualPeering", "knownPeers", entries, path)


def save_value(section: str, key: str, value: object, path: str = CONFIG_FILE) -> None:
    """Write one value into the config file, as "network", "ntp", [...], and keep all else.

    It counts from the next start. ValueError, OSError: a sentence; the file is as it was.
    """
    before = _read(path)
    if before.mistake:
        raise ValueError(f"{before.mistake} Mend this first: nothing is saved.")
    config = {} if before.text is None else _parse(before.text)
    if key == "knownPeers":
        config.pop(key, None)  # at the top it works too
    config.setdefault(section, {})[key] = value
    after = Reading(path)
    after.take(config)
    lines: list[bytes] = []
    _put(lines, "", "", config, "\n")
    if after.mistake or sum(len(line) for line in lines) > _MAX_FILE_BYTES:
        too_long = f"{path} would be longer than {_MAX_FILE_BYTES} bytes."
        raise ValueError(f"{after.mistake or too_long} Nothing is saved.")
    files.write(_kept(path), lines)  # first: what was taken out must not come back from there
    files.write(path, lines)


def _put(lines: "list[bytes]", indent: str, start: str, value, end: str) -> None:
    """Add a value as JSON: a line for each key and each item, so that people can go on editing.

    Line by line, as a board may not have 4 KB in one piece.
    """
    inner = indent + "    "
    if isinstance(value, dict) and value and len(indent) < 8:
        lines.append(f"{indent}{start}{{\n".encode())
        for key in sorted(value):
            _put(lines, inner, json.dumps(key) + ": ", value[key], ",\n")
        lines[-1] = lines[-1][:-2] + b"\n"
        lines.append(f"{indent}}}{end}".encode())
    elif isinstance(value, list) and value:
        lines.append(f"{indent}{start}[\n".encode())
        for item in value:
            lines.append(f"{inner}{json.dumps(item)},\n".encode())
        lines[-1] = lines[-1][:-2] + b"\n"
        lines.append(f"{indent}]{end}".encode())
    else:
        lines.append(f"{indent}{start}{json.dumps(value)}{end}".encode())
