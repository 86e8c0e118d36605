"""The settings as a person would write them, for `shimlet config show`.

In: a Config. Out: dotted keys with JSON values that a config file takes; secrets are not shown.
"""

from __future__ import annotations

from pathlib import Path

from shimlet.identity import base58_encode

from shimlet_host.config.fields import Address, EntryNode
from shimlet_host.config.peers import PeerEntry, entry_as_json
from shimlet_host.config.schema import SECRET_KEYS, Config, Section

HIDDEN = "(hidden)"


def shown(config: Config) -> dict[str, object]:
    """Every setting that has a value."""
    values: dict[str, object] = {}
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        if isinstance(value, Section):
            values |= _of_section(f"{field.alias}.", value)
        elif field.alias:
            values[field.alias] = value
    return values


def _of_section(prefix: str, section: Section) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, field in type(section).model_fields.items():
        value, key = getattr(section, name), f"{prefix}{field.alias}"
        if value is not None:
            values[key] = HIDDEN if key in SECRET_KEYS else _written(name, value)
    return values


def _written(name: str, value: object) -> object:
    if isinstance(value, PeerEntry):
        return entry_as_json(value)
    if isinstance(value, EntryNode):
        return f"{base58_encode(value.public_key)}@{value.address}"
    if isinstance(value, (Address, Path)):
        return str(value)
    if isinstance(value, tuple):
        return [_written(name, each) for each in value]
    if name.endswith("_s"):
        return f"{value:g}s"
    return value
