"""Where settings come from: the file, the environment, `--set`; the later wins.

In: the path of a JSON file, a mapping of environment variables, `key=value` texts. Out:
`Collected`: one `Setting` a key, each knowing its source by name, beside warnings and problems.
Keys may be nested or dotted, in any case of letters. Nothing is judged here but the keys.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shimlet_host.config.schema import REMEDIES

ENVIRONMENT_PREFIX = "SHIMLET_"
# Read by the command line, no settings.
OTHER_VARIABLES = frozenset({"SHIMLET_CONFIG", "SHIMLET_API", "SHIMLET_TOKEN"})

_ALIASES = {"node.externaladdress": "network.externalAddress"}
_KEYS = {key.lower(): key for key in REMEDIES} | _ALIASES
_SECTIONS = {
    key[:dot].lower(): key[:dot] for key in REMEDIES for dot in range(len(key)) if key[dot] == "."
}
_BY_VARIABLE = {key.upper().replace(".", "_"): known for key, known in _KEYS.items()}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Parts that existing nodes have and Shimlet has not: their config files are welcome here.
_FOREIGN_SECTIONS = _words("""
    activity analysis blocklayer bootstrap broadcast clock consensus daemon dagsvisualizer
    dashboardmetrics database debug drng faucet fpc gracefulshutdown graphvisualizer
    issuer mana manainitializer manarefresher messagelayer metrics nodelogger p2p peer portcheck
    pow profiling prometheus protocol ratesetter remotelog remotelogger remotemetrics retainer
    scheduler snapshot spammer statement syncbeacon syncbeaconfollower txstream utxo valuelayer
    valuetransfers wallet webinterface
""")
_FOREIGN_KEYS = _words("""
    node.disableplugins node.enableplugins node.peerdbdirectory node.overwritestoredseed
    network.bindaddress gossip.port gossip.agethreshold gossip.missingmessagerequestrelay
    gossip.tipsbroadcaster gossip.messagesratelimit gossip.messagerequestsratelimit
    autopeering.mana autopeering.networkid autopeering.seed
    logger.disablecaller logger.disablestacktrace logger.disableevents logger.outputpaths
    logger.stacktracelevel logger.encodingconfig
    webapi.auth webapi.enabled webapi.exclude
    dashboard.bindaddress dashboard.basicauth dashboard.dev
""")


@dataclass(frozen=True, slots=True)
class Setting:
    """A value as written, and who wrote it."""

    key: str
    value: object = field(repr=False)  # may be the seed
    source: str  # "shimlet.json", "environment variable SHIMLET_...", "--set"
    folder: Path  # relative paths start here


@dataclass
class Collected:
    """What all sources together say."""

    settings: dict[str, Setting] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def collect(
    path: Path | None, environment: Mapping[str, str], overrides: Sequence[str]
) -> Collected:
    """Reads the three sources in the order of their weight."""
    collected = Collected()
    if path is not None:
        _read_file(collected, path)
    _read_environment(collected, environment)
    _read_overrides(collected, overrides)
    return collected


# --- file


def _read_file(collected: Collected, path: Path) -> None:
    try:
        content = _parse(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        collected.problems.append(f"{path}: {_why(error)}")
        return
    except IsADirectoryError:
        collected.problems.append(f"{path}: this is a folder; name the config file in it.")
        return
    except OSError as error:
        collected.problems.append(f"{path}: the config file cannot be read: {error.strerror}.")
        return
    if not isinstance(content, dict):
        collected.problems.append(f"{path}: the file must hold one JSON object: {{...}}.")
        return
    reader = _FileReader(collected, path)
    reader.section(content, "")


def _parse(text: str) -> object:
    if not text.strip():
        raise ValueError("the file is empty; {} is the config without any setting.")
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("the JSON is nested too deep.") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = next(key for key, _ in pairs if [k for k, _ in pairs].count(key) > 1)
        raise ValueError(f'the key "{twice}" stands twice in one object; remove one of them.')
    return content


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON; write a number.")


def _why(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return (
            f"line {error.lineno}, column {error.colno}: this is not JSON: {error.msg}."
            " Correct it there, or a little before."
        )
    if isinstance(error, UnicodeDecodeError):
        return f"the file is not UTF-8 text (byte {error.start}); save it as UTF-8."
    return str(error)


class _FileReader:
    """Walks the JSON object down to known keys."""

    def __init__(self, collected: Collected, path: Path) -> None:
        self._collected = collected
        self._source = str(path)
        self._folder = path.parent
        self._warned: set[str] = set()

    def section(self, content: dict[str, object], prefix: str) -> None:
        for name, value in content.items():
            self._entry(prefix + name, value)

    def _entry(self, key: str, value: object) -> None:
        known = _KEYS.get(key.lower())
        if known is not None:
            self._take(Setting(known, value, self._source, self._folder))
        elif key.lower() in _SECTIONS:
            self._enter(key, value)
        else:
            self._unknown(key)

    def _enter(self, key: str, value: object) -> None:
        if isinstance(value, dict):
            self.section(value, key + ".")
        else:
            self._collected.problems.append(
                f'{self._source}: "{key}" is a section; write an object {{...}} with its settings.'
            )

    def _take(self, setting: Setting) -> None:
        if setting.key in self._collected.settings:
            self._collected.problems.append(
                f"{self._source}: {setting.key} is given twice; remove one of the two."
            )
        self._collected.settings[setting.key] = setting

    def _unknown(self, key: str) -> None:
        warning = f"{self._source}: {unknown_key(key)}"
        if warning not in self._warned:
            self._warned.add(warning)
            self._collected.warnings.append(warning)


def unknown_key(key: str) -> str:
    """A warning about a key that is no setting of ours, with the nearest one that is."""
    low = key.lower()
    if low.split(".")[0] in _FOREIGN_SECTIONS:
        return f'the section "{key.split(".")[0]}" is ignored: Shimlet has no such part.'
    if any(low == foreign or low.startswith(foreign + ".") for foreign in _FOREIGN_KEYS):
        return f'the key "{key}" of existing nodes is ignored: Shimlet has no such setting.'
    return f'the unknown key "{key}" is ignored{_nearest(low, _KEYS)}'


def _nearest(wanted: str, known: Mapping[str, str]) -> str:
    names = {**known, **_SECTIONS}
    near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.6)
    return f'; did you mean "{names[near[0]]}"?' if near else "."


# --- environment and --set


def _read_environment(collected: Collected, environment: Mapping[str, str]) -> None:
    for variable, value in _variables(environment):
        key = _BY_VARIABLE.get(variable.upper().removeprefix(ENVIRONMENT_PREFIX))
        source = f"environment variable {variable}"
        if key is None:
            collected.warnings.append(f"{source} is no setting and is ignored{_like(variable)}")
        else:
            collected.settings[key] = Setting(key, value, source, Path.cwd())


def _variables(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for variable, value in sorted(environment.items()):
        name = variable.upper()
        if name.startswith(ENVIRONMENT_PREFIX) and name not in OTHER_VARIABLES:
            yield variable, value


def _like(variable: str) -> str:
    wanted = variable.upper().removeprefix(ENVIRONMENT_PREFIX)
    near = difflib.get_close_matches(wanted, _BY_VARIABLE, n=1, cutoff=0.6)
    return f"; did you mean {ENVIRONMENT_PREFIX}{near[0]}?" if near else "."


def _read_overrides(collected: Collected, overrides: Sequence[str]) -> None:
    for text in overrides:
        name, equals, value = text.partition("=")
        key = _KEYS.get(name.strip().lower())
        if not equals:
            collected.problems.append(f"--set {text}: there is no value; write --set key=value.")
        elif key is None:
            collected.warnings.append(f"--set: {unknown_key(name.strip())}")
        else:
            collected.settings[key] = Setting(key, value, "--set", Path.cwd())
