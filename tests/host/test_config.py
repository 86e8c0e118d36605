"""The configuration: what is taken from where, and how each mistake is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from shimlet.identity import base58_encode
from shimlet_host.config import Address, Config, ConfigError, PeerEntry, load_config
from shimlet_host.config.durations import parse_duration
from shimlet_host.config.schema import REMEDIES

KEY_A = bytes(range(32))
KEY_B = bytes(range(1, 33))
SEED = bytes(range(100, 132))


def load(folder: Path, content: object, env: dict[str, str] | None = None, *sets: str) -> Config:
    path = folder / "node.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return load_config(path, environment=env or {}, overrides=sets)


def problems(folder: Path, content: object, *sets: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, content, None, *sets)
    return str(caught.value)


def peer(key: bytes, address: str = "192.0.2.1:14666") -> dict[str, str]:
    return {"publicKey": base58_encode(key), "address": address}


def test_without_a_file_the_defaults_of_the_protocol_hold() -> None:
    config = load_config(None, environment={})
    assert config.profile == "spec"
    assert config.gossip.bind_address == Address("0.0.0.0", 14666)
    assert config.webapi.bind_address == Address("127.0.0.1", 8080)
    assert config.gossip.buffer_size == 66_560
    assert config.manual_peering.reconnect_interval_s == 5.0
    assert config.manual_peering.max_backoff_s == 5.0
    assert config.network.external_address == "auto"
    assert config.auto_peering.theta is None
    assert config.node.seed is None
    assert config.node.data_directory == Path.cwd() / "shimletdb"
    assert config.warnings == ()


def test_nested_dotted_and_oddly_cased_keys_mean_the_same(tmp_path: Path) -> None:
    for content in (
        {"gossip": {"bindAddress": "127.0.0.1:7"}},
        {"gossip.bindAddress": "127.0.0.1:7"},
        {"GOSSIP": {"bindaddress": "127.0.0.1:7"}},
    ):
        assert load(tmp_path, content).gossip.bind_address == Address("127.0.0.1", 7)


def test_set_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    content = {"gossip.bindAddress": "127.0.0.1:1", "webapi.bindAddress": "127.0.0.1:1"}
    env = {"shimlet_Gossip_BindAddress": "127.0.0.1:2", "SHIMLET_WEBAPI_BINDADDRESS": "[::1]:2"}
    config = load(tmp_path, content, env, "gossip.bindAddress=127.0.0.1:3")
    assert config.gossip.bind_address.port == 3
    assert config.webapi.bind_address == Address("::1", 2)
    assert config.auto_peering.bind_address.port == 14626


def test_every_setting_can_be_given_by_the_environment() -> None:
    values = {
        "profile": "goshimmer",
        "node.seed": "base58:" + base58_encode(SEED),
        "network.externalAddress": "203.0.113.7",
        "gossip.addresses": "203.0.113.7:1,[2001:db8::1]:2",
        "manualPeering.knownPeers": json.dumps([peer(KEY_A)]),
        "manualPeering.maxBackoff": "1m30s",
        "logger.level": "WARN",
        "logger.encoding": "json",
        "autoPeering.enabled": "false",
        "autoPeering.theta": "0.5",
        "autoPeering.k": "4",
        "autoPeering.entryNodes": f"{base58_encode(KEY_B)}@entry.example:14626",
    }
    assert set(values) <= set(REMEDIES)
    env = {"SHIMLET_" + key.upper().replace(".", "_"): text for key, text in values.items()}
    config = load_config(None, environment=env)
    assert config.profile == "goshimmer"
    assert config.node.seed == SEED
    assert config.network.external_address == "203.0.113.7"
    assert config.gossip.addresses == ("203.0.113.7:1", "[2001:db8::1]:2")
    assert config.manual_peering.known_peers == (PeerEntry(KEY_A, "192.0.2.1:14666"),)
    assert config.manual_peering.max_backoff_s == 90.0
    assert (config.logger.level, config.logger.encoding) == ("warning", "json")
    assert (config.auto_peering.theta, config.auto_peering.k) == (0.5, 4)
    assert config.auto_peering.entry_nodes == ((KEY_B, "entry.example:14626"),)
    assert config.warnings == ()


def test_known_peers_are_json_text_in_json_or_a_plain_list(tmp_path: Path) -> None:
    peers = [peer(KEY_A, "name.example:14666"), peer(KEY_B, "[::1]:14666")]
    for written in (peers, json.dumps(peers)):
        config = load(tmp_path, {"manualPeering": {"knownPeers": written}})
        assert config.manual_peering.known_peers == (
            PeerEntry(KEY_A, "name.example:14666"),
            PeerEntry(KEY_B, "[::1]:14666"),
        )
    assert load(tmp_path, {"manualPeering.knownPeers": ""}).manual_peering.known_peers == ()


def test_each_bad_known_peer_is_named_by_its_place(tmp_path: Path) -> None:
    bad = {
        "has 31 bytes": peer(KEY_A[1:] + b""),
        "base58 character": peer(KEY_A) | {"publicKey": "0OIl"},
        "host:port": peer(KEY_B, "192.0.2.1"),
        "from 1 to 65535": peer(bytes(32), "192.0.2.1:0"),
        "address is missing": {"publicKey": base58_encode(bytes(31) + b"\1")},
        "publicKey is missing": {"address": "192.0.2.1:1"},
        "must be text": {"publicKey": 5, "address": "192.0.2.1:1"},
        "not an object": "text",
    }
    told = problems(tmp_path, {"manualPeering": {"knownPeers": list(bad.values())}})
    lines = told.splitlines()
    assert len(lines) == len(bad), told
    for place, (reason, line) in enumerate(zip(bad, lines, strict=True)):
        assert f"entry {place}: " in line and reason in line, line
        assert "node.json: manualPeering.knownPeers = " in line, line


def test_a_key_that_is_listed_twice_is_refused(tmp_path: Path) -> None:
    twice = [peer(KEY_A), peer(KEY_B), peer(KEY_A, "192.0.2.9:1")]
    told = problems(tmp_path, {"manualPeering.knownPeers": twice})
    assert "entry 2: " in told and "stands in entry 0 too" in told


def test_broken_json_names_line_and_column(tmp_path: Path) -> None:
    told = problems(tmp_path, '{\n  "profile" "spec"\n}')
    assert "node.json: line 2, column 13: this is not JSON" in told


def test_text_that_is_no_config_at_all_is_told(tmp_path: Path) -> None:
    assert "must hold one JSON object" in problems(tmp_path, "[]")
    assert "nested too deep" in problems(tmp_path, "[" * 100_000)
    assert "stands twice" in problems(tmp_path, '{"profile": "spec", "profile": "spec"}')
    assert "NaN is not JSON" in problems(tmp_path, '{"autoPeering.theta": NaN}')
    (tmp_path / "latin").write_bytes(b'{"profile": "\xe4"}')
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(tmp_path / "latin", environment={})
    with pytest.raises(ConfigError, match=r"absent\.json: the config file cannot be read"):
        load_config(tmp_path / "absent.json", environment={})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("profile", "fast"),
        ("network.externalAddress", "node.example"),
        ("network.externalAddress", "0.0.0.0"),
        ("network.externalAddress", "ff02::1"),
        ("gossip.bindAddress", "127.0.0.1"),
        ("gossip.bindAddress", 14666),
        ("gossip.addresses", ["name.example:1"]),
        ("gossip.bufferSize", 511),
        ("gossip.bufferSize", 66_561),
        ("gossip.bufferSize", True),
        ("manualPeering.reconnectInterval", 5),
        ("manualPeering.reconnectInterval", "5"),
        ("manualPeering.reconnectInterval", "9ms"),
        ("manualPeering.reconnectInterval", "25h"),
        ("manualPeering.maxBackoff", "1s"),
        ("logger.level", "loud"),
        ("logger.encoding", "xml"),
        ("autoPeering.enabled", "perhaps"),
        ("autoPeering.theta", 0),
        ("autoPeering.theta", "many"),
        ("autoPeering.networkVersion", -1),
        ("autoPeering.networkVersion", 2**32),
        ("autoPeering.k", 0),
        ("autoPeering.queryInterval", "0s"),
        ("autoPeering.queryInterval", "1ns"),
        ("autoPeering.saltUpdateInterval", "0s"),
        ("autoPeering.saltUpdateInterval", "999ms"),
        ("autoPeering.manaSource", ""),
        ("autoPeering.entryNodeOnly", "perhaps"),
        ("node.dataDirectory", 5),
    ],
)
def test_a_wrong_value_names_file_key_value_and_remedy(
    tmp_path: Path, key: str, value: object
) -> None:
    told = problems(tmp_path, {key: value})
    assert told.count("\n") == 0, told
    assert told.startswith(f"{tmp_path / 'node.json'}: {key} = {json.dumps(value)}: "), told
    assert "Write " in told, told


def test_environment_and_set_are_named_as_the_source() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, environment={"SHIMLET_PROFILE": "x"}, overrides=["logger.level=y", "z"])
    told = str(caught.value)
    assert 'environment variable SHIMLET_PROFILE: profile = "x"' in told
    assert '--set: logger.level = "y"' in told
    assert "--set z: there is no value" in told


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    told = problems(tmp_path, {"profile": "x", "logger": {"level": "y"}, "gossip": 5})
    assert len(told.splitlines()) == 3
    assert '"gossip" is a section' in told


def test_unknown_keys_are_warned_about_with_the_nearest_name(tmp_path: Path) -> None:
    content = {"gossip": {"bindAdress": "x"}, "gosip": {"a": 1}, "zzzzzz": 1}
    env = {"SHIMLET_PROFIL": "spec", "SHIMLET_CONFIG": "x", "OTHER": "y"}
    warnings = load(tmp_path, content, env, "weapi.bindAddress=x").warnings
    assert len(warnings) == 5
    assert 'did you mean "gossip.bindAddress"?' in warnings[0]
    assert 'did you mean "gossip"?' in warnings[1]
    assert warnings[2].endswith('the unknown key "zzzzzz" is ignored.')
    assert "did you mean SHIMLET_PROFILE?" in warnings[3]
    assert 'did you mean "webapi.bindAddress"?' in warnings[4]


def test_sections_of_existing_nodes_warn_once_each(tmp_path: Path) -> None:
    content = {
        "faucet": {"seed": "x", "index": 1},
        "faucet.port": 1,
        "dashboard": {"bindAddress": "x", "enabled": False},
        "database": {"directory": "y"},
        "logger": {"disableCaller": True, "level": "info"},
    }
    warnings = load(tmp_path, content).warnings
    assert [w.partition(": ")[2] for w in warnings] == [
        'the section "faucet" is ignored: Shimlet has no such part.',
        'the key "dashboard.bindAddress" of existing nodes is ignored: Shimlet has no such'
        " setting.",
        'the section "database" is ignored: Shimlet has no such part.',
        'the key "logger.disableCaller" of existing nodes is ignored: Shimlet has no such'
        " setting.",
    ]


def test_the_seed_is_never_shown(tmp_path: Path) -> None:
    for text in ("base58:" + base58_encode(SEED), base58_encode(SEED)):
        config = load(tmp_path, {"node": {"seed": text}})
        assert config.node.seed == SEED
        assert base58_encode(SEED) not in repr(config) + config.model_dump_json()
        assert repr(SEED) not in repr(config)
    for bad in ("base58:secret0", "base64:secret!", "base58:secret", "hex:secret"):
        told = problems(tmp_path, {"node": {"seed": bad}})
        assert "node.seed = (hidden)" in told and "secret" not in told, told


def test_max_backoff_follows_the_reconnect_interval(tmp_path: Path) -> None:
    config = load(tmp_path, {"manualPeering": {"reconnectInterval": "10s"}})
    assert config.manual_peering.max_backoff_s == 10.0


def test_a_wrong_reconnect_interval_is_told_once(tmp_path: Path) -> None:
    assert len(problems(tmp_path, {"manualPeering.reconnectInterval": "x"}).splitlines()) == 1


def test_the_data_folder_stands_beside_the_config_file(tmp_path: Path) -> None:
    assert load(tmp_path, {}).node.data_directory == tmp_path / "shimletdb"
    named = load(tmp_path, {"node.dataDirectory": "here"})
    assert named.node.data_directory == tmp_path / "here"
    by_set = load(tmp_path, {}, None, "node.dataDirectory=there")
    assert by_set.node.data_directory == Path.cwd() / "there"


GOOD_ENTRY = f"{base58_encode(KEY_B)}@entry.example:14626"
BAD_ENTRY = "entry.example:14626"


def test_a_bad_entry_node_is_named_and_left_out_if_another_is_left(tmp_path: Path) -> None:
    content = {"enabled": True, "entryNodes": [BAD_ENTRY, GOOD_ENTRY]}
    config = load(tmp_path, {"autoPeering": content})
    assert config.auto_peering.entry_nodes == ((KEY_B, "entry.example:14626"),)
    (warning,) = config.warnings
    assert f'{tmp_path / "node.json"}: autoPeering.entryNodes: entry 0, "{BAD_ENTRY}"' in warning


@pytest.mark.parametrize(
    "others",
    [
        {},
        {"autoPeering.enabled": False},
        {"autoPeering.enabled": True, "manualPeering.knownPeers": [peer(KEY_A)]},
    ],
)
def test_a_bad_entry_node_is_left_out_if_peering_is_manual(
    tmp_path: Path, others: dict[str, object]
) -> None:
    config = load(tmp_path, {"autoPeering.entryNodes": BAD_ENTRY, **others})
    assert config.auto_peering.entry_nodes == ()
    assert BAD_ENTRY in config.warnings[0]


@pytest.mark.parametrize("peers", [[], "[]", ""])
def test_a_bad_entry_node_stops_a_node_that_has_nobody_else(tmp_path: Path, peers: object) -> None:
    content = {"autoPeering": {"enabled": "true", "entryNodes": [BAD_ENTRY, f"x@{BAD_ENTRY}"]}}
    told = problems(tmp_path, {**content, "manualPeering.knownPeers": peers})
    assert "entry 0: " in told
    assert "entry 1: " in told
    assert "Write a list like" in told


def test_the_mana_source_is_none_a_url_or_a_path_beside_the_config(tmp_path: Path) -> None:
    for written, meant in (
        ("none", None),
        ("HTTP://192.0.2.7:8080", "HTTP://192.0.2.7:8080"),
        ("mana.json", str(tmp_path / "mana.json")),
        ("/tmp/mana.json", "/tmp/mana.json"),
    ):
        config = load(tmp_path, {"autoPeering.manaSource": written})
        assert config.auto_peering.mana_source == meant


def test_the_older_name_of_the_external_address_works(tmp_path: Path) -> None:
    config = load(tmp_path, {"node": {"externalAddress": "2001:db8::1"}})
    assert config.network.external_address == "2001:db8::1"
    both = {"node.externalAddress": "192.0.2.1", "network.externalAddress": "192.0.2.2"}
    assert "given twice" in problems(tmp_path, both)


def test_the_config_cannot_be_changed() -> None:
    config = load_config(None, environment={})
    with pytest.raises(ValueError, match="frozen"):
        config.gossip.buffer_size = 5


def test_durations_have_units() -> None:
    for text, seconds in {"500ms": 0.5, "5s": 5, "2h": 7200, "1m30s": 90, "1.5h": 5400}.items():
        assert parse_duration(text) == seconds
    for bad in ("", "5", "s", "5 s", "-5s", "5d", "1h-1m", 5, None, ["5s"]):
        with pytest.raises(ValueError, match="duration"):
            parse_duration(bad)
