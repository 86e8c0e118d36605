"""Reads the project for test_layout.py: which module imports what, and what a manifest ships.

In: our source folders, or a source as text. Out: `Module`s with their `Import`s, found by `ast`
without running anything, and the names of the modules that boards/manifest.py ships.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("common", "firmware", "cpython_host")


class Import(NamedTuple):
    """One import: the module's full name, and whether `except ImportError` stands around it."""

    name: str
    guarded: bool = False

    @property
    def top(self) -> str:
        """What the search path must hold: the package, or the module itself."""
        return self.name.partition(".")[0]


class Module(NamedTuple):
    """A module by its full name, with all that it imports, also inside functions."""

    name: str
    imports: list[Import]


def modules_below(folder: Path) -> dict[str, Path]:
    """Names and files of all modules below a folder of the search path."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


FILES = {name: path for folder in SOURCES for name, path in modules_below(ROOT / folder).items()}


def catches_import_error(node: ast.AST) -> bool:
    """Whether a try statement has an `except ImportError`."""
    handlers = node.handlers if isinstance(node, ast.Try) else []
    return any(h.type is not None and "ImportError" in ast.unparse(h.type) for h in handlers)


def statements(node: ast.AST, guarded: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """All nodes below, each with whether an ImportError there would be caught."""
    for child in ast.iter_child_nodes(node):
        inside = guarded
        if isinstance(node, ast.Try) and child in node.body:
            inside = guarded or catches_import_error(node)
        yield child, inside
        yield from statements(child, inside)


def names_of(node: ast.AST, package: str) -> list[str]:
    """Full names that an import asks for: of `from x import y` x, and x.y if that is a module."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
    base = ".".join([*above, *([node.module] if node.module else [])])
    below = [f"{base}.{alias.name}" for alias in node.names]
    return [base, *(name for name in below if name in FILES)]


def read(name: str, source: str, is_package: bool = False) -> Module:
    """Find the imports of one module's source."""
    package = name if is_package else name.rpartition(".")[0]
    found = [
        Import(asked, guarded)
        for node, guarded in statements(ast.parse(source))
        for asked in names_of(node, package)
    ]
    return Module(name, found)


def load(name: str) -> Module:
    """Read a module of ours from its file."""
    return read(name, FILES[name].read_text(), FILES[name].name == "__init__.py")


def ours(package: str) -> list[Module]:
    """All modules of one of our packages that are there."""
    return [load(name) for name in FILES if name == package or name.startswith(package + ".")]


class Manifest:
    """Runs a MicroPython manifest with stub functions and keeps the names of what it ships."""

    def __init__(self, path: Path) -> None:
        self.shipped: set[str] = set()
        self._folder = path.parent
        self._run(path)

    def _run(self, path: Path) -> None:
        outer, self._folder = self._folder, path.parent
        calls = {"package": self.package, "module": self.module, "include": self.include}
        ignored = dict.fromkeys(("metadata", "require"), lambda *_args, **_options: None)
        exec(compile(path.read_text(), path, "exec"), {**calls, **ignored})
        self._folder = outer

    def _at(self, base_path: str) -> Path:
        return (self._folder / base_path).resolve()

    def package(
        self, name: str, files: list[str] | None = None, base_path: str = ".", opt: int = 0
    ) -> None:
        """Ship a folder of modules, or the files of it that are named."""
        folder = self._at(base_path)
        every = [str(path.relative_to(folder / name)) for path in (folder / name).rglob("*.py")]
        assert every, f"the manifest ships no package {name}"
        for file in every if files is None else files:
            assert (folder / name / file).is_file(), f"the manifest ships no file {name}/{file}"
            parts = (name, *Path(file).with_suffix("").parts)
            self.shipped.add(".".join(parts[:-1] if parts[-1] == "__init__" else parts))

    def module(self, name: str, base_path: str = ".", opt: int = 0) -> None:
        """Ship a single file."""
        assert (self._at(base_path) / name).is_file(), f"the manifest ships no file {name}"
        self.shipped.add(name.removesuffix(".py"))

    def include(self, path: str, **_options: object) -> None:
        """Run another manifest of ours; those of MicroPython itself bring what is built in."""
        if "$(" not in path:
            found = self._at(path)
            self._run(found / "manifest.py" if found.is_dir() else found)
