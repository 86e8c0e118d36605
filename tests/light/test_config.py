"""config.json of the board: what it says, and what is said about what is wrong in it."""

import json
import os

from light.board_parts import Scratch
from shimlet_light import config, files

KEY_2 = "11111111111111111111111111111113"


def loaded(content):
    """The settings of a config file with this content: a dict, text or bytes."""
    if isinstance(content, dict):
        content = json.dumps(content)
    with Scratch() as folder:
        path = folder + "/config.json"
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return config.load(path)


def peers(*addresses):
    """Entries with the keys 2, 3 ... at these addresses."""
    keys = [bytes(31) + bytes([i + 2]) for i in range(len(addresses))]
    return [
        {"publicKey": config.base58_encode(key), "address": address}
        for key, address in zip(keys, addresses)
    ]


def only_problem(settings):
    """The one sentence about what is wrong."""
    assert len(settings.problems) == 1, settings.problems
    return settings.problems[0]


def test_everything_that_is_said_is_taken():
    settings = loaded(
        {
            "name": "greenhouse",
            "profile": "goshimmer",
            "manualPeering": {
                "knownPeers": peers("192.0.2.1:14666", "name.example:1"),
                "reconnectInterval": "1m30s",
                "maxBackoff": "2h",
            },
            "gossip": {
                "bindAddress": "[::]:15000",
                "addresses": ["192.0.2.9:15000"],
                "bufferSize": 4096,
                "relay": True,
            },
            "network": {"dns": "192.0.2.53"},
        }
    )
    assert settings.problems == []
    assert (settings.name, settings.profile) == ("greenhouse", "goshimmer")
    assert [address for _, address in settings.known_peers] == [
        "192.0.2.1:14666",
        "name.example:1",
    ]
    assert settings.known_peers[1][0] == bytes(31) + b"\x03"
    assert (settings.reconnect_interval_ms, settings.max_backoff_ms) == (90_000, 7_200_000)
    assert (settings.bind_host, settings.bind_port) == ("::", 15000)
    assert settings.addresses == [b"192.0.2.9:15000"]
    assert (settings.buffer_size, settings.relay) == (4096, True)
    assert settings.dns == "192.0.2.53:53"


def test_an_empty_object_gives_the_defaults():
    settings = loaded("{}")
    assert settings.problems == []
    assert (settings.bind_host, settings.bind_port) == ("0.0.0.0", 14666)
    assert (settings.buffer_size, settings.relay) == (2048, False)
    assert settings.max_backoff_ms == settings.reconnect_interval_ms == 5000


def test_known_peers_may_stand_at_the_top_or_be_json_text():
    assert len(loaded({"knownPeers": peers("192.0.2.1:1")}).known_peers) == 1
    text = json.dumps(peers("192.0.2.1:1", "192.0.2.2:1"))
    assert len(loaded({"manualPeering": {"knownPeers": text}}).known_peers) == 2


def test_broken_files_are_named_and_give_the_defaults():
    for content in (b"", b"{", b'{"name": ', b"\xff\xfe{}", b"[" * 3000):
        settings = loaded(content)
        assert "is not JSON" in only_problem(settings), content
        assert settings.name == "board"
    assert "must be a JSON object" in only_problem(loaded("[1]"))
    assert "longer than 4096 bytes" in only_problem(loaded(b" " * 5000))
    assert "no such file" in only_problem(config.load("no-such-folder/config.json"))


def test_a_wrong_value_is_named_with_key_and_remedy_and_the_rest_is_taken():
    wrong = (
        ({"name": ""}, "name: "),
        ({"name": 5}, "name: 5 is ignored"),
        ({"profile": "shimmer"}, "profile: "),
        ({"manualPeering": 7}, "manualPeering: 7 is ignored"),
        ({"manualPeering": {"reconnectInterval": 5}}, "manualPeering.reconnectInterval: 5"),
        ({"manualPeering": {"reconnectInterval": "5"}}, "manualPeering.reconnectInterval: "),
        ({"manualPeering": {"reconnectInterval": "25h"}}, "manualPeering.reconnectInterval: "),
        ({"manualPeering": {"maxBackoff": "s"}}, "manualPeering.maxBackoff: "),
        ({"manualPeering": {"knownPeers": {}}}, "manualPeering.knownPeers: "),
        ({"manualPeering": {"knownPeers": "[{"}}, "manualPeering.knownPeers: "),
        ({"gossip": {"bindAddress": "0.0.0.0"}}, "gossip.bindAddress: "),
        ({"gossip": {"bindAddress": 14666}}, "gossip.bindAddress: 14666"),
        ({"gossip": {"addresses": ["192.0.2.1"]}}, "gossip.addresses: "),
        ({"gossip": {"bufferSize": 10}}, "gossip.bufferSize: 10"),
        ({"gossip": {"bufferSize": "2048"}}, "gossip.bufferSize: "),
        ({"gossip": {"relay": 1}}, "gossip.relay: 1"),
        ({"network": {"dns": "dns.example"}}, "network.dns: "),
        ({"network": {"dns": 8}}, "network.dns: 8"),
        ({"gossip": {"bind": 1}}, "gossip.bind: unknown key"),
        ({"knownpeers": []}, "knownpeers: unknown key"),
    )
    for extra, said in wrong:
        content = {"knownPeers": peers("192.0.2.1:1")}
        content.update(extra)
        settings = loaded(content)
        assert only_problem(settings).startswith(said), settings.problems
        assert len(settings.known_peers) == 1
        assert settings.bind_port == 14666


def test_each_bad_peer_is_named_and_the_others_stay():
    good = peers("192.0.2.1:1")[0]
    wrong = (
        ({"publicKey": "0OIl", "address": "192.0.2.1:1"}, "not a base58 character"),
        ({"publicKey": "abc", "address": "192.0.2.1:1"}, "instead of 32"),
        ({"publicKey": KEY_2, "address": "192.0.2.1"}, "write host:port"),
        ({"publicKey": KEY_2}, "address is missing"),
        ("text", "write an object"),
        (good, "stands in the list twice"),
    )
    for entry, said in wrong:
        settings = loaded({"knownPeers": [good, entry]})
        problem = only_problem(settings)
        assert problem.startswith("knownPeers[1]: ") and said in problem, problem
        assert len(settings.known_peers) == 1


def test_the_ninth_peer_is_refused():
    settings = loaded({"knownPeers": peers(*["192.0.2.1:1"] * 9)})
    assert len(settings.known_peers) == 8
    assert "at most 8 peers" in only_problem(settings)


def test_no_more_problems_are_kept_than_a_board_has_room_for():
    settings = loaded({"key %d" % i: 1 for i in range(30)})
    assert len(settings.problems) == 8
    assert all(len(problem) <= 200 for problem in settings.problems)


def test_saved_peers_come_back_and_all_else_stays():
    with Scratch() as folder:
        path = folder + "/config.json"
        files.write(path, b'{"name": "x", "knownPeers": [], "gossip": {"relay": true}}')
        config.save_peers([(bytes(31) + b"\x05", "192.0.2.5:1")], path)
        settings = config.load(path)
        assert settings.known_peers == [(bytes(31) + b"\x05", "192.0.2.5:1")]
        assert (settings.name, settings.relay) == ("x", True)
        assert os.listdir(folder) == ["config.json"]


def test_a_broken_config_is_not_overwritten():
    with Scratch() as folder:
        path = folder + "/config.json"
        files.write(path, b"{")
        try:
            config.save_peers([], path)
        except ValueError as error:
            assert "is not JSON" in str(error)
        else:
            raise AssertionError("a broken file was overwritten")
        assert files.read(path, 10) == b"{"
