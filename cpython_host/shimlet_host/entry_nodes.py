"""The entry nodes of the config: their names become addresses, again whenever one falls silent.

In: the entries, and the key of one that did not answer. Out: `found(public_key, ip, port)`. Names
are resolved beside the loop; one that has no address is said once and tried again. Called by
auto.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog
from shimlet.identity import base58_encode, parse_address

from shimlet_host.autopeering.networks import canonical
from shimlet_host.autopeering.parameters import ENTRY_RETRY_S
from shimlet_host.config import EntryNode
from shimlet_host.net import HostNet

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

    def start(self) -> None:
        """Resolve all of them."""
        for public_key in self._entries:
            self.again(public_key)

    def stop(self) -> None:
        """Resolve no more."""
        for task in self._tasks.values():
            task.cancel()

    def again(self, public_key: bytes) -> None:
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
            await asyncio.sleep(ENTRY_RETRY_S)
        self._found(entry.public_key, canonical(ip) or ip, port)
