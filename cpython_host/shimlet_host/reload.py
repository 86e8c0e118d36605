"""Follows the config file while the node runs.

In: the config as it runs, a way to read it again, and what takes a new list of known peers. Out:
changed known peers are applied, every other setting that changed is named in the log, because it
needs a restart. A config with a mistake changes nothing and is said once; so does a file that is
empty or gone. Called by service.py, at SIGHUP and once a second.
"""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from shimlet_host.config import Config, ConfigError, PeerEntry
from shimlet_host.config.schema import Section
from shimlet_host.configured import PeerChanges
from shimlet_host.model import HostError

LOOK_INTERVAL_S = 1.0
APPLIED = "manualPeering.knownPeers"

Signature = tuple[int, int, int] | None

log = structlog.get_logger()


class Reloader:
    """One config file. `running` is what the node was started with."""

    def __init__(
        self,
        running: Config,
        read: Callable[[], Config],
        apply: Callable[[Sequence[PeerEntry]], PeerChanges],
    ) -> None:
        self._running = running
        self._read = read
        self._apply = apply
        self._told = set(running.warnings)
        self._done = self._last = _signature(running.file)

    async def follow(self) -> None:
        """Look at the file once a second, until cancelled."""
        while self._running.file is not None:
            await asyncio.sleep(LOOK_INTERVAL_S)
            self.look()

    def look(self) -> None:
        """Read it again if it changed, and not since the last look: then it is written."""
        before, self._last = self._last, _signature(self._running.file)
        if before == self._last != self._done:
            self.reload()

    def reload(self) -> None:
        """Read it again now."""
        self._done = self._last = _signature(self._running.file)
        try:
            self._refuse_a_pipe()
            config = self._read()
            found = self._apply(config.manual_peering.known_peers)
        except HostError as error:
            problems = error.problems if isinstance(error, ConfigError) else [str(error)]
            log.error("the config was not applied, nothing changed", problems=list(problems))
            return
        self._tell(config, found)

    def _refuse_a_pipe(self) -> None:
        """As shells make them for <(...): to read it a second time is to wait for ever."""
        path = self._running.file
        if path is not None and path.exists() and not path.is_file() and not path.is_dir():
            raise ConfigError([f"{path}: this is no file, so it cannot be read again."])

    def _tell(self, config: Config, found: PeerChanges) -> None:
        for warning in config.warnings:
            if warning not in self._told:
                log.warning(warning)
        self._told.update(config.warnings)
        log.info(
            "the config was read again",
            peers_changed=len(found.touched),
            peers_removed=len(found.removed),
        )
        keys = differing_keys(self._running, config)
        if keys:
            log.warning("settings that changed need a restart", keys=keys)


def differing_keys(one: Config, two: Config) -> list[str]:
    """Settings that differ, but for the one that is applied. No values: some are secret."""
    ours, theirs = _values(one), _values(two)
    return [key for key in ours if ours[key] != theirs[key] and key != APPLIED]


def _values(config: Config) -> dict[str, object]:
    """Every setting by its dotted key."""
    values: dict[str, object] = {}
    for name, field in Config.model_fields.items():
        value = getattr(config, name)
        if isinstance(value, Section):
            for inner, its_field in type(value).model_fields.items():
                values[f"{field.alias}.{its_field.alias}"] = getattr(value, inner)
        elif field.alias:
            values[field.alias] = value
    return values


def _signature(path: Path | None) -> Signature:
    """What changes with the content: also if an editor writes beside it and renames. None: it is
    not there, or it is no file.
    """
    try:
        facts = path.stat() if path else None
    except OSError:
        return None
    if facts is None or not stat.S_ISREG(facts.st_mode):
        return None
    return facts.st_mtime_ns, facts.st_size, facts.st_ino
