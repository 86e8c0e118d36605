"""How many bytes of native code .mpy files hold, which boards load beside or into their heap.

In: a folder of compiled modules. Out: bytes, read by MicroPython's own mpy-tool from the source
that `make test-frozen` fetches; None without it. Called by bench_light_heap.py.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

TOOLS = Path(__file__).resolve().parents[2] / "build" / "micropython" / "source" / "tools"


def native_bytes(folder: Path) -> int | None:
    """The native code of all modules below `folder`."""
    if not (TOOLS / "mpy-tool.py").exists():
        return None
    tool = _mpy_tool()
    total = 0
    for path in sorted(folder.rglob("*.mpy")):
        tool.global_qstrs = tool.GlobalQStrList()
        tool.config.native_arch = tool.MP_NATIVE_ARCH_NONE
        total += _native(tool.read_mpy(str(path)).raw_code)
    return total


def _native(raw_code: Any) -> int:
    own = len(raw_code.fun_data) if "Native" in type(raw_code).__name__ else 0
    return own + sum(map(_native, raw_code.children))


def _mpy_tool() -> Any:
    sys.path.insert(0, str(TOOLS))  # for its neighbor makeqstrdata
    sys.path.insert(0, str(TOOLS.parent / "py"))
    spec = importlib.util.spec_from_file_location("mpy_tool", TOOLS / "mpy-tool.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
