"""Logging of the whole node: structlog, for people on a console or as one JSON object a line.

In: `logger.level` and `logger.encoding` of the config. Out: lines on stderr, also for what
libraries log by `logging`, for Python's warnings, and for exceptions that nobody caught, in the
main thread, in others and where they cannot be raised. Secrets never get there: a value under a
secret name, and a seed anywhere in a text, is replaced. Whoever logs never waits for whoever reads
(log_pipe.py).
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog
from shimlet.identity import base58_encode

from shimlet_host.log_pipe import LogPipe

STDERR = 2
LOST = "lines of the log were lost: nobody read them in time"
HIDDEN = "(hidden)"
_SECRET_NAMES = frozenset(
    {"seed", "node_seed", "secret", "secret_key", "private_key", "password", "token"}
    | {"authorization"}
)
# A seed as the config and the seed file write it, also inside a longer text.
_SEED_TEXT = re.compile(r"\bbase(?:58|64):[A-Za-z0-9+/=]{16,}")

Record = MutableMapping[str, Any]


def configure_logging(level: str, encoding: str, descriptor: int = STDERR) -> None:
    """Sets up logging for the process; safe to call again."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # loggers made at import time follow this call
    )
    formatter = _formatter(encoding, os.isatty(descriptor), shared)
    _route_logging(level, formatter, LogPipe(descriptor, _lost_line(formatter, shared)))
    _route_the_rest()


def say(text: str) -> None:
    """A text for people, in its place among the lines of the log."""
    for pipe in _pipes():
        pipe.say(text)


def flush_logs() -> None:
    """Before the process ends in a way that flushes nothing: wait for what is queued, at most
    log_pipe.FLUSH_S.
    """
    for pipe in _pipes():
        pipe.flush()


def lost_lines() -> int:
    """How many lines of the log nobody will read."""
    return sum(pipe.lost for pipe in _pipes())


def _pipes() -> list[LogPipe]:
    """One, once logging is set up."""
    return [each for each in logging.getLogger().handlers if isinstance(each, LogPipe)]


def peer_fields(public_key: bytes, alias: str) -> dict[str, str]:
    """How every line names a peer: by its key, and by its alias if it has one."""
    key = base58_encode(public_key)
    return {"peer": key, "alias": alias} if alias else {"peer": key}


def hide_secrets(logger: object, method: str, record: Record) -> Record:
    """Replaces what must not be read in a log, at any depth."""
    return {name: _clean(name, value) for name, value in record.items()}


def _clean(name: str, value: object) -> object:
    if name.lower() in _SECRET_NAMES:
        return HIDDEN
    if isinstance(value, str):
        return _SEED_TEXT.sub(HIDDEN, value)
    if isinstance(value, dict):
        return {inner: _clean(str(inner), item) for inner, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean("", item) for item in value]
    return value


def _formatter(
    encoding: str, terminal: bool, shared: list[structlog.typing.Processor]
) -> logging.Formatter:
    renderer: list[structlog.typing.Processor]
    if encoding == "json":
        renderer = [structlog.processors.JSONRenderer(default=str)]
    else:
        plain = structlog.dev.plain_traceback
        renderer = [structlog.dev.ConsoleRenderer(colors=terminal, exception_formatter=plain)]
    # Tracebacks become text first, so that they are cleaned like any other value.
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            hide_secrets,
            *renderer,
        ],
    )


def _lost_line(
    formatter: logging.Formatter, shared: list[structlog.typing.Processor]
) -> Callable[[int], str]:
    """What makes the line that says how many are missing; it is said at every level."""

    def made(count: int) -> str:
        fields: Any = {"event": LOST, "lines": count}
        for process in shared:
            fields = process(None, "warning", fields)
        marks = {"_logger": None, "_name": "warning"}  # as structlog marks its own records
        return formatter.format(logging.makeLogRecord({"msg": fields, **marks}))

    return made


def _route_logging(level: str, formatter: logging.Formatter, pipe: LogPipe) -> None:
    """One handler at the root; libraries are heard from warnings on."""
    for before in _pipes():
        before.flush()
        before.close()
    pipe.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [pipe]
    root.setLevel(level.upper())
    for library in ("uvicorn", "asyncio"):
        logging.getLogger(library).setLevel(max(root.level, logging.WARNING))
    # Its warnings tell what a client has sent, a line each: whoever likes could fill a disk.
    logging.getLogger("uvicorn.error").setLevel(max(root.level, logging.ERROR))


def _route_the_rest() -> None:
    """What Python itself would write to stderr."""
    log = structlog.get_logger()

    def uncaught(kind: type[BaseException], error: BaseException, trace: object) -> None:
        if issubclass(kind, Exception):
            log.critical("a fault of our own ended the node", exc_info=error)
        else:  # KeyboardInterrupt is a way to end
            flush_logs()
            sys.__excepthook__(kind, error, error.__traceback__)

    def in_thread(facts: threading.ExceptHookArgs) -> None:
        if facts.exc_value is not None:
            log.error("a fault of our own ended a thread", exc_info=facts.exc_value)

    def unraisable(facts: sys.UnraisableHookArgs) -> None:
        log.error("a fault that nobody could be told", exc_info=facts.exc_value)

    logging.captureWarnings(True)
    sys.excepthook, threading.excepthook, sys.unraisablehook = uncaught, in_thread, unraisable
