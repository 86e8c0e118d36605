"""Work in a forked process, for tests that need to be somebody else for a while."""

from __future__ import annotations

import os
from collections.abc import Callable


def in_child(work: Callable[[], str]) -> str:
    """What `work` says in a forked process, which may give up rights for good."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            text = work()
        except BaseException as error:
            text = f"unexpected: {error!r}"
        os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return text
