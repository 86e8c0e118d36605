"""config.json of the board: what it says, and what is said about what is wrong in it."""

import json
import os

from light.board_parts import Scratch
from shimlet_light import config, files
from shimlet_light.settings import NTP_HOSTS

KEY_2 = "11111111111111111111111111111113"


def loaded(content):
    """The settings of a config file with this content: a dict, text or bytes; an int: so many
    bytes.
    """
    if isinstance(content, int):
        return loaded_bytes([b" " * 1000] * (content // 1000))
    if isinstance(content, dict):
        content = json.dumps(content)
    return loaded_bytes([content if isinstance(content, bytes) else content.encode()])


def loaded_bytes(pieces):
    """The settings of a config file that holds these pieces."""
    with Scratch() as folder:
        path = folder + "/config.json"
        with open(path, "wb") as file:
            for piece in pieces:
                file.write(piece)
        return config.load(path)


def peers(*addresses):
    """Entries with the keys 2, 3 ... at these addresses."""
    keys = [bytes(31) + bytes([i + 2]) for i in range(len(addresses))]
    return [
        {"publicKey": config.base58_encode(key), "address": address}
        for key, address in zip(keys, addresses)
    ]


def only_note(settings):
    """The one sentence about what cannot be used as it is, but costs nothing else."""
    assert len(settings.problems) == 1, settings.problems
    return without_folder(settings.problems[0])


def only_mistake(settings):
    """The one sentence about a mistake, where there is no earlier config."""
    assert len(settings.problems) == 2, settings.problems
    first = without_folder(settings.problems[0])
    assert first == (
        "config.json has mistakes; there is no earlier one, so defaults stand in for them."
    )
    return without_folder(settings.problems[1])


def without_folder(sentence):
    """The sentence from the file's name on."""
    return sentence[sentence.index("config.json") :]


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
        assert "is not JSON: line 1, column " in only_mistake(settings), content
        assert settings.name == "board"
    assert "must be a JSON object" in only_mistake(loaded("[1]"))
    assert "longer than 4096 bytes" in only_mistake(loaded(100_000))
    assert "no such file" in only_note(config.load("no-such-folder/config.json"))


def test_a_wrong_value_is_named_with_key_and_remedy_and_the_rest_is_taken():
    wrong = (
        ({"name": ""}, "name: "),
        ({"name": 5}, "name: 5 is refused"),
        ({"profile": "shimmer"}, "profile: "),
        ({"manualPeering": 7}, "manualPeering: 7 is refused"),
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
        ({"network": {"ntp": "pool.example"}}, "network.ntp: "),
        ({"network": {"ntp": ["pool.example:0"]}}, "network.ntp: "),
        ({"network": {"ntp": ["a", "b", "c", "d", "e"]}}, "network.ntp: "),
    )
    for extra, said in wrong:
        content = {"knownPeers": peers("192.0.2.1:1")}
        content.update(extra)
        settings = loaded(content)
        assert only_mistake(settings).startswith("config.json line 1: " + said), settings.problems
        assert len(settings.known_peers) == 1
        assert settings.bind_port == 14666


def test_an_unknown_key_is_named_and_the_config_is_used():
    for extra, said in (
        ({"gossip": {"bind": 1}}, "gossip.bind: unknown key"),
        ({"knownpeers": []}, "knownpeers: unknown key"),
    ):
        content = {"knownPeers": peers("192.0.2.1:1")}
        content.update(extra)
        settings = loaded(content)
        assert only_note(settings).startswith("config.json line 1: " + said), settings.problems
        assert len(settings.known_peers) == 1


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
        problem = only_mistake(settings)
        assert problem.startswith("config.json line 1: knownPeers[1]: ") and said in problem
        assert len(settings.known_peers) == 1


def test_peers_above_the_limit_are_left_out_by_number_and_the_limit_is_named():
    for count, said in (
        (9, "knownPeers[8]: left out: "),
        (40, "knownPeers[8]: left out to [39]: "),
    ):
        settings = loaded({"knownPeers": peers(*["a:1"] * count)})
        assert [key[31] for key, _ in settings.known_peers] == list(range(2, 10))
        note = only_note(settings)
        assert said in note and "at most 8 peers" in note, note


def test_the_line_of_a_mistake_is_named():
    text = """{
    "name": "x",
    "knownPeers": [
        {"publicKey": "%s", "address": "192.0.2.1:1"},
        {"publicKey": "abc",
         "address": "192.0.2.2:1"}
    ],
    "gossip": {
        "relay": false,
        "bufferSize": 10
    }
}"""
    problems = [without_folder(problem) for problem in loaded(text % KEY_2).problems]
    assert problems[1].startswith("config.json line 10: gossip.bufferSize: 10 is"), problems
    assert problems[2].startswith("config.json line 5: knownPeers[1]: is refused: "), problems
    broken = text.replace("false,", "false")
    problem = only_mistake(loaded(broken))
    assert problem == ("config.json: is not JSON: line 10, column 9: a comma or } is missing."), (
        problem
    )


def test_no_more_problems_are_kept_than_a_board_has_room_for():
    settings = loaded({"key %d" % i: 1 for i in range(30)})
    assert len(settings.problems) == 8
    assert all(len(problem) <= 200 for problem in settings.problems)


def saved(before, function, *arguments):
    """What the function of config makes of a file with this content: the new content."""
    with Scratch() as folder:
        path = folder + "/config.json"
        files.write(path, before)
        getattr(config, function)(*arguments, path)
        assert sorted(os.listdir(folder)) == ["config.good.json", "config.json"]
        return files.read(path, 5000)


def refused(before, function, *arguments):
    """The sentence with which a change is refused; the file is as it was."""
    with Scratch() as folder:
        path = folder + "/config.json"
        files.write(path, before)
        try:
            getattr(config, function)(*arguments, path)
        except ValueError as error:
            assert files.read(path, 5000) == before
            return str(error)
    raise AssertionError("it was saved")


def test_saved_peers_come_back_and_all_else_stays():
    before = b'{"name": "x", "knownPeers": [], "gossip": {"relay": true}}'
    settings = loaded(saved(before, "save_peers", [(bytes(31) + b"\x05", "192.0.2.5:1")]))
    assert settings.problems == []
    assert settings.known_peers == [(bytes(31) + b"\x05", "192.0.2.5:1")]
    assert (settings.name, settings.relay) == ("x", True)


def test_a_saved_config_has_a_line_for_each_key_and_peer():
    before = json.dumps({"name": "x", "knownPeers": peers("192.0.2.1:1")}).encode()
    lines = saved(before, "save_value", "gossip", "bufferSize", 1024).decode().split("\n")
    assert lines[:4] == ["{", '    "gossip": {', '        "bufferSize": 1024', "    },"], lines
    assert lines[4] == '    "knownPeers": [' and "192.0.2.1:1" in lines[5], lines
    assert len(saved(b"{}", "save_peers", [(bytes([i]) * 32, "a:1") for i in range(8)])) < 1000


def test_time_servers_are_saved_and_get_their_port():
    content = saved(b"{}", "save_value", "network", "ntp", ["192.0.2.1", "[::1]:1123"])
    assert loaded(content).ntp == ["192.0.2.1:123", "[::1]:1123"]
    assert loaded({"network": {"ntp": []}}).ntp == []
    assert loaded("{}").ntp == list(NTP_HOSTS)


def test_a_config_with_a_mistake_is_not_overwritten():
    assert "is not JSON" in refused(b"{", "save_peers", [])
    sentence = refused(b'{"name":\n5}', "save_value", "network", "ntp", [])
    assert "line 1: name: 5 is refused" in sentence and "Mend this first" in sentence


def test_a_wrong_value_is_not_saved():
    sentence = refused(b"{}", "save_value", "network", "ntp", "pool.example")
    assert sentence.startswith("network.ntp: ") and sentence.endswith("Nothing is saved.")
    long = "a" * 60 + "." + "b" * 60 + "." + "c" * 60 + "." + "d" * 60
    hosts = [long] * 4
    assert "longer than 4096" in refused(
        json.dumps({"network": {"ntp": hosts}, "name\u00e4" * 300: 1}).encode(),
        "save_peers",
        [(bytes([i]) * 32, long + ":1") for i in range(8)],
    )
