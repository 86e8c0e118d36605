"""Full nodes whose clocks jump by hours, together: links, neighbors and messages do not mind."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from host.auto_nodes import Running, auto_keys, eventually, key_of, play
from shimlet_host.config.peers import PeerEntry
from shimlet_host.node import Node

HOUR = 3600


def linked(a: Node, b: Node) -> bool:
    return key_of(b) in a.streams.links and key_of(a) in b.streams.links


def jump(seconds: int, *nodes: Node) -> None:
    """Their clocks are so much ahead from now on."""
    for node in nodes:
        node.net._unix_clock = lambda: time.time() + seconds


async def message_passes(a: Node, b: Node, text: str) -> None:
    a.publish(text.encode())
    newest = lambda: [m.data for m in b.messages(1)] == [text.encode()]  # noqa: E731
    await eventually(newest, f"{text} did not arrive")


@pytest.mark.parametrize("seconds", [5 * HOUR, -5 * HOUR])
def test_known_peers_stay_linked_and_are_dialled_again_after_a_jump(
    tmp_path: Path, seconds: int
) -> None:
    async def test(nodes: Running) -> None:
        alone = {"autoPeering__enabled": False}
        a, b = await nodes.start(**alone), await nodes.start(**alone)
        for one, other in ((a, b), (b, a)):
            one.add_peers([PeerEntry(key_of(other), other.info().gossip_address)])
        await eventually(lambda: linked(a, b), "no link came up")
        link = a.streams.links[key_of(b)]
        jump(seconds, a, b)
        await message_passes(a, b, "after the jump")
        await message_passes(b, a, "and back")
        assert a.streams.links[key_of(b)] is link
        assert a.unready() == ""
        link.close(1)
        await eventually(lambda: linked(a, b) and a.streams.links[key_of(b)] is not link, "lost")
        await message_passes(a, b, "over the new link")
        (peer,) = a.peers()
        assert peer.last_connected is not None
        assert abs(peer.last_connected - (time.time() + seconds)) < 60
        jump(0, a, b)
        await message_passes(a, b, "with the right time again")

    play(test, tmp_path)


@pytest.mark.parametrize(
    ("profile", "seconds"),
    [
        ("spec", 5 * HOUR),
        ("spec", -HOUR),  # a salt of long ago is refused: it may be a replay
        ("goshimmer", -5 * HOUR),
    ],
)
def test_neighbors_that_were_found_are_found_again_after_a_jump(
    tmp_path: Path, profile: str, seconds: int
) -> None:
    async def test(nodes: Running) -> None:
        a = await nodes.start(profile=profile)
        b = await nodes.start(a, profile=profile)
        together = lambda: linked(a, b) and auto_keys(a) == {key_of(b)}  # noqa: E731
        await eventually(together, "they did not find each other")
        jump(seconds, a, b)
        await message_passes(a, b, "after the jump")
        assert a.auto is not None
        a.auto.core.selection.neighborhood.drop(key_of(b), "replaced", tell=True)
        a.auto._shell.flush()
        await eventually(together, "they do not find each other any more")
        await message_passes(b, a, "as neighbors again")

    play(test, tmp_path)
