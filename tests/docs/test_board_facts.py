"""What firmware/README.md states in its tables is so in the board's code: settings with their
defaults, the requests of the serial line, and what an app.py may use.
"""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from docs.documents import document, names_in, table
from layout import FILES
from shimlet_light.config_keys import _KNOWN, Reading
from shimlet_light.settings import Settings

PAGE = document("firmware/README.md")
KEYS = {f"{section}.{key}".strip(".") for section in _KNOWN for key in _KNOWN[section]}
KEYS -= {"manualPeering", "gossip", "network"}
# On a system that keeps the clock right, nobody is asked; a board asks these.
BOARDS_OWN = {"network.ntp": ["pool.ntp.org:123"]}


def read(config: dict[str, Any]) -> dict[str, Any]:
    """All settings for a config."""
    reading = Reading("config.json")
    reading.take(config)
    return vars(reading.settings)


def nested(key: str, value: Any) -> dict[str, Any]:
    section, _, name = key.rpartition(".")
    return {section: {name: value}} if section else {name: value}


def test_the_settings_of_the_board_are_all_explained_with_their_defaults() -> None:
    explained = set()
    for cell, default, meaning in table(PAGE.section("config.json"), "key", "default", "meaning"):
        names = names_in(cell)
        prefix = names[0].rpartition(".")[0]
        keys = [name if "." in name or not prefix else f"{prefix}.{name}" for name in names]
        explained |= set(keys)
        for key in keys if names_in(default) else []:
            (text,) = names_in(default)
            found, wanted = read(nested(key, json.loads(text))), vars(Settings())
            if key in BOARDS_OWN:
                assert found.pop("ntp") == BOARDS_OWN[key] and wanted.pop("ntp") is not None
            assert found == wanted, (key, text)
        explained |= {name for name in names_in(meaning) if name in KEYS}
    assert explained == KEYS


def keys_of_dict(module: str, name: str) -> set[str]:
    """The keys of a dict in a module that only a board can import."""
    for node in ast.parse(FILES[module].read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            assert isinstance(node.value, ast.Dict)
            return {str(ast.literal_eval(key)) for key in node.value.keys if key is not None}
    raise AssertionError(f"{module} has no {name}")


def test_every_request_of_the_serial_line_is_explained() -> None:
    rows = table(PAGE.section("The serial line"), "request", "answer")
    shown = {match[1] for cell, _ in rows if (match := re.search(r'"cmd": "([\w-]+)"', cell))}
    assert shown == keys_of_dict("shimlet_light.commands", "COMMANDS")


def test_what_an_app_may_use_is_there() -> None:
    source = FILES["shimlet_light.node"].read_text()
    used = set(re.findall(r"node\.(\w+)", PAGE.section("Your own code")))
    assert used >= {"publish", "on_message", "peers", "status"}
    for name in used:
        assert re.search(rf"def {name}\(self|self\.{name} =", source), name
