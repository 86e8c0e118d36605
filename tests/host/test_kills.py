"""Peers survive kills at random moments: what was acknowledged is there, nothing is half there.

A child changes the peers of a store, one line before and one after each change, and is killed.
Then the store must hold exactly the acknowledged peers, or those with the one change that was on
its way.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
from shimlet.identity import base58_encode
from shimlet_host.store import Store

KILLS = int(os.environ.get("SHIMLET_TEST_KILLS", "60"))
PEERS = 12  # few, so that adding and removing meet often
LONGEST_LIFE_S = 0.06  # after the first change
NODE_KILLS = max(4, KILLS // 12)  # a whole node takes a second to start
LONGEST_NODE_LIFE_S = 0.4  # after it listens

CHILD = """
import pathlib, random, sys
from shimlet_host.folder import open_folder
from shimlet_host.store import Store

folder, seed = pathlib.Path(sys.argv[1]), int(sys.argv[2])
draw = random.Random(seed)
with open_folder(folder):
    store = Store(folder, lambda text: print("warning", text, flush=True))
    number = 0
    while True:
        number += 1
        keys = draw.sample(range({peers}), draw.randint(1, 4))
        adding = draw.random() < 0.6
        words = [f"{{key}}=host{{seed}}-{{number}}:1" if adding else str(key) for key in keys]
        print("begin", *words, flush=True)
        if adding:
            store.add_peers(
                [(bytes([int(w.split("=")[0])]) * 32, w.split("=")[1]) for w in words]
            )
        else:
            store.remove_peers([bytes([key]) * 32 for key in keys])
        print("done", flush=True)
        store.messages.put(number.to_bytes(32, "big"), draw.randbytes(500))
        if number % 5 == 0:
            store.messages.flush()
"""

Peers = dict[int, str]


def applied(peers: Peers, words: list[str]) -> Peers:
    """The peers after one change of the child: "key=address" adds, "key" removes."""
    changed = dict(peers)
    for word in words:
        key, equals, address = word.partition("=")
        if equals:
            changed[int(key)] = address
        else:
            changed.pop(int(key), None)
    return changed


def live_and_die(folder: Path, seed: int, life_s: float) -> list[list[str]]:
    """Starts a child, kills it `life_s` after its first change, and returns its lines as words."""
    command = [sys.executable, "-c", CHILD.format(peers=PEERS), str(folder), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(life_s)
        child.kill()
        text = first + child.stdout.read()
    whole_lines = text[: text.rfind("\n") + 1].splitlines()
    return [line.split() for line in whole_lines]


def stored(folder: Path) -> Peers:
    def no_warning(text: str) -> None:
        raise AssertionError(text)

    store = Store(folder, no_warning)
    peers = {peer.public_key[0]: peer.address for peer in store.peers()}
    assert all(m.data for m in store.messages.newest(1000))
    store.close()
    return peers


def check(before: Peers, lines: list[list[str]], found: Peers) -> None:
    """`found` is what the lines promise, with or without the change that was on its way."""
    promised, underway = before, before
    for words in lines:
        assert words[0] in ("begin", "done"), words
        if words[0] == "begin":
            underway = applied(promised, words[1:])
        else:
            promised = underway
    assert found in (promised, underway), (promised, underway, found)


def test_acknowledged_peers_survive_kills_at_random_moments(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # pytest shows it when the test fails
    draw = random.Random(seed)
    peers: Peers = {}
    changes = 0
    for _ in range(KILLS):
        lines = live_and_die(tmp_path, draw.randrange(2**32), draw.uniform(0, LONGEST_LIFE_S))
        found = stored(tmp_path)
        check(peers, lines, found)
        peers = found
        changes += sum(words[0] == "done" for words in lines)
    assert changes > KILLS, "the children were killed too early to prove anything"


def started_node(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """A full node on free ports, and the URL of its web API."""
    settings = {
        "gossip.bindAddress": "127.0.0.1:0",
        "webapi.bindAddress": "127.0.0.1:0",
        "node.dataDirectory": str(folder),
        "logger.encoding": "json",
    }
    command = [sys.executable, "-m", "shimlet_host", "run"]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    node = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    assert node.stderr is not None
    for line in node.stderr:
        url = json.loads(line).get("url")
        if url:
            # Read on, so that the node never waits for a reader of its log.
            threading.Thread(target=node.stderr.read, daemon=True).start()
            return node, url
    raise AssertionError(f"the node ended with status {node.wait()}")


def change_until_dead(url: str, draw: random.Random) -> list[list[str]]:
    """Adds and removes peers over the web API until nobody answers; the lines of it as words."""
    lines: list[list[str]] = []
    with httpx.Client(base_url=url, timeout=30) as client:
        while True:
            keys = draw.sample(range(PEERS), draw.randint(1, 4))
            adding = draw.random() < 0.6
            address = f"127.0.0.{draw.randint(1, 254)}:{draw.randint(1, 99)}"
            words = [f"{key}={address}" if adding else str(key) for key in keys]
            lines.append(["begin", *words])
            entries = [{"publicKey": base58_encode(bytes([key]) * 32)} for key in keys]
            if adding:
                entries = [entry | {"address": address} for entry in entries]
            method = "POST" if adding else "DELETE"
            try:
                answer = client.request(method, "/manualpeering/peers", json=entries)
            except httpx.TransportError:
                return lines
            assert answer.status_code == 204, answer.text
            lines.append(["done"])


def test_peers_promised_by_the_web_api_survive_kills_of_the_node(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    peers: Peers = {}
    changes = 0
    for _ in range(NODE_KILLS):
        node, url = started_node(tmp_path)
        killer = threading.Timer(draw.uniform(0, LONGEST_NODE_LIFE_S), node.kill)
        killer.start()
        lines = change_until_dead(url, draw)
        killer.join()
        node.wait()
        found = stored(tmp_path)
        check(peers, lines, found)
        peers = found
        changes += sum(words[0] == "done" for words in lines)
    assert changes > NODE_KILLS, "the nodes were killed too early to prove anything"


def test_the_check_notices_a_lost_and_a_half_made_change() -> None:
    lines = [["begin", "1=a:1", "2=b:1"], ["done"], ["begin", "1", "3=c:1"]]
    check({}, lines, {1: "a:1", 2: "b:1"})
    check({}, lines, {2: "b:1", 3: "c:1"})
    for wrong in ({}, {1: "a:1"}, {2: "b:1"}, {1: "a:1", 2: "b:1", 3: "c:1"}):
        try:
            check({}, lines, wrong)
        except AssertionError:
            continue
        raise AssertionError(f"not noticed: {wrong}")
