"""The entry nodes of the config: their names become addresses, again whenever one falls silent.

In: the entries, and which of them answered or did not. Out: `found(public_key, ip, port)`, and how
each of them stands. Names are resolved beside the loop; one that has no address, or does not
answer, is said once and tried again. Called by auto.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import structlog
from shimlet.identity import base58_encode, format_address, parse_address

from shimlet_host.autopeering.networks import canonical
from shimlet_host.autopeering.parameters import ENTRY_RETRY_S
from shimlet_host.config import EntryNode
from shimlet_host.model import EntryNodeStatus
from shimlet_host.net import HostNet

NO_ADDRESS, NO_ANSWER = "no-address", "no-answer"

log = structlog.get_logger()


class EntryNodes:
    """`family`: of the UDP socket, so that a name with addresses of both gives a usable one."""

    def __init__(
        self,
        entries: Sequence[EntryNode],
        net: HostNet,
        family: int,
        found: Callable[[bytes, str, int], None],
    ) -> None:
        self._entries = {entry.public_key: entry for entry in entries}
        self._net = net
        self._family = family
        self._found = found
        self._tasks: dict[bytes, asyncio.Task[None]] = {}
        self._statuses = {
            entry.public_key: EntryNodeStatus(entry.public_key, entry.address) for entry in entries
        }

    def statuses(self) -> tuple[EntryNodeStatus, ...]:
        """How each of them stands."""
        return tuple(self._statuses.values())

    def answered(self, public_key: bytes, unix_time: int) -> None:
        """A peer was verified, which may be one of them."""
        status = self._statuses.get(public_key)
        if status is None:
            return
        if status.last_error == NO_ANSWER:
            log.info("an entry node answers", entryNode=base58_encode(public_key))
        self._note(public_key, last_answer=unix_time, last_error="")

    def silent(self, public_key: bytes) -> None:
        """One of them does not answer: said once, and its name is resolved again."""
        if public_key not in self._statuses:
            return
        if self._statuses[public_key].last_error != NO_ANSWER:
            log.warning(
                "an entry node does not answer; it is tried again every minute",
                entryNode=base58_encode(public_key),
            )
        self._note(public_key, last_error=NO_ANSWER)
        self._again(public_key)

    def _note(self, public_key: bytes, **what: Any) -> None:
        self._statuses[public_key] = replace(self._statuses[public_key], **what)

    def start(self) -> None:
        """Resolve all of them."""
        for public_key in self._entries:
            self._again(public_key)

    def stop(self) -> None:
        """Resolve no more."""
        for task in self._tasks.values():
            task.cancel()

    def _again(self, public_key: bytes) -> None:
        """Resolve one of them, unless that is being done."""
        entry = self._entries.get(public_key)
        task = self._tasks.get(public_key)
        if entry is not None and (task is None or task.done()):
            self._tasks[public_key] = asyncio.create_task(self._resolve(entry))

    async def _resolve(self, entry: EntryNode) -> None:
        host, port = parse_address(entry.address)
        failed = False
        while True:
            try:
                ip = await self._net.resolve(host, self._family)
                break
            except OSError as error:
                write = log.debug if failed else log.warning
                write(
                    "an entry node has no address; it is tried again every minute",
                    entryNode=f"{base58_encode(entry.public_key)}@{entry.address}",
                    why=error.strerror or str(error),
                )
                failed = True
                self._note(entry.public_key, resolved="", last_error=NO_ADDRESS)
            await asyncio.sleep(ENTRY_RETRY_S)
        ip = canonical(ip) or ip
        self._note(entry.public_key, resolved=format_address(ip, port))
        if self._statuses[entry.public_key].last_error == NO_ADDRESS:
            self._note(entry.public_key, last_error="")
        self._found(entry.public_key, ip, port)
