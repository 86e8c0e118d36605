"""What must hold in every simulated network, and short stories in which it is looked at.

Each story runs a world and raises AssertionError if the nodes do what they must not. They are what
tests/simulation tests, and what a planted fault has to break. Called by tests/simulation.
"""

from dataclasses import replace

from shimlet_host.autopeering.envelope import open_envelope
from shimlet_host.autopeering.messages import DISCOVERY_RESPONSE, PEERING_RESPONSE
from shimlet_host.autopeering.parameters import (
    MAX_CALLERS,
    MAX_CHAINS,
    MAX_GUESTS,
    MAX_OPEN_REQUESTS,
    MAX_REPEATS,
)
from shimlet_host.autopeering.reasons import Reason
from shimlet_host.autopeering.score import score
from shimlet_host.simulation.clock import UNIX_START
from shimlet_host.simulation.faults import plan_faults
from shimlet_host.simulation.graph import components
from shimlet_host.simulation.network import Conditions
from shimlet_host.simulation.settings import PARAMETERS, Settings, Split
from shimlet_host.simulation.statistics import linked
from shimlet_host.simulation.world import World

# Everything that takes hours happens within minutes.
SALT_S = 120
HASTY = replace(
    PARAMETERS,
    salt_update_interval_s=float(SALT_S),
    chain_start_s=UNIX_START - 20 * SALT_S,
    verification_lifetime_s=60.0,
    query_interval_s=20.0,
    full_outbound_update_interval_s=10.0,
)
BAD = Conditions(latency_s=0.1, loss=0.15, duplication=0.1, reordering=0.1)
ANSWERS = (DISCOVERY_RESPONSE, PEERING_RESPONSE)


# INVARIANTS


def check_step(node):
    """What holds after every step of a node."""
    core = node.core
    selection, parameters = core.selection, core.local.parameters
    chosen, accepted = selection.chosen.neighbors, selection.accepted.neighbors
    assert len(chosen) <= (parameters.k + 1) // 2
    assert len(accepted) <= parameters.k // 2
    assert not chosen.keys() & accepted.keys()
    for half in (chosen, accepted):
        assert node.public_key not in half
        for key, neighbor in half.items():
            assert core.peers.verified_at(key, neighbor.peer.ip) is not None
    assert selection.public_salt.expiration_time >= node.unix_time
    assert not core.local.counters[Reason.SALT_CHAIN]
    check_tables(core)


def check_tables(core):
    """The bounds."""
    known, guests = core.peers.known, core.peers.guests
    listed = [each for each in known.values() if not each.called and each.key not in guests]
    assert len(listed) <= core.local.parameters.max_managed + 1  # and an entry node
    assert len(known) - len(guests) <= core.local.parameters.max_managed + 1 + MAX_CALLERS
    assert len(guests) <= MAX_GUESTS
    assert len(core.peers.verified) <= len(core.peers.known)
    assert len(core.selection.accepting.chains) <= MAX_CHAINS
    assert len(core.selection.accepting.answers._answers) <= MAX_REPEATS
    assert len(core.requests) <= MAX_OPEN_REQUESTS
    choosing, candidates = core.selection.choosing, core.selection.candidates.peers.keys()
    assert choosing._filtered <= candidates
    assert choosing.refusals.keys() <= candidates
    assert not core.local.outbox
    assert not core.local.events
    assert core.local.public_key not in core.peers.verified


class CheckedWorld(World):
    """A world that looks at every step, and at every packet."""

    def __init__(self, settings):
        super().__init__(settings, check_step)
        self._by_ip = {}
        self._send = self.network.send
        self.network.send = self.check_packet

    def add_node(self, *arguments, **keywords):
        node = super().add_node(*arguments, **keywords)
        self._by_ip[node.ip] = node
        return node

    def check_packet(self, data, source, destination):
        """Only verified peers are told or answered anything but a Pong."""
        kind = open_envelope(data).data[0]
        if kind in ANSWERS:
            verified = self._by_ip[source[0]].core.peers.verified.values()
            assert any(known.peer.address == destination for known in verified)
        self._send(data, source, destination)


def disagreements(world):
    """Pairs of which only one calls the other its neighbor, or whose link does not stand."""
    nodes = {node.public_key: node for node in world.up()}
    found = set()
    for node in nodes.values():
        selection = node.core.selection
        for mine, theirs in (("chosen", "accepted"), ("accepted", "chosen")):
            for key in getattr(selection, mine).neighbors:
                other = nodes.get(key)
                if (
                    other is None
                    or node.public_key not in getattr(other.core.selection, theirs)
                    or key not in node.links
                ):
                    found.add((node.public_key, key))
    return found


def wallflowers(world):
    """Pairs with a free place each, that might be neighbors and are not."""
    nodes = list(world.up())
    return {
        (node.public_key, other.public_key)
        for node in nodes
        for other in nodes
        if may_choose(node, other)
    }


def may_choose(node, other):
    """Whether one has a place for the other, could ask it, and would be taken."""
    mine, theirs = node.core.selection, other.core.selection
    if node is other or other.public_key in mine.chosen or other.public_key in mine.accepted:
        return False
    if mine.chosen.is_full or theirs.accepted.is_full:
        return False
    distance = score(node.core.local.node_id, other.core.local.node_id, mine.public_salt.salt)
    return distance < min(mine.candidates.theta(), theirs.candidates.theta())


def check_lasting(world, find, seconds=10.0):
    """What is found now, and still after some seconds, is wrong; all else is on its way."""
    before = find(world)
    world.run(seconds)
    lasting = before & find(world)
    assert not lasting, f"{len(lasting)} pairs"


def is_one_component(world):
    """Whether all nodes reach each other by links."""
    return len(components(linked(world))) == 1


# STORIES


def populated(count, seed=1, parameters=PARAMETERS, **settings):
    """A checked world whose nodes will start."""
    world = CheckedWorld(Settings(nodes=count, seed=seed, parameters=parameters, **settings))
    world.populate()
    return world


def faults_and_quiet(seed):
    """Everything goes wrong for four minutes; then both sides agree who is a neighbor."""
    parameters = replace(HASTY, max_managed=4 if seed % 3 == 0 else 1000)
    settings = Settings(
        nodes=3 + seed % 6,
        minutes=4.0,
        seed=seed,
        conditions=replace(BAD),
        parameters=parameters,
        crashes=6.0,
        churn=3.0,
        skew_s=4.0,
        split=Split(seed % 3, 1.0) if seed % 2 else None,
    )
    world = CheckedWorld(settings)
    world.populate()
    plan_faults(world)
    world.run(240)
    world.heal()
    world.network.conditions = Conditions()
    world.run(240)  # the last crashed node is back after 120 s, the last link is dead after 100 s
    check_lasting(world, disagreements)


def two_nodes():
    """They get one link, chosen on one side and accepted on the other."""
    world = populated(2)
    world.run(60)
    one, other = world.nodes
    places = [(len(n.core.selection.chosen), len(n.core.selection.accepted)) for n in (one, other)]
    assert sorted(places) == [(0, 1), (1, 0)]
    assert list(one.links) == [other.public_key]
    assert len(world.links.standing) == 1


def two_nodes_three_partitions():
    """However often they lose each other, they find each other again."""
    world = populated(2)
    for _ in range(3):
        world.run(60)
        world.split()
        world.run(180)
        assert not world.links.standing
        world.heal()
    world.run(120)
    assert len(world.links.standing) == 1
    check_lasting(world, disagreements)


def ten_nodes(seed=1):
    """One component, and nobody stays alone who could have company."""
    world = populated(10, seed)
    world.run(300)
    assert is_one_component(world)
    check_lasting(world, wallflowers, 30.0)
    check_lasting(world, disagreements)


def a_drop_alone():
    """The end of a link is not noticed: the PeeringDrop is enough."""
    world = populated(2)
    world.run(60)
    one, other = world.nodes
    world.links.hang_up = lambda end, key: None
    one.link_lost(other.public_key)
    assert other.core.selection.chosen.neighbors or other.core.selection.accepted.neighbors
    world.run(0.2)
    assert not other.core.selection.chosen.neighbors
    assert not other.core.selection.accepted.neighbors


def the_gone_are_forgotten():
    """A node that crashed for good is nobody's verified peer, once its time is over."""
    world = populated(5, parameters=HASTY)
    world.run(60)
    gone = world.nodes[3]
    gone.crash()
    world.run(HASTY.verification_lifetime_s + 30)
    assert not any(gone.public_key in node.core.peers.verified for node in world.up())
    assert all(len(node.core.peers.verified) == 3 for node in world.up())


def entry_node_gone_for_a_day():
    """The others go on without it, and use it again when it is back."""
    world = populated(6, parameters=replace(PARAMETERS, query_interval_s=600.0))
    world.run(60)
    entry, *others = world.nodes
    entry.crash()
    for _ in range(24):
        world.run(3600)
        assert is_one_component(world)
        check_lasting(world, wallflowers, 60.0)
    assert not any(entry.public_key in node.core.peers.verified for node in others)
    entry.entry_nodes = []  # it knows nobody by itself, but what is on its disk
    entry._peers = []
    entry.restart()
    world.run(300)
    assert all(entry.public_key in node.core.peers.verified for node in others)
    assert is_one_component(world)


def heals_after_partition(seed=1, count=20):
    """Two halves for 30 minutes; ten minutes later all is one."""
    world = populated(count, seed)
    world.run(120)
    world.split()
    world.run(1800)
    assert len(components(linked(world))) > 1
    world.heal()
    world.run(600)
    assert is_one_component(world)
