"""boards/*/board.json: a mistake in one is said with file and key; and what is made of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from shimlet_host.board import build
from shimlet_host.board.catalogue import FOLDER, CatalogueError, all_boards, load, names
from shimlet_host.board.shipped import MANIFEST, shipped
from shimlet_host.cli import app
from typer.testing import CliRunner

WANTED = {"esp32_generic", "esp32_generic_s3", "esp32_generic_c3", "rpi_pico_w", "rpi_pico2_w"}
WANTED |= {"sim", "qemu_mps2"}


@pytest.fixture
def boards(tmp_path: Path) -> Path:
    """A folder of boards with one board."""
    (tmp_path / "mine").mkdir()
    for name in ("board.json", "manifest.py"):
        shutil.copy(FOLDER / "esp32_generic" / name, tmp_path / "mine")
    return tmp_path


def change(boards: Path, **keys: object) -> None:
    path = boards / "mine/board.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **keys}))


def test_all_boards_are_described_and_what_was_never_run_says_so() -> None:
    specs = {spec.id: spec for spec in all_boards()}
    assert specs.keys() >= WANTED
    for spec in specs.values():
        hardware = spec.port in ("esp32", "rp2")
        assert (spec.hardware == "never run on hardware") == hardware, spec.id
        assert (spec.measured.rung is None) == hardware, spec.id


def test_boards_with_files_ship_the_one_list() -> None:
    ship = set(shipped(MANIFEST, compiled=False))
    for spec in all_boards():
        if spec.flash:
            assert set(shipped(spec.manifest, compiled=False)) == ship, spec.id


def test_folder_of_two_files_is_a_board(boards: Path) -> None:
    change(boards, name="My own", led=None)
    assert names(boards) == ["mine"]
    assert load("mine", boards).name == "My own"


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"processor": "z80"}, r"processor: Input should be 'x86'"),
        ({"heap": "64k"}, r"heap: Input should be a valid integer\."),
        ({"led": {"pin": 2, "on": 7}}, r"led\.on: Input should be 0 or 1\."),
        ({"heep": 1}, r"heep: Extra inputs are not permitted\."),
        ({"install": {"by": "magic"}}, r"install: .*'magic'"),
    ],
)
def test_mistake_names_file_and_key(boards: Path, keys: dict[str, object], sentence: str) -> None:
    change(boards, **keys)
    with pytest.raises(CatalogueError, match=rf"mine/board\.json: {sentence}"):
        load("mine", boards)


def test_missing_key_is_named(boards: Path) -> None:
    path = boards / "mine/board.json"
    content = json.loads(path.read_text())
    del content["flash"]
    path.write_text(json.dumps(content))
    with pytest.raises(CatalogueError, match=r"board\.json: flash: Field required\."):
        load("mine", boards)


def test_broken_file_says_where(boards: Path) -> None:
    for text, sentence in (("{\n1", r"not JSON \(.*line 2"), ("[]", "not a JSON object")):
        (boards / "mine/board.json").write_text(text)
        with pytest.raises(CatalogueError, match=sentence):
            load("mine", boards)


def test_board_without_manifest_and_folder_without_boards_are_told(
    boards: Path, tmp_path: Path
) -> None:
    (boards / "mine/manifest.py").unlink()
    with pytest.raises(CatalogueError, match=r"mine has no manifest\.py"):
        load("mine", boards)
    with pytest.raises(CatalogueError, match="run this from a copy of the whole project"):
        load("mine", tmp_path / "elsewhere")


# What is made of it


def test_board_module_says_what_the_board_has() -> None:
    said: dict[str, object] = {}
    exec(build.board_module(load("esp32_generic")), said)
    assert (said["NAME"], said["LED"], said["LED_ON"]) == ("esp32_generic", 2, 1)
    exec(build.board_module(load("rpi_pico_w")), said)
    assert (said["NAME"], said["LED"], said["LED_ON"]) == ("rpi_pico_w", "LED", 1)
    exec(build.board_module(load("esp32_generic_c3")), said)
    assert said["LED"] is None


def test_build_writes_what_the_board_gets_and_removes_what_it_got(tmp_path: Path) -> None:
    old = tmp_path / "lib/shimlet/gone.mpy"
    mine = tmp_path / "board.img"
    old.parent.mkdir(parents=True)
    for path in (old, mine):
        path.touch()
    made = build.build(load("rpi_pico_w"), tmp_path)
    assert not old.exists() and mine.exists()
    assert {"/main.py", "/boot.py", "/lib/shimlet/link.mpy", "/lib/shimlet_board.mpy"} <= set(made)
    for path, size in made.items():
        assert (tmp_path / path.lstrip("/")).stat().st_size == size
    # The third byte of an .mpy file with native code holds its processor: 4 is armv6m.
    assert (tmp_path / "lib/shimlet_crypto/viper/field.mpy").read_bytes()[2] >> 2 == 4
    names = dict(json.loads((tmp_path / "package.json").read_text())["urls"])
    assert {f"/lib/{name}" for name in names} == {path for path in made if path[:5] == "/lib/"}
    assert all((tmp_path / path).is_file() for path in names.values())
    sizes = build.sizes(made)
    assert sum(sizes.values()) == sum(made.values())
    assert sizes["shimlet"] == sum(n for p, n in made.items() if p.startswith("/lib/shimlet/"))


def test_build_command_answers_in_words_and_in_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = CliRunner().invoke(app, ["board", "build", "sim"])
    assert words.exit_code == 0 and "shimlet_crypto" in words.stdout
    answer = CliRunner().invoke(app, ["board", "build", "sim", "--json"])
    sizes = json.loads(answer.stdout)["bytes"]
    assert sum(sizes.values()) == sum(
        path.stat().st_size
        for path in (tmp_path / "build/sim").rglob("*")
        if path.is_file() and path.name != "package.json"
    )
    unknown = CliRunner().invoke(app, ["board", "build", "sym"])
    assert unknown.exit_code == 1 and "Did you mean sim?" in unknown.stderr
    assert CliRunner().invoke(app, ["board", "build"]).exit_code == 2


def test_every_command_has_help_with_an_example() -> None:
    from typer.main import get_command

    commands = get_command(app).commands["board"].commands  # type: ignore[attr-defined]
    assert {"list", "build", "flash", "micropython", "sim", "shell", "firmware"} <= set(commands)
    for name in ("list", "build", "flash", "micropython", "sim", "shell", "firmware"):
        assert f"Example: shimlet board {name}" in " ".join(commands[name].help.split()), name
