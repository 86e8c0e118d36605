"""Blocking work beside the loop, on a thread that delays neither the loop nor the end.

In: a function. Out: what it returns or raises, awaited. The threads of asyncio's own pool would be
waited for when the node ends. Called for name servers (net.py) and mana sources (mana_sources.py).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


async def in_background(work: Callable[[], T], name: str) -> T:
    """The result of `work`, done on a thread of its own, which `name` names."""
    outcome: Future[T] = Future()
    outcome.set_running_or_notify_cancel()

    def run() -> None:
        try:
            outcome.set_result(work())
        except Exception as error:
            outcome.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await asyncio.wrap_future(outcome)
