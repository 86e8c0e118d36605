"""What ships on a board: reads the manifest, compiles, and names each file's place.

In: a manifest in MicroPython's style, as boards/manifest.py. Out: {path on the board: local file
or content}, what `deploy` takes. Called by: the command line and `make run`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from shimlet_host.model import HostError

from .compiler import CompileError, compile_module, dotted
from .generated import GeneratorError, generated

Content = Path | bytes

MANIFEST = Path(__file__).resolve().parents[3] / "boards" / "manifest.py"
LIBRARY = "/lib"
STARTED_BY_NAME = ("boot.py", "main.py")  # these stay sources, and in the root folder


class ShippingError(HostError):
    """What should ship is missing or does not compile; the text is a sentence."""


def shipped(
    manifest: Path = MANIFEST, *, compiled: bool = True, arch: str | None = None
) -> dict[str, Content]:
    """Return {path on the board: content} of all that the manifest names.

    Modules of the library go as .mpy files if `compiled`: they import faster and with less heap.
    `arch` is mpy-cross' name of the board's processor; without it modules that need native code
    go as sources; with it generated modules take the place of rolled ones. Raises ShippingError.
    """
    reader = _Reader()
    reader.include(str(manifest))
    files = _with_generated(reader.files) if arch else reader.files
    if not compiled:
        return dict(files)
    return {
        name: content
        for path, local in sorted(files.items())
        for name, content in [_compile(path, local, arch)]
    }


def _with_generated(files: Mapping[str, Path]) -> dict[str, Path]:
    """The same, with generated modules where their package ships."""
    folders = {path.rpartition("/")[0] for path in files}
    try:
        made = {f"{LIBRARY}/{path}": local for path, local in generated().items()}
    except GeneratorError as error:
        raise ShippingError(str(error)) from None
    shipping = {path: at for path, at in made.items() if path.rpartition("/")[0] in folders}
    return {**files, **shipping}


class _Reader:
    """Executes manifests with functions of its own; `files` is what they name."""

    def __init__(self) -> None:
        self.files: dict[str, Path] = {}
        self._folder = Path()

    def include(self, path: str, **_options: object) -> None:
        """Run a manifest; the paths in it start at its own folder."""
        if "$(" in path:  # a manifest of MicroPython itself: what it names is in the firmware
            return
        outer, manifest = self._folder, self._at(path)
        manifest = manifest / "manifest.py" if manifest.is_dir() else manifest
        self._folder = manifest.parent
        try:
            source = manifest.read_text()
        except OSError as error:
            raise ShippingError(
                f"Cannot read the manifest {manifest}: {error.strerror}."
            ) from None
        exec(compile(source, str(manifest), "exec"), self._functions())
        self._folder = outer

    def _functions(self) -> dict[str, Callable[..., None]]:
        return {
            "metadata": lambda **_: None,
            "package": self.package,
            "module": self.module,
            "include": self.include,
            "require": self.require,
        }

    def _at(self, path: str) -> Path:
        return (self._folder / path).resolve()

    def package(
        self,
        name: str,
        files: list[str] | None = None,
        base_path: str = ".",
        opt: int | None = None,
    ) -> None:
        """Ship a folder of modules, or only the named files of it."""
        folder = self._at(base_path) / name
        names = files or sorted(str(path.relative_to(folder)) for path in folder.rglob("*.py"))
        if not names:
            raise ShippingError(
                f"The manifest ships the package {name}, but {folder} has no files."
            )
        for file in names:
            self._add(f"{LIBRARY}/{name}/{file}", folder / file)

    def module(self, name: str, base_path: str = ".", opt: int | None = None) -> None:
        """Ship one file; boot.py and main.py go to the root folder."""
        folder = "" if name in STARTED_BY_NAME else LIBRARY
        self._add(f"{folder}/{name}", self._at(base_path) / name)

    def require(self, name: str, **_options: object) -> None:
        """A package of micropython-lib cannot be copied from here."""
        raise ShippingError(f"The manifest requires {name}: install it on the board by mip.")

    def _add(self, path: str, local: Path) -> None:
        if not local.is_file():
            raise ShippingError(f"The manifest ships {local}, which does not exist.")
        self.files[path] = local


def _compile(path: str, local: Path, arch: str | None) -> tuple[str, Content]:
    """Compile a library module; give back the source where the board wants one."""
    if not path.startswith(LIBRARY + "/"):
        return path, local
    name = dotted(Path(path).relative_to(LIBRARY))
    try:
        code = compile_module(local, name, arch)
    except CompileError as error:
        raise ShippingError(str(error)) from None
    if code is None:
        return path, local
    return path.removesuffix(".py") + ".mpy", code
