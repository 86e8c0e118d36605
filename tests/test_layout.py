"""Holds who may import whom, by reading the imports of every module, never by running one.

The rules are the tables below. Downwards only: host and board stand on the core and never on each
other, the core's modules stand on one another in one order, and what ships on a board finds all
that it imports there. Each rule is also tried on a small bad source, so that it can fail.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest
from layout import FILES, ROOT, Manifest, Module, load, ours, read

# Which of our packages each one may import, beside itself. The board's main.py and boot.py are "".
PACKAGES: Mapping[str, set[str]] = {
    "shimlet": set(),
    "shimlet_crypto": set(),
    "shimlet_light": {"shimlet", "shimlet_crypto"},
    "": {"shimlet", "shimlet_crypto", "shimlet_light", "app"},
    "shimlet_host": {"shimlet"},
}

# What each module of the core stands on. It may import what those stand on, too, and all but the
# package itself may import the two at the bottom.
CORE_BOTTOM = {"reasons", "ticks"}
CORE: Mapping[str, set[str]] = {
    "__init__": set(),
    "reasons": set(),
    "ticks": set(),
    "sentences": set(),
    "wire": set(),
    "identity": set(),
    "recent": {"wire"},
    "admission": set(),
    "outbox": {"wire"},
    "packet": {"wire", "identity"},
    "handshake": {"packet", "recent"},
    "link": {"handshake"},
    "pending": {"admission", "wire"},
    "manual": {"identity", "pending", "wire"},
    "gossip": {"identity", "outbox", "recent"},
    "ports": set(),
    "connection": {"link", "manual", "gossip", "ports"},
    "streams": {"connection", "admission"},
}

# What the core may import from outside, and which module may. No clock, file or text format.
CORE_ANYWHERE = {"hashlib"}
CORE_OUTSIDE: Mapping[str, set[str]] = {
    "wire": {"micropython"},
    "connection": {"asyncio"},
    "streams": {"asyncio"},
}

# Time, entropy and sockets are handed to the autopeering core.
AUTOPEERING_FORBIDDEN = {
    "asyncio",
    "socket",
    "time",
    "random",
    "secrets",
    "datetime",
    "os",
    "uuid",
}

# Modules in the firmware of every port that we ship to, and, behind a guard, of some of them.
BUILT_IN = {"array", "asyncio", "binascii", "builtins", "collections", "deflate", "errno", "gc"}
BUILT_IN |= {"hashlib", "heapq", "io", "json", "machine", "math", "micropython", "os", "platform"}
BUILT_IN |= {"random", "re", "select", "socket", "struct", "sys", "time", "uctypes", "vfs"}
BUILT_IN_SOMEWHERE = {"cryptolib", "esp", "esp32", "network", "ntptime", "rp2", "ssl", "_thread"}

# The user's own code and what `flash` writes, which may be absent: a guarded import.
USERS_OWN = {"app", "shimlet_board"}


# The rules: each takes a module and answers the sentences about what is wrong with it.


def wrong_packages(module: Module) -> list[str]:
    """Imports of a package of ours that this one may not know."""
    top = module.name.partition(".")[0]
    package = top if top in PACKAGES else ""
    allowed = PACKAGES[package] | {package}
    return [
        f"{module.name} may not import {asked.name}"
        for asked in module.imports
        if asked.top in PACKAGES and asked.top not in allowed
    ]


def stands_on(part: str) -> set[str]:
    """The modules of the core below one of them, directly or not."""
    bottom = set() if part in CORE_BOTTOM or part == "__init__" else CORE_BOTTOM
    return bottom.union(CORE[part], *(stands_on(below) for below in CORE[part]))


def wrong_in_core(module: Module) -> list[str]:
    """Imports that go upwards or sideways in the core, or out of it."""
    part = module.name.partition(".")[2] or "__init__"
    if part not in CORE:
        return [f"{module.name} has no line in the table CORE"]
    inside = {"shimlet", *(f"shimlet.{below}" for below in stands_on(part))}
    outside = CORE_ANYWHERE | CORE_OUTSIDE.get(part, set())
    return [
        f"{module.name} may not import {asked.name}"
        for asked in module.imports
        if asked.name not in inside | outside
        or (asked.name == "micropython" and not asked.guarded)
    ]


def wrong_in_autopeering(module: Module) -> list[str]:
    """Imports by which a pure module would look at a clock, a socket or a random source."""
    return [
        f"{module.name} may not import {asked.name}"
        for asked in module.imports
        if asked.top in AUTOPEERING_FORBIDDEN
    ]


def missing_on_board(module: Module, shipped: Iterable[str]) -> list[str]:
    """Imports that a board cannot satisfy: neither shipped nor built into its MicroPython."""
    there = BUILT_IN | set(shipped)
    guarded = there | BUILT_IN_SOMEWHERE | USERS_OWN
    return [
        f"{module.name} imports {asked.name}, which does not ship"
        for asked in module.imports
        if asked.name not in (guarded if asked.guarded else there)
    ]


# The project holds the rules.


def problems(rule: Callable[[Module], list[str]], modules: Iterable[Module]) -> list[str]:
    """All that one rule has to say about some modules."""
    return [sentence for module in modules for sentence in rule(module)]


def test_packages_import_only_what_stands_below_them() -> None:
    assert {"shimlet", "shimlet_host", "shimlet_light", "shimlet_crypto"} <= set(FILES)
    assert not problems(wrong_packages, map(load, FILES))


def test_core_modules_import_downwards_and_nothing_from_outside() -> None:
    assert not problems(wrong_in_core, ours("shimlet"))


def test_core_table_names_only_modules_that_exist() -> None:
    missing = [part for part in CORE if part != "__init__" and f"shimlet.{part}" not in FILES]
    assert not missing


def test_core_table_has_no_circle() -> None:
    for part in CORE:
        assert part not in stands_on(part)


def test_autopeering_is_handed_time_and_entropy() -> None:
    assert not problems(wrong_in_autopeering, ours("shimlet_host.autopeering"))


def test_everything_that_ships_finds_its_imports_on_a_board() -> None:
    shipped = Manifest(ROOT / "boards/manifest.py").shipped
    assert not problems(lambda module: missing_on_board(module, shipped), map(load, shipped))


def test_everything_in_the_core_ships() -> None:
    shipped = Manifest(ROOT / "boards/manifest.py").shipped
    assert {module.name for module in ours("shimlet")} <= shipped


def test_only_the_start_of_the_node_looks_for_the_wifi_driver() -> None:
    shipped = Manifest(ROOT / "boards/manifest.py").shipped
    asking = [
        module.name
        for module in map(load, shipped)
        for asked in module.imports
        if asked.name == "network"
    ]
    assert asking == ["shimlet_light.running"]


# The rules can fail.


def test_host_and_board_importing_each_other_are_found() -> None:
    host = read("shimlet_host.node", "def late():\n    from shimlet_light import board")
    board = read("shimlet_light.node", "import shimlet_host.config as config")
    crypto = read("shimlet_crypto.curve", "from shimlet.wire import Reader")
    main = read("main", "import shimlet_host")
    assert problems(wrong_packages, [host, board, crypto, main]) == [
        "shimlet_host.node may not import shimlet_light",
        "shimlet_light.node may not import shimlet_host.config",
        "shimlet_crypto.curve may not import shimlet.wire",
        "main may not import shimlet_host",
    ]


def test_core_module_importing_upwards_is_found() -> None:
    by_name = read("shimlet.wire", "from shimlet.packet import MAX_PACKET")
    relative = read("shimlet.packet", "from . import link")
    of_package = read("shimlet", "from .wire import Reader", is_package=True)
    assert problems(wrong_in_core, [by_name, relative, of_package]) == [
        "shimlet.wire may not import shimlet.packet",
        "shimlet.packet may not import shimlet.link",
        "shimlet may not import shimlet.wire",
    ]


def test_core_module_looking_at_a_clock_or_the_typing_module_is_found() -> None:
    for outside in ("time", "os", "socket", "json", "typing", "asyncio", "micropython"):
        module = read("shimlet.manual", f"try:\n    import {outside}\nexcept ImportError: pass")
        assert wrong_in_core(module) == [f"shimlet.manual may not import {outside}"]
    assert not wrong_in_core(read("shimlet.streams", "import asyncio, hashlib"))


def test_micropython_without_a_guard_is_found() -> None:
    assert wrong_in_core(read("shimlet.wire", "from micropython import const"))
    handler = "try:\n    pass\nexcept ImportError:\n    import micropython"
    assert wrong_in_core(read("shimlet.wire", handler))
    guarded = "try:\n    from micropython import const\nexcept ImportError:\n    const = int"
    assert not wrong_in_core(read("shimlet.wire", guarded))


def test_core_module_without_a_line_in_the_table_is_found() -> None:
    assert wrong_in_core(read("shimlet.novelty", "")) == [
        "shimlet.novelty has no line in the table CORE"
    ]


def test_autopeering_with_a_clock_is_found() -> None:
    module = read("shimlet_host.autopeering.salt", "from time import monotonic\nimport hashlib")
    assert wrong_in_autopeering(module) == ["shimlet_host.autopeering.salt may not import time"]


def test_import_that_does_not_ship_is_found() -> None:
    module = read("shimlet_light.node", "import json, logging\nfrom shimlet import wire, reasons")
    assert missing_on_board(module, {"shimlet", "shimlet.wire"}) == [
        "shimlet_light.node imports logging, which does not ship",
        "shimlet_light.node imports shimlet.reasons, which does not ship",
    ]


def test_module_of_some_boards_needs_a_guard() -> None:
    assert missing_on_board(read("shimlet_light.board", "import network"), ())
    guarded = "try:\n    import network\nexcept ImportError:\n    network = None"
    assert not missing_on_board(read("shimlet_light.board", guarded), ())


def test_manifest_ships_the_named_files_only(tmp_path: Path) -> None:
    for name in ("main.py", "kit/__init__.py", "kit/a.py", "kit/b.py", "lib/solo/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "lib/manifest.py").write_text("package('solo')")
    path = tmp_path / "manifest.py"
    path.write_text(
        "metadata(version='1')\ninclude('$(PORT_DIR)/boards/manifest.py')\ninclude('lib')\n"
        "module('main.py')\npackage('kit', files=['__init__.py', 'b.py'])\n"
    )
    assert Manifest(path).shipped == {"main", "kit", "kit.b", "solo"}


def test_manifest_that_names_an_absent_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "manifest.py"
    path.write_text("module('absent.py')")
    with pytest.raises(AssertionError, match=r"no file absent\.py"):
        Manifest(path)
