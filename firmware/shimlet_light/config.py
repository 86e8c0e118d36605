"""The board's config.json: what it may say, and sentences about what is wrong in it.

In goes the file, out come Settings. A wrong value never stops the node: its default is taken, and
`problems` names key, value and remedy; the node prints them and shows them in its status. The keys
are spelled as in the host's config (protocol.md, "Manual peering"). Called by running.py and, to
keep a changed list of peers, by the user's code.
"""

import json

from shimlet.identity import base58_encode, decode_key, parse_address, shorten
from shimlet.link import MAX_FRAME
from shimlet.wire import const

from shimlet_light import files
from shimlet_light.numeric import is_ip
from shimlet_light.settings import Settings

CONFIG_FILE = "config.json"
_MAX_KNOWN_PEERS = const(8)
_MAX_ADDRESSES = const(4)
_MAX_NTP_HOSTS = const(4)
_MAX_FILE_BYTES = const(4096)

_UNITS_MS = (("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000))
_MAX_DURATION_MS = 24 * 3_600_000
_MIN_BUFFER = 512
_MAX_DEPTH = 8  # of brackets; deeper nesting only costs memory
_KNOWN = {
    "": ("name", "profile", "manualPeering", "knownPeers", "gossip", "network"),
    "manualPeering": ("knownPeers", "reconnectInterval", "maxBackoff"),
    "gossip": ("bindAddress", "addresses", "bufferSize", "relay"),
    "network": ("dns", "ntp"),
}


def load(path: str = CONFIG_FILE) -> Settings:
    """The settings of a config file. Never raises for what the file holds."""
    settings = Settings()
    try:
        text = files.read(path, _MAX_FILE_BYTES)
        config = _parse(text, path)
    except OSError as error:
        config = {}
        settings.note(f"{path}: cannot be read ({error}).")
    except ValueError as error:
        config = {}
        settings.note(str(error))
    _Reading(settings).take(config)
    return settings


def _parse(text: "bytes | None", path: str) -> dict:
    if text is None:
        raise ValueError(f"{path}: there is no such file, so no peer is known.")
    if len(text) > _MAX_FILE_BYTES:
        raise ValueError(f"{path}: is longer than {_MAX_FILE_BYTES} bytes.")
    try:
        config = json.loads(text) if _is_whole(text) else None
    except ValueError:
        config = None
    if config is None:
        raise ValueError(f"{path}: is not JSON: look for a missing quote, brace or bracket.")
    if not isinstance(config, dict):
        raise ValueError(f"{path}: must be a JSON object, {{...}}.")
    return config


def _is_whole(text: bytes) -> bool:
    """Whether quotes and brackets are closed: MicroPython 1.25 takes JSON that ends too early."""
    depth = at = 0
    quoted = False
    while at < len(text) and 0 <= depth <= _MAX_DEPTH:
        character = text[at : at + 1]
        if character == b'"':
            quoted = not quoted
        elif quoted:
            at += character == b"\\"  # the next one is escaped
        elif character in b"{[":
            depth += 1
        elif character in b"}]":
            depth -= 1
        at += 1
    return depth == 0 and not quoted


class _Reading:
    """Carries values from the config into the Settings, and notes what is wrong with them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def take(self, config: dict) -> None:
        """Everything that the config says."""
        settings = self.settings
        settings.max_backoff_ms = 0
        manual = self._section(config, "manualPeering")
        gossip = self._section(config, "gossip")
        network = self._section(config, "network")
        self._unknown_keys(config, "")
        self._value(config, "", "name", self._name)
        self._value(config, "", "profile", self._profile)
        self._value(manual, "manualPeering.", "reconnectInterval", self._interval)
        self._value(manual, "manualPeering.", "maxBackoff", self._backoff)
        self._value(gossip, "gossip.", "bindAddress", self._bind_address)
        self._value(gossip, "gossip.", "addresses", self._addresses)
        self._value(gossip, "gossip.", "bufferSize", self._buffer_size)
        self._value(gossip, "gossip.", "relay", self._relay)
        self._value(network, "network.", "dns", self._dns)
        self._value(network, "network.", "ntp", self._ntp)
        self._value(config, "", "knownPeers", self._peers)
        self._value(manual, "manualPeering.", "knownPeers", self._peers)
        # Without maxBackoff the pause never grows.
        settings.max_backoff_ms = settings.max_backoff_ms or settings.reconnect_interval_ms

    def _section(self, config: dict, name: str) -> dict:
        section = config.get(name, {})
        if isinstance(section, dict):
            self._unknown_keys(section, name)
            return section
        self._problem(name, section, "write an object, {...}")
        return {}

    def _unknown_keys(self, section: dict, name: str) -> None:
        for key in section:
            if key not in _KNOWN[name]:
                full = f"{name}.{key}" if name else str(key)
                words = ", ".join(_KNOWN[name])
                self.settings.note(f"{full}: unknown key, ignored; known are {words}.")

    def _value(self, section: dict, prefix: str, key: str, take) -> None:
        """Hand section[key], if there, to `take`, which raises ValueError with a remedy."""
        if key in section:
            try:
                take(section[key], prefix + key)
            except ValueError as error:
                self._problem(prefix + key, section[key], str(error))

    def _problem(self, key: str, value: object, remedy: str) -> None:
        shown = json.dumps(value)
        shown = shown if len(shown) <= 50 else shown[:50] + "..."
        self.settings.note(f"{key}: {shown} is ignored: {remedy}.")

    # One method for each key

    def _name(self, value: object, key: str) -> None:
        if not isinstance(value, str) or not 0 < len(value) <= 32:
            raise ValueError("write a name of 1 to 32 characters")
        self.settings.name = value

    def _profile(self, value: object, key: str) -> None:
        if value not in ("spec", "goshimmer"):
            raise ValueError('write "spec" or "goshimmer"')
        self.settings.profile = value

    def _interval(self, value: object, key: str) -> None:
        self.settings.reconnect_interval_ms = duration_ms(value)

    def _backoff(self, value: object, key: str) -> None:
        self.settings.max_backoff_ms = duration_ms(value)

    def _bind_address(self, value: object, key: str) -> None:
        host, port = _address(value)
        self.settings.bind_host = host
        self.settings.bind_port = port

    def _addresses(self, value: object, key: str) -> None:
        if not isinstance(value, list) or len(value) > _MAX_ADDRESSES:
            raise ValueError(f"write a list of at most {_MAX_ADDRESSES} numeric addresses")
        for address in value:
            _address(address)
        self.settings.addresses = [address.encode() for address in value]

    def _buffer_size(self, value: object, key: str) -> None:
        if not isinstance(value, int) or not _MIN_BUFFER <= value <= MAX_FRAME:
            raise ValueError(f"write a number of bytes from {_MIN_BUFFER} to {MAX_FRAME}")
        self.settings.buffer_size = value

    def _relay(self, value: object, key: str) -> None:
        if not isinstance(value, bool):
            raise ValueError("write true or false")
        self.settings.relay = value

    def _dns(self, value: object, key: str) -> None:
        text = value if isinstance(value, str) else ""
        host, _ = parse_address(text if ":" in text else text + ":53")
        if not is_ip(host):
            raise ValueError('write the IP of a name server, for example "192.0.2.1"')
        self.settings.dns = text if ":" in text else text + ":53"

    def _ntp(self, value: object, key: str) -> None:
        if not isinstance(value, list) or len(value) > _MAX_NTP_HOSTS:
            raise ValueError(f'write a list of at most {_MAX_NTP_HOSTS} hosts, "host[:port]"')
        self.settings.ntp = [_with_port(host, 123) for host in value]

    def _peers(self, value: object, key: str) -> None:
        """A list of peers, or the same as JSON text; each bad entry is a problem of its own."""
        if isinstance(value, str):
            value = json.loads(value)
        if not isinstance(value, list):
            raise ValueError('write a list like [{"publicKey": "...", "address": "..."}]')
        for index, entry in enumerate(value):
            try:
                self._peer(entry)
            except ValueError as error:
                self.settings.note(f"{key}[{index}]: is ignored: {error}.")

    def _peer(self, entry: object) -> None:
        if not isinstance(entry, dict):
            raise ValueError("write an object with publicKey and address")
        for name in ("publicKey", "address"):
            if not isinstance(entry.get(name), str):
                raise ValueError(f"{name} is missing or no text")
        key = decode_key(entry["publicKey"].strip())
        address = entry["address"].strip()
        parse_address(address)
        peers = self.settings.known_peers
        if any(known == key for known, _ in peers):
            raise ValueError(f"publicKey {shorten(entry['publicKey'])} stands in the list twice")
        if len(peers) >= _MAX_KNOWN_PEERS:
            raise ValueError(f"a board knows at most {_MAX_KNOWN_PEERS} peers")
        peers.append((key, address))


def _address(value: object) -> "tuple[str, int]":
    if not isinstance(value, str):
        raise ValueError('write "host:port", for example "0.0.0.0:14666"')
    return parse_address(value)


def _with_port(value: object, port: int) -> str:
    """ "host:port" of "host" or "host:port"."""
    text = value if isinstance(value, str) else ""
    text = text if ":" in text else f"{text}:{port}"
    parse_address(text)
    return text


def duration_ms(value: object) -> int:
    """Milliseconds of a text like "500ms", "5s" or "1m30s"; ValueError with a remedy."""
    remedy = 'write a duration from 1ms to 24h with its unit, like "5s" or "500ms"'
    total = 0
    rest = value if isinstance(value, str) else ""
    while rest:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        unit = rest[digits : digits + (2 if rest[digits : digits + 2] == "ms" else 1)]
        scale = dict(_UNITS_MS).get(unit)
        if not 0 < digits < 9 or scale is None:
            raise ValueError(remedy)
        total += int(rest[:digits]) * scale
        rest = rest[digits + len(unit) :]
    if not 0 < total <= _MAX_DURATION_MS:
        raise ValueError(remedy)
    return total


def save_peers(peers: "list[tuple[bytes, str]]", path: str = CONFIG_FILE) -> None:
    """Write the known peers into the config file and keep all else. See save_value."""
    entries = [{"publicKey": base58_encode(key), "address": address} for key, address in peers]
    save_value("manualPeering", "knownPeers", entries, path)


def save_value(section: str, key: str, value: object, path: str = CONFIG_FILE) -> None:
    """Write one value into the config file, as "network", "ntp", [...], and keep all else.

    It counts from the next start. ValueError, OSError: a sentence; the file is as it was.
    """
    text = files.read(path, _MAX_FILE_BYTES)
    config = {} if text is None else _parse(text, path)
    if key == "knownPeers":
        config.pop(key, None)  # at the top it works too
    if not isinstance(config.get(section), dict):
        config[section] = {}
    config[section][key] = value
    content = json.dumps(config).encode()
    if len(content) > _MAX_FILE_BYTES:
        raise ValueError(f"{path}: would be longer than {_MAX_FILE_BYTES} bytes.")
    files.write(path, content)
