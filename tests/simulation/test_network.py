"""The virtual network, its clock and its links."""

import random

import pytest
from shimlet_host.simulation.clock import Clock
from shimlet_host.simulation.graph import components, diameter
from shimlet_host.simulation.links import SILENCE_S, Links
from shimlet_host.simulation.network import PORT, Conditions, Network


class End:
    """An address that keeps what comes."""

    def __init__(self, ip):
        self.ip = ip
        self.public_key = ip.encode()
        self.is_up = True
        self.links = {}
        self.heard = []

    def receive(self, data, source):
        self.heard.append((data, source))

    def awaits(self, _):
        return self.is_up

    def dials(self, _):
        return True

    def link_up(self, key):
        self.heard.append(("up", key))

    def link_lost(self, key):
        self.heard.append(("lost", key))


def network(**conditions):
    """Two ends on a network."""
    clock = Clock()
    wires = Network(clock, random.Random(1), Conditions(**conditions))
    links = Links(clock, wires)
    ends = End("20.0.0.1"), End("20.0.0.2")
    for end in ends:
        wires.connect(end)
        links.join(end)
    return clock, wires, links, *ends


def send(wires, one, other, count):
    for number in range(count):
        wires.send(bytes([number]), (one.ip, PORT), (other.ip, PORT))


def test_things_of_one_moment_happen_in_their_order():
    clock, seen = Clock(), []
    for number in range(5):
        clock.at(1.0, seen.append, number)
    clock.at(0.5, seen.append, "first")
    clock.at(2.5, seen.append, "too late")
    clock.run_until(2.0)
    assert seen == ["first", 0, 1, 2, 3, 4]
    assert clock.now == 2.0


def test_packets_arrive_after_the_latency_with_their_sender():
    clock, wires, _, one, other = network(latency_s=0.1)
    send(wires, one, other, 1)
    clock.run_until(0.049)
    assert not other.heard
    clock.run_until(0.151)
    assert other.heard == [(b"\0", (one.ip, PORT))]


def test_packets_overtake_one_another():
    clock, wires, _, one, other = network()
    send(wires, one, other, 20)
    clock.run_until(1)
    data = [packet for packet, _ in other.heard]
    assert len(data) == 20
    assert data != sorted(data)


def test_so_many_packets_are_lost_doubled_and_late_as_is_said():
    clock, wires, _, one, other = network(loss=0.25)
    send(wires, one, other, 200)
    clock.run_until(1)
    assert 120 < len(other.heard) < 180
    wires.conditions = Conditions(duplication=0.25)
    other.heard.clear()
    send(wires, one, other, 200)
    clock.run_until(2)
    assert 220 < len(other.heard) < 280
    wires.conditions = Conditions(latency_s=0.1, reordering=0.25)
    other.heard.clear()
    send(wires, one, other, 200)
    clock.run_until(2.2)
    assert 120 < len(other.heard) < 180
    clock.run_until(4)
    assert len(other.heard) == 200


def test_nothing_passes_a_partition_until_it_heals():
    clock, wires, _, one, other = network()
    wires.split([one.ip])
    send(wires, one, other, 3)
    clock.run_until(1)
    assert not other.heard
    wires.heal()
    send(wires, one, other, 3)
    clock.run_until(2)
    assert len(other.heard) == 3


def test_a_link_comes_up_on_both_sides_and_its_life_is_written_down():
    clock, _, links, one, other = network()
    links.dial(one, other.public_key)
    clock.run_until(1)
    assert one.heard == [("up", other.public_key)]
    assert other.heard == [("up", one.public_key)]
    links.hang_up(one, other.public_key)
    clock.run_until(2)
    assert other.heard[1:] == [("lost", one.public_key)]
    assert not links.standing
    assert len(links.lifetimes_s) == 1


@pytest.mark.parametrize("why", ["not there", "down", "apart"])
def test_whoever_dials_in_vain_is_told(why):
    clock, wires, links, one, other = network()
    if why == "not there":
        links.leave(other)
    elif why == "down":
        other.is_up = False
    else:
        wires.split([one.ip])
    links.dial(one, other.public_key)
    clock.run_until(1)
    assert one.heard == [("lost", other.public_key)]


def test_a_partition_is_noticed_by_its_silence():
    clock, wires, links, one, other = network()
    links.dial(one, other.public_key)
    clock.run_until(1)
    wires.split([one.ip])
    links.tear()
    clock.run_until(SILENCE_S)
    assert links.standing
    clock.run_until(SILENCE_S + 2)
    assert not links.standing
    assert one.heard[-1] == ("lost", other.public_key)
    assert other.heard[-1] == ("lost", one.public_key)


def test_components_and_diameter_of_a_path_and_of_those_who_are_alone():
    path = [[1], [0, 2], [1, 3], [2], [], [6], [5]]
    parts = components(path)
    assert [sorted(part) for part in parts] == [[0, 1, 2, 3], [5, 6], [4]]
    assert [diameter(path, part) for part in parts] == [3, 1, 0]
    ring = [[(n - 1) % 9, (n + 1) % 9] for n in range(9)]
    assert diameter(ring, components(ring)[0]) == 4
