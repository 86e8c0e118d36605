"""Generated modules on their way to a board: made anew, in place of rolled ones, never half."""

from __future__ import annotations

from pathlib import Path

import generator
import pytest
from generator.__main__ import write
from shimlet_host.board import generated as board_generated
from shimlet_host.board import shipped as board_shipped
from shimlet_host.board.generated import GeneratorError, generated
from shimlet_host.board.shipped import ShippingError, shipped

ROLLED = "shimlet_crypto/__init__.py"


def make(monkeypatch: pytest.MonkeyPatch, sources: dict[str, str]) -> None:
    """Have the generator make these modules."""
    monkeypatch.setattr("generator.__main__.sources", lambda: sources)


def test_writing_leaves_what_is_right_and_removes_what_nothing_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(monkeypatch, {"a/b.py": "x = 1\n", "a/c.py": "x = 2\n"})
    write(tmp_path)
    times = (tmp_path / "a/b.py").stat().st_mtime_ns
    make(monkeypatch, {"a/b.py": "x = 1\n", "a/d.py": "x = 3\n"})
    write(tmp_path)
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["b.py", "d.py"]
    assert (tmp_path / "a/b.py").stat().st_mtime_ns == times


def test_generated_modules_are_those_of_the_generator() -> None:
    assert {path: file.read_text() for path, file in generated().items()} == generator.sources()


def test_compiled_for_a_processor_generated_modules_replace_rolled_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = tmp_path / "generated.py"
    local.write_text("text = 'from the generator'\n")
    ours = {ROLLED: local, "shimlet_crypto/more.py": local, "elsewhere/other.py": local}
    monkeypatch.setattr(board_shipped, "generated", lambda: ours)
    for_arm = shipped(arch="armv7m")
    assert b"from the generator" in bytes(for_arm["/lib/shimlet_crypto/__init__.mpy"])
    assert "/lib/shimlet_crypto/more.mpy" in for_arm
    assert not any("elsewhere" in path for path in for_arm), "its package does not ship"


def test_sources_are_the_rolled_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_shipped, "generated", lambda: pytest.fail("not asked for"))
    assert f"/lib/{ROLLED}" in shipped(compiled=False)
    assert "/lib/shimlet_crypto/__init__.mpy" in shipped(arch=None)


def test_a_generator_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "generator").mkdir()
    (tmp_path / "generator/__init__.py").write_text("raise RuntimeError('limbs are missing')")
    monkeypatch.setattr(board_generated, "FIRMWARE", tmp_path)
    with pytest.raises(GeneratorError, match="limbs are missing"):
        generated()
    with pytest.raises(ShippingError, match="limbs are missing"):
        shipped(arch="armv7m")
