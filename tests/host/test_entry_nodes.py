"""Names of entry nodes: resolved at the start, when one falls silent, and until they have an
address.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from shimlet_host import entry_nodes
from shimlet_host.config import EntryNode
from shimlet_host.entry_nodes import EntryNodes
from shimlet_host.net import HostNet

KEY_A, KEY_B = bytes([1]) * 32, bytes([2]) * 32
Found = list[tuple[bytes, str, int]]


class Names(HostNet):
    """A name server with given answers, one after the other; None for a failure."""

    def __init__(self, **answers: list[str | None]) -> None:
        super().__init__()
        self._answers: dict[str, Iterator[str | None]] = {
            name: iter(each) for name, each in answers.items()
        }
        self.families: list[int] = []

    async def resolve(self, host: str, family: int = 0) -> str:
        self.families.append(family)
        await asyncio.sleep(0)
        answer = next(self._answers[host])
        if answer is None:
            raise socket.gaierror("Name or service not known")
        return answer


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(entry_nodes.log, "warning", lambda event, **fields: told.append(fields))
    monkeypatch.setattr(entry_nodes.log, "debug", lambda event, **fields: None)
    return told


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_all_are_resolved_at_the_start_for_the_family_of_the_socket() -> None:
    async def test() -> None:
        found: Found = []
        entries = [EntryNode(KEY_A, "a:1"), EntryNode(KEY_B, "b:2")]
        names = Names(a=["192.0.2.1"], b=["::ffff:192.0.2.2"])
        nodes = EntryNodes(entries, names, socket.AF_INET, lambda *each: found.append(each))
        nodes.start()
        await settle()
        assert found == [(KEY_A, "192.0.2.1", 1), (KEY_B, "192.0.2.2", 2)]
        assert names.families == [socket.AF_INET] * 2

    asyncio.run(test())


def test_a_silent_one_is_resolved_again_and_once_at_a_time() -> None:
    async def test() -> None:
        found: Found = []
        names = Names(a=["192.0.2.1", "192.0.2.9"])
        nodes = EntryNodes([EntryNode(KEY_A, "a:1")], names, 0, lambda *each: found.append(each))
        nodes.start()
        nodes.silent(KEY_A)  # that is being done
        await settle()
        nodes.silent(KEY_A)
        nodes.silent(KEY_A)
        nodes.silent(KEY_B)  # none of ours
        await settle()
        assert found == [(KEY_A, "192.0.2.1", 1), (KEY_A, "192.0.2.9", 1)]

    asyncio.run(test())


def test_a_name_without_an_address_is_said_once_and_tried_until_it_has_one(
    warned: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry_nodes, "ENTRY_RETRY_S", 0)

    async def test() -> None:
        found: Found = []
        names = Names(a=[None, None, None, "192.0.2.1"])
        nodes = EntryNodes([EntryNode(KEY_A, "a:1")], names, 0, lambda *each: found.append(each))
        nodes.start()
        await settle()
        assert found == [(KEY_A, "192.0.2.1", 1)]
        assert len(warned) == 1 and "a:1" in warned[0]["entryNode"]

    asyncio.run(test())


def test_stopping_ends_the_tries(
    warned: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry_nodes, "ENTRY_RETRY_S", 0)

    async def test() -> None:
        names = Names(a=[None] * 1000)
        nodes = EntryNodes([EntryNode(KEY_A, "a:1")], names, 0, lambda *each: None)
        nodes.start()
        await settle()
        nodes.stop()
        await settle()
        asked = len(names.families)
        await settle()
        assert len(names.families) == asked > 1

    asyncio.run(test())
