"""The configuration of a full node.

In: a JSON file with the existing nodes' keys, the environment, `--set key=value` texts. Out: one
frozen `Config`, or a `ConfigError` with every problem that was found: where it stands, the key,
the value and the remedy. Called by the command line before anything else starts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from shimlet_host.config.entry_nodes import leave_out_bad_entry_nodes
from shimlet_host.config.fields import Address, EntryNode, bind_address, is_url
from shimlet_host.config.peers import PeerEntry, PeerListError, show, unknown_keys
from shimlet_host.config.schema import REMEDIES, SECRET_KEYS, Config
from shimlet_host.config.sources import Collected, Setting, collect
from shimlet_host.model import HostError

__all__ = [
    "Address",
    "Config",
    "ConfigError",
    "EntryNode",
    "PeerEntry",
    "bind_address",
    "load_config",
]


class ConfigError(HostError):
    """The node must not start with this configuration; one line a problem.

    `warnings` is what else was seen: a key that is written wrong may be why another is missed.
    """

    def __init__(self, problems: Sequence[str], warnings: Sequence[str] = ()) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)


def load_config(
    path: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    overrides: Sequence[str] = (),
) -> Config:
    """The configuration from all sources. Raises ConfigError."""
    collected = collect(path, os.environ if environment is None else environment, overrides)
    leave_out_bad_entry_nodes(collected)
    _warn_of_unknown_peer_keys(collected)
    try:
        config = Config.model_validate(_nested(collected.settings))
        _check_together(config, collected)
    except ValidationError as error:
        collected.problems.extend(_problems(error, collected.settings))
    if collected.problems:
        raise ConfigError(collected.problems, collected.warnings)
    return _finished(config, collected, path)


def _warn_of_unknown_peer_keys(collected: Collected) -> None:
    setting = collected.settings.get("manualPeering.knownPeers")
    if setting is not None:
        where = f"{setting.source}: {setting.key}"
        collected.warnings.extend(f"{where}: {text}" for text in unknown_keys(setting.value))


def _nested(settings: Mapping[str, Setting]) -> dict[str, object]:
    """Dotted keys as the sections that the schema wants."""
    content: dict[str, object] = {}
    for key, setting in settings.items():
        section, dot, name = key.partition(".")
        if dot:
            inner = content.setdefault(section, {})
            assert isinstance(inner, dict)
            inner[name] = setting.value
        else:
            content[key] = setting.value
    return content


def _check_together(config: Config, collected: Collected) -> None:
    """Rules about more than one setting."""
    manual = config.manual_peering
    if manual.max_backoff_s < manual.reconnect_interval_s:
        setting = collected.settings["manualPeering.maxBackoff"]
        collected.problems.append(
            f"{_where(setting)}: this is shorter than the reconnectInterval of"
            f" {manual.reconnect_interval_s:g} s. Write the same duration or a longer one."
        )
    webapi = config.webapi
    if webapi.basic_auth and not (webapi.username and webapi.password):
        setting = collected.settings["webapi.basicAuth.enabled"]
        collected.problems.append(
            f"{_where(setting)}: there is no name or no password. Write"
            " webapi.basicAuth.username and webapi.basicAuth.password, too."
        )


def _problems(error: ValidationError, settings: Mapping[str, Setting]) -> Iterator[str]:
    for details in error.errors(include_url=False):
        key, inside = _key(details["loc"])
        if key not in settings:
            continue  # a default taken from another setting, which is reported itself
        cause = details.get("ctx", {}).get("error")
        for reason in _reasons(cause, details["msg"]):
            yield f"{_where(settings[key])}: {inside}{_lower_first(reason)}. {REMEDIES[key]}"


def _key(location: tuple[int | str, ...]) -> tuple[str, str]:
    """The dotted key of an error, and its place inside a list as text."""
    names = [str(part) for part in location]
    for length in (2, 1):
        key = ".".join(names[:length])
        if key in REMEDIES:
            places = [f"entry {part}: " for part in location[length:] if isinstance(part, int)]
            return key, "".join(places)
    return ".".join(names), ""


def _reasons(cause: object, message: str) -> Sequence[str]:
    if isinstance(cause, PeerListError):
        return cause.problems
    return [str(cause) if isinstance(cause, Exception) else message]


def _where(setting: Setting) -> str:
    """Source, key and value; a secret value is not shown."""
    value = "(hidden)" if setting.key in SECRET_KEYS else show(setting.value)
    return f"{setting.source}: {setting.key} = {value}"


def _lower_first(text: str) -> str:
    return (text[:1].lower() + text[1:]).rstrip(".")


def _finished(config: Config, collected: Collected, path: Path | None) -> Config:
    """The config with its paths made absolute, and the warnings to print."""
    here = path.parent if path else Path.cwd()

    def absolute(key: str, value: Path) -> Path:
        setting = collected.settings.get(key)
        return ((setting.folder if setting else here) / value.expanduser()).absolute()

    data_directory = absolute("node.dataDirectory", config.node.data_directory)
    node = config.node.model_copy(update={"data_directory": data_directory})
    auto_peering = config.auto_peering
    mana = auto_peering.mana_source
    if mana is not None and not is_url(mana):
        mana = str(absolute("autoPeering.manaSource", Path(mana)))
        auto_peering = auto_peering.model_copy(update={"mana_source": mana})
    return config.model_copy(
        update={
            "node": node,
            "auto_peering": auto_peering,
            "warnings": tuple(collected.warnings),
            "file": path,
        }
    )
