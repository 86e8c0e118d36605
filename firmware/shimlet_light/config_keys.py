"""What each key of config.json may say, and sentences about what it should say instead.

In goes the config as a dict, out come Settings and, for each mistake, a sentence with line, key,
value and remedy. The keys are spelled as in the host's config (protocol.md, "Manual peering").
Called by config.py, and dropped with it.
"""

import json

from shimlet.identity import decode_key, parse_address, shorten
from shimlet.link import MAX_FRAME
from shimlet.wire import const

from shimlet_light import jsontext
from shimlet_light.numeric import is_ip
from shimlet_light.settings import MAX_KNOWN_PEERS, MAX_PROBLEMS, Settings

_MAX_ADDRESSES = const(4)
_MAX_NTP_HOSTS = const(4)

_UNITS_MS = (("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000))
_MAX_DURATION_MS = 24 * 3_600_000
_MIN_BUFFER = 512
_KNOWN = {
    "": ("name", "profile", "manualPeering", "knownPeers", "gossip", "network"),
    "manualPeering": ("knownPeers", "reconnectInterval", "maxBackoff"),
    "gossip": ("bindAddress", "addresses", "bufferSize", "relay"),
    "network": ("dns", "ntp"),
}


class Reading:
    """Carries values from the config into `settings`, and notes there what is wrong with them.

    `text` is what the config was read from, None for nothing: it tells the lines. `mistake`: the
    first sentence about a value that cannot be used, "" as long as there is none.
    """

    def __init__(self, path: str, text: "bytes | None" = None) -> None:
        self.path = path
        self.text = text
        self.settings = Settings()
        self.mistake = ""

    def take(self, config: dict) -> None:
        """Everything that the config says. A wrong value leaves the default."""
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

    def fail(self, sentence: str) -> None:
        """Note a mistake."""
        self.mistake = self.mistake or sentence
        self.settings.note(sentence)

    def _section(self, config: dict, name: str) -> dict:
        section = config.get(name, {})
        if isinstance(section, dict):
            self._unknown_keys(section, name)
            return section
        self._refuse(name, section, "write an object, {...}")
        return {}

    def _unknown_keys(self, section: dict, name: str) -> None:
        for key in section:
            if key not in _KNOWN[name]:
                full = f"{name}.{key}" if name else str(key)
                words = ", ".join(_KNOWN[name])
                self._note(full, f"unknown key, ignored; known are {words}.")

    def _value(self, section: dict, prefix: str, key: str, take) -> None:
        """Hand section[key], if there, to `take`, which raises ValueError with a remedy."""
        if key in section:
            try:
                take(section[key], prefix + key)
            except ValueError as error:
                self._refuse(prefix + key, section[key], str(error))

    def _refuse(self, key: str, value: object, remedy: str) -> None:
        shown = json.dumps(value)
        shown = shown if len(shown) <= 50 else shown[:50] + "..."
        self.fail(f"{self._place(key)}: {shown} is refused: {remedy}.")

    def _note(self, key: str, sentence: str) -> None:
        if len(self.settings.problems) < MAX_PROBLEMS:  # to find the place takes time
            self.settings.note(f"{self._place(key)}: {sentence}")

    def _place(self, key: str) -> str:
        """ "config.json line 3: gossip.relay", the line as far as we know it."""
        if self.text is None:
            return key
        line = jsontext.line_of(self.text, key) or jsontext.line_of(self.text, key.split("[")[0])
        return f"{self.path} line {line}: {key}" if line else f"{self.path}: {key}"

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
        room = MAX_KNOWN_PEERS - len(self.settings.known_peers)
        for index, entry in enumerate(value[:room]):
            try:
                self._peer(entry)
            except ValueError as error:
                place = self._place(f"{key}[{index}]")  # apart: 1.25 knows no f-string in another
                self.fail(f"{place}: is refused: {error}.")
        if len(value) > room:
            last = f" to [{len(value) - 1}]" if len(value) > room + 1 else ""
            limit = f"a board knows at most {MAX_KNOWN_PEERS} peers"
            self._note(f"{key}[{room}]", f"left out{last}: {limit}.")

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
