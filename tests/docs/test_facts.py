"""What the documents state as facts is so in the code: links lead somewhere, modules and functions
exist, defaults and bounds are those of the constants, checks come in the order of the tables.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from docs.documents import ROOT, Document, document, documents, names_in, table, tables
from layout import FILES
from shimlet.handshake import Rules
from shimlet.streams import Limits
from shimlet_host.auto_settings import parameters_of
from shimlet_host.config import load_config
from shimlet_host.config.schema import REMEDIES, Config
from shimlet_host.config.shown import shown
from shimlet_host.doctor import table as doctor
from shimlet_host.doctor.autopeering import table as auto_doctor
from test_layout import CORE

README = document("common/README.md")
PROTOCOL = document("common/protocol.md")
THREATS = document("common/threats.md")
HOST = document("cpython_host/README.md")
TESTS = document("tests/README.md")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
MANY_SECTIONS = 8
SOURCES = ("common", "cpython_host", "firmware", "tests", "boards")


# Links


@pytest.mark.parametrize("page", documents(), ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page: Document) -> None:
    for link in page.links:
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.path.parent / path).resolve() if path else page.path
        assert target.exists(), f"{page.name} links to {link}, which is not there"
        if target.is_dir():
            target /= "README.md"
        if anchor:
            assert anchor in Document(target).anchors, f"{page.name}: {link} has no such heading"


def test_long_pages_begin_with_all_their_sections_in_order() -> None:
    for page in documents():
        sections = re.findall(r"^## (.+)$", page.prose, re.MULTILINE)
        contents = re.search(r"^On this page:(.+?)\n\n", page.text, re.MULTILINE | re.DOTALL)
        assert contents or len(sections) <= MANY_SECTIONS, f"{page.name} has no list of contents"
        if contents:
            listed = re.findall(r"\[([^\]]+)\]\(#", contents[1])
            assert listed == sections, f"{page.name}: the list of contents is {listed}"


def python_files() -> list[Path]:
    return [path for folder in SOURCES for path in sorted((ROOT / folder).rglob("*.py"))]


def test_every_section_of_the_protocol_that_a_docstring_names_is_there() -> None:
    titles = set(PROTOCOL.headings)
    named = set()
    for path in python_files():
        text = re.sub(r"\s*\n[ #]*", " ", path.read_text())
        for match in re.finditer(r'protocol\.md, (?:below )?"([^"]+)"(?: and "([^"]+)")?', text):
            named |= {title for title in match.groups() if title}
    assert len(named) > 8, named
    assert named <= titles, named - titles


# Modules and functions


@cache
def defined() -> set[str]:
    """Every name that a function, a class, a variable or an attribute of ours has."""
    found = set()
    for path in FILES.values():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                found.add(node.name)
            elif isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
    return found


@pytest.mark.parametrize("page", documents(), ids=lambda page: page.name)
def test_every_python_file_that_is_named_exists(page: Document) -> None:
    names = {path.name for path in python_files()} | {"app.py"}  # the user's own
    below = {str(path.relative_to(ROOT)) for path in python_files()}
    for word in page.code:
        if re.fullmatch(r"[\w/]+\.py", word):
            known = word in names or any(path.endswith("/" + word) for path in below | names)
            assert known or word in below, f"{page.name} names {word}"


@pytest.mark.parametrize("page", [README, PROTOCOL, THREATS], ids=lambda page: page.name)
def test_every_function_that_the_architecture_names_exists(page: Document) -> None:
    for word in page.code:
        match = re.fullmatch(r"(?:(\w+)\.)?(\w+)\(\)", word)
        if match:
            owner, name = match.groups()
            assert name in defined(), f"{page.name} names {word}"
            assert owner is None or name in classes()[owner], f"{page.name} names {word}"


@cache
def classes() -> dict[str, set[str]]:
    """The functions and attributes of the classes of each name."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in FILES.values():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                below = list(ast.walk(node))
                found[node.name] |= {each.name for each in below if isinstance(each, FUNCTIONS)}
                found[node.name] |= {ast.unparse(each)[5:] for each in below if is_own(each)}
    return found


def is_own(node: ast.AST) -> bool:
    """Whether it is self.something."""
    return isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self"


def test_every_word_of_the_glossary_is_in_the_code() -> None:
    for word, _, cell in table(README.text, "word", "meaning", "in the code"):
        for name in names_in(cell):
            if not name.endswith(".py"):
                owner, _, last = name.removesuffix("()").rpartition(".")
                assert last in (classes()[owner] if owner else defined()), (word, name)


def test_the_maps_have_every_module_of_the_core_and_of_autopeering() -> None:
    core = {f"{name}.py" for name in CORE if name != "__init__"}
    assert names_of(table(README.text, "file", "what it knows")) == core
    there = (ROOT / "cpython_host/shimlet_host/autopeering").glob("*.py")
    listed = names_of(table(README.text, "file of `autopeering/`", "what it knows"))
    assert listed == {path.name for path in there} - {"__init__.py"}


def test_the_map_of_the_full_node_has_every_module_of_it() -> None:
    listed = names_of(table(HOST.section("Where is what"), "module", "job"))
    folder = ROOT / "cpython_host/shimlet_host"
    modules = {path.name for path in folder.glob("*.py") if not path.name.startswith("__")}
    packages = {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}
    assert modules | packages == {name for name in listed if name.count("/") < 2}
    assert all((folder / name).exists() for name in listed)


def test_every_folder_of_the_tests_is_explained() -> None:
    listed = names_of(table(TESTS.text, "folder", "what it tests", "runs on"))
    tests = (path for path in (ROOT / "tests").iterdir() if path.is_dir())
    there = {f"{path.name}/" for path in tests if any(path.glob("[!_]*.*"))}
    assert listed == there


def test_the_doctors_tables_have_its_causes() -> None:
    head = ["cause", "shown by", "what mends it"]
    by_hand, of_autopeering = (rows[1:] for rows in tables(HOST.text) if rows[0] == head)
    wanted = list(dict.fromkeys(row.cause for row in doctor.TABLE))
    assert [name for cell, *_ in by_hand for name in names_in(cell)] == wanted
    assert names_of(of_autopeering) == {
        row.cause for row in (*auto_doctor.PEERS, *auto_doctor.NODE)
    }


def names_of(rows: list[list[str]]) -> set[str]:
    """The inline code of the first column."""
    return {name for cell, *_ in rows for name in names_in(cell)}


# Figures


def is_default(key: str, text: str) -> bool:
    """Whether a config that says so is one that says nothing."""
    said = load_config(None, overrides=[f"{key}={text}"], environment={})
    return shown(said) == shown(load_config(None, environment={}))


def test_the_defaults_of_the_protocol_page_are_those_of_the_code() -> None:
    rows = table(PROTOCOL.text, *("key", "default", "", "key", "default"))
    listed = [pair for row in rows for pair in (row[:2], row[3:]) if pair[0]]
    assert len(listed) > 20, listed
    for key_cell, value_cell in listed:
        (key,), (text,) = names_in(key_cell), names_in(value_cell)
        assert key in REMEDIES and is_default(key, text), (key, text)


def test_the_settings_of_the_full_node_are_all_explained_with_their_defaults() -> None:
    explained = set()
    for rows in tables(HOST.text):
        if rows[0] != ["key", "default", "meaning"]:
            continue
        for key_cell, value_cell, _ in rows[1:]:
            keys, values = whole_keys(names_in(key_cell)), names_in(value_cell)
            explained |= set(keys)
            assert set(keys) <= set(REMEDIES), keys
            each = values * len(keys) if len(values) == 1 else values
            for key, text in zip(keys, each, strict=bool(values)):
                assert is_default(key, text), (key, text)
    assert set(REMEDIES) <= explained, set(REMEDIES) - explained


def whole_keys(names: list[str]) -> list[str]:
    """Of `a.b`, `c` the second is a.c."""
    prefix = names[0].rpartition(".")[0]
    return [name if "." in name or not prefix else f"{prefix}.{name}" for name in names]


def constant(name: str) -> Any:
    """The value of module.NAME or module.Limits.attribute."""
    module_name, _, last = name.rpartition(".")
    if module_name == "shimlet.streams.Limits":
        return getattr(Limits(), last)
    if module_name.startswith("shimlet_light"):  # CPython cannot import all of it
        source = FILES[module_name].read_text()
        match = re.search(rf"^{last} = (?:const\()?([\d_]+)", source, re.MULTILINE)
        assert match is not None, name
        return int(match[1])
    return getattr(importlib.import_module(module_name), last)


@pytest.mark.parametrize(
    "row", table(THREATS.text, "what", "bound", "constant"), ids=lambda row: row[0]
)
def test_the_bounds_of_the_threats_page_are_those_of_the_code(row: list[str]) -> None:
    what, bound, cell = row
    (name,) = names_in(cell)
    assert constant(name) == int(bound.replace(",", "")), (what, name)


def test_the_profiles_differ_in_the_switches_that_the_page_names_and_in_no_others() -> None:
    rows = table(PROTOCOL.text, "check", "switch", "`spec`", "`goshimmer`")
    page = {}
    for _, cell, spec, other in rows:
        (switch,) = names_in(cell)
        page[switch] = (spec.startswith("on"), other.startswith("on"))
    code: dict[str, tuple[bool, bool]] = {}
    of_profile = [switches(profile) for profile in ("spec", "goshimmer")]
    for switch in of_profile[0]:
        code[switch] = (of_profile[0][switch], of_profile[1][switch])
    assert page == code


def switches(profile: str) -> dict[str, bool]:
    """All that the code makes of a profile."""
    config: Config = load_config(None, overrides=[f"profile={profile}"], environment={})
    found = {**vars(parameters_of(config)), **vars(Rules(profile, [], 1))}
    return {name: value for name, value in found.items() if re.match(r"check_|allow_", name)}
