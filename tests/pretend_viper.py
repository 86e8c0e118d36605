"""Runs viper functions as plain Python, on pretended memory: a slow processor that tells all.

In: the source of a module. Out: its viper functions; their pointers read and write the bytes of a
`Memory`, every value that gets a name is cut to 32 bits, as a machine word is, and the memory
keeps a trace of the addresses used and, if asked, of the lines run. Called by tests of the
generator and of constant time.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from typing import Any


class Memory:
    """Bytes at addresses, and what was done with them."""

    def __init__(self) -> None:
        self.bytes = bytearray(1 << 17)
        self.trace: list[int] = []

    def pointer(self, size: int) -> type:
        """The class of pointers to numbers of `size` bytes."""
        memory, trace = self.bytes, self.trace

        class Pointer:
            def __init__(self, address: object) -> None:
                self.address = int(address)  # type: ignore[call-overload]

            def __int__(self) -> int:
                return self.address

            def __getitem__(self, index: int) -> int:
                at = self.address + index * size
                assert at % size == 0
                trace.append(at)
                return int.from_bytes(memory[at : at + size], "little", signed=size == 4)

            def __setitem__(self, index: int, value: int) -> None:
                at = self.address + index * size
                assert at % size == 0
                trace.append(at)
                memory[at : at + size] = (value % 256**size).to_bytes(size, "little")

        return Pointer

    def traced(self, function: Callable[..., object], *arguments: object) -> list[int]:
        """Call it; the addresses read and written, and below 0 the lines run, in order."""
        self.trace.clear()

        def line(frame: Any, event: str, _: object) -> Any:
            if frame.f_code is function.__code__ and event == "line":
                self.trace.append(-frame.f_lineno)
            return line

        before = sys.gettrace()
        sys.settrace(line)
        try:
            function(*arguments)
        finally:
            sys.settrace(before)
        return list(self.trace)


class Words(ast.NodeTransformer):
    """Every value that is given a name is cut to 32 bits."""

    def visit_Assign(self, node: ast.Assign) -> ast.Assign:
        if isinstance(node.value, ast.BinOp):
            name = ast.Name("word", ast.Load())
            node.value = ast.Call(name, [node.value], [])
        return node


def word(value: int) -> int:
    """What a machine word keeps of a value."""
    return (value + 2**31) % 2**32 - 2**31


def unsigned(value: Any) -> int:
    """What `uint` makes of a number or a pointer."""
    return int(value) % 2**32


def is_viper(function: ast.FunctionDef) -> bool:
    """Whether it is decorated so."""
    return "micropython.viper" in [ast.unparse(node) for node in function.decorator_list]


def viper_functions(source: str, memory: Memory) -> dict[str, Any]:
    """The functions of a module that are decorated as viper, and the pointers ptr8, 16 and 32."""
    body = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    viper = [
        node for node in body if "viper" in [ast.unparse(d)[-5:] for d in node.decorator_list]
    ]
    for node in viper:
        node.decorator_list = []
        for argument in node.args.args:
            argument.annotation = None
        node.returns = None
    tree = ast.fix_missing_locations(Words().visit(ast.Module(list(viper), [])))
    names: dict[str, Any] = {f"ptr{8 * size}": memory.pointer(size) for size in (1, 2, 4)}
    names.update(word=word, uint=unsigned)
    exec(compile(tree, "viper", "exec"), names)
    return names
