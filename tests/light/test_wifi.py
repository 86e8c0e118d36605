"""The Wi-Fi's supervisor against drivers that lie, over 500 outages and one by one.

The node is a real one on loopback, time is virtual. Its peer is another node, which has no Wi-Fi.
"""

from helpers import MICROPYTHON, skip

if not MICROPYTHON:
    skip("needs MicroPython's asyncio")

import asyncio
import gc
import os
import sys

from helpers import NotEd25519
from light.board_parts import Datagrams, random_port
from light.pretend_wifi import NETWORK, Air, AirNet, PretendNetwork
from light.test_resolver import response
from light.virtual_time import run_virtually
from shimlet import reasons
from shimlet_light import dns, net, node, wifi
from shimlet_light.settings import Settings
from shimlet_light.wifi import CONNECTED, JOINING, NO_CREDENTIALS, Wifi

# Where words have 32 bits, the machine is an emulated one, or a board: slow.
OUTAGES, PICO_OUTAGES, ROUNDS = (500, 170, 10) if sys.maxsize >> 32 else (42, 28, 2)
HEAP_SWAYS = 0 if sys.maxsize >> 32 else 128  # there, some of the core's ints are on the heap
BACK_WITHIN_MS = 60_000  # after the end of an outage
QUIET_S = 120
BoardStream, DNS_PORT = net.BoardStream, wifi._DNS_PORT
SMALLER, LARGER = sorted(("one", "two"), key=lambda name: NotEd25519(name.encode()).public_key)


def light_node(name, peer_name, port, peer_address, air=None):
    """A node on loopback that knows one peer; `air`: its net is a Wi-Fi."""
    settings = Settings()
    settings.name = name
    settings.bind_port = port
    settings.buffer_size = 512
    settings.ntp = []
    if peer_address:
        settings.known_peers = [(NotEd25519(peer_name.encode()).public_key, peer_address)]
    real = node.BoardNet
    if air is not None:
        node.BoardNet = lambda dns: AirNet(air, dns)
    try:
        made = node.LightNode(settings, NotEd25519(name.encode()))
    finally:
        node.BoardNet = real
    made.say = made.log.add
    made.stdin = None
    return made


class Scene:
    """A board on Wi-Fi and a desktop node; the board dials, or waits if `name` is LARGER.

    `pico`: the kind of driver. `host`: what the board knows the desktop by, "" for not at all. The
    name server is at the address that the network tells.
    """

    def __init__(
        self, virtual, pico=False, credentials=NETWORK, host="desktop.example", name=SMALLER
    ):
        self.virtual = virtual
        self.air = Air(virtual.now)
        self.wlan = PretendNetwork(self.air, pico).air.wlan
        self.credentials = credentials
        names = self.names = Datagrams(self.look_up)
        self.air.name_server = "127.0.0.1"
        wifi._DNS_PORT = names.port
        other = LARGER if name == SMALLER else SMALLER
        ports = random_port(), random_port()
        address = host and "%s:%d" % (host, ports[1])
        self.board = light_node(name, other, ports[0], address, self.air)
        self.desktop = light_node(other, name, ports[1], "127.0.0.1:%d" % ports[0])
        self.desktop.streams.limits.tick_ms = 1000  # saves a third of the test's time
        self.wifi = Wifi(self.board, self.wlan.module, lambda note: self.credentials)
        works = (self.board.run(), self.desktop.run(), self.wifi.run(), names.serve())
        self.tasks = [asyncio.create_task(work) for work in works]

    def look_up(self, question):
        """What the name server answers."""
        self.names.received.clear()
        if self.air.no_names or not self.air.passes():
            return []
        answer = bytearray(response(question, dns.A, b"\x7f\x00\x00\x01"))
        answer[-7] = 1  # second that the name may be remembered
        return [bytes(answer)]

    @property
    def linked(self):
        """Whether the board's link is up."""
        return len(self.board.streams.links) == 1

    async def until(self, condition, limit_ms=BACK_WITHIN_MS):
        """Wait for it, in virtual time; how long it took in ms."""
        start = self.virtual.passed_ms()
        while not condition():
            passed_ms = self.virtual.passed_ms() - start
            assert passed_ms < limit_ms, (passed_ms, self.wifi.status(), self.said())
            await asyncio.sleep_ms(100)
        return self.virtual.passed_ms() - start

    def said(self):
        """The lines of the board's log."""
        return [line[1] for line in self.board.log.lines()]

    def change(self, **changes):
        """Change the air."""
        for name, value in changes.items():
            setattr(self.air, name, value)
        self.air.settle()

    async def close(self):
        """End it; every socket is closed."""
        for task in self.tasks:
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass
        net.BoardStream, wifi._DNS_PORT = BoardStream, DNS_PORT
        assert self.board.net.streams == self.desktop.net.streams == []


def played(play, **options):
    """Run play(scene) in virtual time."""

    async def main(virtual):
        scene = Scene(virtual, **options)
        try:
            await play(scene)
        finally:
            await scene.close()

    run_virtually(main)


# 500 outages. Each function begins one and answers what ends it.


def gone(scene):
    """The access point is gone, and the driver says so."""
    scene.change(access_point=False)
    return lambda: scene.change(access_point=True)


def blind(scene):
    """The access point is gone, and the driver goes on to say that it is connected."""
    scene.wlan.blind = True
    scene.change(access_point=False)

    def end():
        scene.wlan.blind = False
        scene.change(access_point=True)

    return end


def mute(scene):
    """Connected, sends hang, and nothing comes back."""
    scene.change(mute=True)
    scene.board.publish(b"into the void")
    return lambda: scene.change(mute=False)


def nameless(scene):
    """The link breaks, and the name server is dead."""
    scene.change(no_names=True)
    for connection in list(scene.desktop.streams.alive):
        connection.close(reasons.STOPPING)
    return lambda: scene.change(no_names=False)


def other_password(scene):
    """The access point comes back at once, with another password for a while."""
    scene.change(access_point=False, accepts=("home", "another one"))
    scene.change(access_point=True)
    return lambda: scene.change(accepts=NETWORK)


def driver_error(scene):
    """The access point is gone for a moment, and the driver cannot connect for a while."""
    scene.wlan.raises = True
    scene.change(access_point=False)
    scene.change(access_point=True)

    def end():
        scene.wlan.raises = False

    return end


def other_lease(scene):
    """The access point is gone, and gives another IP afterwards."""
    scene.change(access_point=False)
    return lambda: scene.change(access_point=True, number=3 - scene.air.number)


KINDS = (gone, blind, mute, nameless, other_password, driver_error, other_lease)
ALIKE = 2 * len(KINDS)  # after so many more, the kind and the lease are the same


async def outages(scene, count):
    """Play them, each from 5 to 300 s; each ends with a link."""
    for number in range(count):
        end = KINDS[number % len(KINDS)](scene)
        await asyncio.sleep(5 + number * 97 % 296)
        end()
        await scene.until(lambda: scene.linked and scene.air.passes())


def fill_logs(scene):
    """With lines of one length, as the log is a ring of lines of any."""
    for each in (scene.board, scene.desktop):
        for number in range(20):
            each.log.add("line %2d" % number)


async def heap_at_rest():
    """Bytes after a collection. The least of a few, at different depths: what an old word on the
    stack seems to point at is kept.
    """
    least = 1 << 30
    for depth in range(12):
        await asyncio.sleep_ms(70)
        least = min(least, heap_from(depth))
    return least


def heap_from(depth):
    """Bytes after a collection in so deep a call."""
    if depth:
        return heap_from(depth - 1)
    gc.collect()
    return gc.mem_alloc()


def connections(scene):
    """The board's sockets and what the core knows of them."""
    streams = scene.board.streams
    return len(scene.board.net.streams) + len(streams.alive) + len(streams.dials)


def stays_the_same(count, pico):
    """Play so many outages in rounds and look at the board after each round."""

    async def play(scene):
        await scene.until(lambda: scene.linked)
        heap, files, sockets = [0] * ROUNDS, [0] * ROUNDS, [0] * ROUNDS
        a_round = count // ROUNDS // ALIKE * ALIKE
        await outages(scene, count - ROUNDS * a_round)
        for number in range(ROUNDS):
            await outages(scene, a_round)
            await asyncio.sleep(QUIET_S)  # until the desktop has closed what it lost
            fill_logs(scene)
            scene.wlan.calls = []
            heap[number] = await heap_at_rest()
            files[number] = len(os.listdir("/proc/self/fd"))
            sockets[number] = connections(scene)
        rest = heap[ROUNDS // 5 :]  # at first, rings and tables fill
        assert max(rest) - min(rest) <= HEAP_SWAYS, heap
        assert files == [files[0]] * ROUNDS, files
        assert sockets == [2] * ROUNDS, sockets
        shown = scene.wifi.status()
        assert shown["outages"] > count // 3 and shown["restarts"] > count // 3, shown

    played(play, pico=pico)


def test_after_500_outages_on_an_esp32_sockets_and_heap_are_the_same():
    stays_the_same(OUTAGES, pico=False)


def test_after_170_outages_on_a_pico_sockets_and_heap_are_the_same():
    stays_the_same(PICO_OUTAGES, pico=True)


# One by one


def test_links_go_at_once_with_the_network_and_are_dialled_as_soon_as_it_is_back():
    async def play(scene):
        await scene.until(lambda: scene.linked)
        end = gone(scene)
        assert await scene.until(lambda: not scene.linked) <= 700
        await scene.until(lambda: not scene.board.net.streams, 700)
        await asyncio.sleep(100)
        peer = scene.board.peers()[0]
        assert (peer["state"], peer["lastError"]) == ("backing-off", "unreachable")
        assert scene.wifi.state == JOINING and scene.board.net.ip == ""
        end()
        await scene.until(lambda: scene.wifi.state == CONNECTED, 20_000)
        assert await scene.until(lambda: scene.linked) < 500

    played(play)


def test_a_driver_that_says_connected_when_nothing_passes_is_switched_off_and_on():
    async def play(scene):
        await scene.until(lambda: scene.linked)
        scene.wlan.calls.clear()
        end = blind(scene)
        scene.board.publish(b"this send hangs")
        await scene.until(lambda: scene.wifi.restarts == 1)
        assert any("nobody answers" in line for line in scene.said())
        await scene.until(lambda: "connect" in scene.wlan.calls)
        assert scene.wlan.calls == ["disconnect", "off", "on", "connect"]
        end()
        await scene.until(lambda: scene.linked)

    for pico in (False, True):
        played(play, pico=pico)


def test_a_dead_name_server_is_a_reason_to_ask_the_network_for_another_one():
    async def play(scene):
        await scene.until(lambda: scene.linked)
        end = nameless(scene)
        await scene.until(lambda: scene.wifi.restarts == 1)
        assert scene.board.peers()[0]["lastError"] == "name-timeout"
        end()
        await scene.until(lambda: scene.linked)

    played(play)


def test_a_peer_that_is_switched_off_costs_the_network_nothing_as_long_as_the_gateway_answers():
    async def play(scene):
        scene.tasks[1].cancel()
        await asyncio.sleep(3600)
        assert scene.wifi.status()["restarts"] == scene.wifi.status()["outages"] == 0

    played(play, host="127.0.0.1")


def test_what_went_wrong_in_the_last_network_says_nothing_about_the_next_one():
    async def play(scene):
        scene.board.manual.max_backoff_ms = 3_600_000
        scene.change(answers=False, connect_ms=4000)
        await scene.until(lambda: scene.linked)
        end = gone(scene)
        await asyncio.sleep(3600)
        end()
        (peer,) = scene.board.manual.known_peers.values()
        assert peer.failures > 5 and peer.last_error == reasons.UNREACHABLE
        await scene.until(lambda: scene.wifi.state == CONNECTED, 20_000)
        assert peer.failures == 0, "else the next dial that fails may be the last for an hour"
        assert await scene.until(lambda: scene.linked) < 5000
        assert scene.wifi.restarts == 0

    played(play)


def test_where_nobody_ever_answers_the_restarts_become_rare_and_never_end():
    async def play(scene):
        scene.change(mute=True)
        await asyncio.sleep(3600)
        first_hour = scene.wifi.restarts
        await asyncio.sleep(3600)
        assert 8 <= first_hour <= 12
        assert scene.wifi.restarts - first_hour == 7

    played(play)


def test_a_board_that_waits_for_callers_notices_a_mute_network_too():
    async def play(scene):
        await scene.until(lambda: scene.linked)
        blind(scene)
        await scene.until(lambda: scene.wifi.restarts == 1, 150_000)

    played(play, name=LARGER)


def test_a_board_without_peers_has_no_reason_to_doubt_its_network():
    async def play(scene):
        await scene.until(lambda: scene.wifi.state == CONNECTED)
        scene.change(mute=True)
        await asyncio.sleep(3600)
        assert scene.wifi.restarts == 0

    played(play, host="")


def test_a_wrong_password_is_said_once_never_shown_and_mended_by_new_credentials():
    async def play(scene):
        await asyncio.sleep(600)
        assert scene.wifi.status()["error"] == "wrong-password"
        assert scene.said().count("Wi-Fi: wrong-password; trying again") == 1
        shown = str((scene.wifi.status(), scene.board.status(), scene.said()))
        assert "home" not in shown and "guess" not in shown
        scene.credentials = NETWORK
        scene.wifi.changed()
        assert await scene.until(lambda: scene.wifi.state == CONNECTED) < 5000
        assert scene.wifi.status()["error"] == ""

    for pico in (False, True):
        played(play, pico=pico, credentials=("home", "a wrong guess"))


def test_credentials_that_change_while_connected_are_used_at_once():
    async def play(scene):
        await scene.until(lambda: scene.linked)
        scene.change(accepts=("office", "another one"))
        scene.credentials = ("office", "another one")
        scene.wifi.changed()
        assert not scene.board.net.ip
        await scene.until(lambda: not scene.linked, 200)
        await scene.until(lambda: scene.linked)
        assert scene.wlan.air.passes() and scene.wifi.outages == 0

    played(play)


def test_without_credentials_the_interface_belongs_to_the_users_code():
    async def play(scene):
        await asyncio.sleep(60)
        assert scene.wifi.state == NO_CREDENTIALS
        scene.wlan.connect(*NETWORK)
        await scene.until(lambda: scene.wifi.state == CONNECTED)
        await scene.until(lambda: scene.linked)
        scene.change(mute=True)
        await asyncio.sleep(600)
        scene.wlan.disconnect()
        await scene.until(lambda: scene.wifi.state == NO_CREDENTIALS)
        assert scene.wlan.calls == ["on", "connect", "disconnect"]

    played(play, credentials=None)


def test_the_networks_ip_is_one_that_callers_may_know_us_by_and_another_one_is_not():
    async def play(scene):
        port = scene.board.settings.bind_port
        await scene.until(lambda: scene.linked)
        assert scene.board.streams.rules.addresses == [b"127.0.0.1:%d" % port]
        assert scene.board.status()["ip"] == "127.0.0.1"
        assert scene.wifi.status()["netmask"] == "255.0.0.0"
        gone(scene)
        scene.change(access_point=True, number=2)
        await scene.until(lambda: scene.board.net.ip == "127.0.0.2")
        await scene.until(lambda: reasons.WRONG_ADDRESS in scene.board.streams.refusals)
        assert not scene.linked
        scene.desktop.add_peer(scene.board.status()["publicKey"], "127.0.0.2:%d" % port)
        await scene.until(lambda: scene.linked)

    played(play, name=LARGER)


def test_an_ip_that_changes_under_a_link_ends_the_link():
    async def play(scene):
        await scene.until(lambda: scene.linked)
        scene.change(number=2)
        await scene.until(lambda: not scene.linked, 700)
        await scene.until(lambda: scene.linked)
        assert scene.board.net.ip == "127.0.0.2"

    played(play)


def test_addresses_of_the_config_and_a_bound_one_are_kept_beside_the_networks_ip():
    async def play(scene):
        board = scene.board
        board.settings.addresses = [b"203.0.113.7:14666"]
        board.use_network("192.0.2.7", "")
        own = b"192.0.2.7:%d" % board.settings.bind_port
        assert board.streams.rules.addresses == [b"203.0.113.7:14666", own]

    played(play)


def test_no_poll_makes_more_than_one_call_of_the_driver_that_may_take_long():
    async def play(scene):
        poll = scene.wifi.poll
        made = [0, 0]  # in one poll, in all

        async def counted():
            scene.wlan.calls.clear()
            await poll()
            made[0] = max(made[0], len(scene.wlan.calls))
            made[1] += len(scene.wlan.calls)

        scene.wifi.poll = counted
        await scene.until(lambda: scene.linked)
        for kind in (gone, other_password, blind, driver_error):
            end = kind(scene)
            await asyncio.sleep(200)
            end()
            await scene.until(lambda: scene.linked)
        assert made[0] == 1 and made[1] > 50

    played(play)


def test_how_long_a_driver_blocks_is_shown_and_the_others_run_in_between():
    import time

    async def play(scene):
        await scene.until(lambda: scene.linked)
        assert scene.wifi.status()["slowestMs"] < 60
        scene.wlan.slow = lambda: time.sleep_ms(80)
        longest_ms, last = 0, time.ticks_ms()
        blind(scene)
        for _ in range(600):
            await asyncio.sleep_ms(100)
            moment = time.ticks_ms()
            longest_ms, last = max(longest_ms, time.ticks_diff(moment, last)), moment
        assert scene.wifi.restarts == 1 and scene.wifi.status()["slowestMs"] >= 80
        assert 80 <= longest_ms < 200

    played(play)


def test_a_driver_that_does_not_start_is_asked_again():
    async def play(scene):
        await asyncio.sleep(100)
        assert scene.wifi.status()["error"] == "driver-error"
        scene.wlan.module.WLAN = lambda interface: scene.wlan
        await scene.until(lambda: scene.linked)

    async def main(virtual):
        real = PretendNetwork.WLAN

        def fails(module, interface):
            raise OSError("WiFi Out of Memory")

        PretendNetwork.WLAN = fails
        try:
            scene = Scene(virtual)
        finally:
            PretendNetwork.WLAN = real
        scene.wlan.module.WLAN = lambda interface: fails(None, interface)
        scene.wifi._interface._network = scene.wlan.module
        await play(scene)
        await scene.close()

    run_virtually(main)
