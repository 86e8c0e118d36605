"""Salts: our own chain as a function of the clock, and the chains of others."""

import itertools
from dataclasses import replace
from hashlib import blake2b

import pytest
from autopeering_world import PARAMETERS
from shimlet_host.autopeering import Parameters
from shimlet_host.autopeering.chains import ChainRecord, SaltChains
from shimlet_host.autopeering.parameters import MAX_CHAINS
from shimlet_host.autopeering.salt import SaltChain, hash_salt

SEED, NODE_ID = bytes(range(32)), bytes(range(100, 132))
INTERVAL_S = 7200
DAY_S = 24 * 3600


def test_the_salt_of_a_moment_is_what_the_protocol_writes_down():
    parameters = Parameters()
    chain = [blake2b(INTERVAL_S.to_bytes(8, "little"), key=SEED, digest_size=20).digest()]
    for _ in range(87_600):
        chain.append(blake2b(chain[-1], digest_size=20).digest())
    start_s = 1577836800 + int.from_bytes(NODE_ID[:4], "little") % INTERVAL_S
    salts = SaltChain(SEED, NODE_ID, parameters)
    for moment in (start_s, start_s + 1, start_s + INTERVAL_S, 1_800_000_000, 2_100_000_000):
        index = (moment - start_s) // INTERVAL_S
        found = salts.at(moment)
        assert found.salt == chain[87_600 - index]
        assert found.expiration_time == start_s + (index + 1) * INTERVAL_S
        assert found.expiration_time - INTERVAL_S <= moment < found.expiration_time


def test_a_restart_changes_no_salt():
    first, second = (SaltChain(SEED, NODE_ID, PARAMETERS) for _ in range(2))
    moment = PARAMETERS.chain_start_s + 50_000
    assert first.at(moment) == second.at(moment)


def test_a_used_up_chain_is_followed_by_another_one():
    parameters = replace(PARAMETERS, chain_length=4, chain_start_s=0)
    salts = SaltChain(SEED, NODE_ID, parameters)
    found = [salts.at(index * INTERVAL_S + INTERVAL_S).salt for index in range(12)]
    assert len(set(found)) == 12
    steps = [hash_salt(later) == earlier for earlier, later in itertools.pairwise(found)]
    assert steps.count(False) in (2, 3)


# OTHERS

NOW = 1_800_000_000
CHAIN = [b"\x01" * 20]
for _ in range(400):
    CHAIN.append(hash_salt(CHAIN[-1]))


def offered(index):
    """The salt and expiration time of an interval, and a moment within it; 0 is now."""
    expiration_time = NOW + 3600 + index * INTERVAL_S
    return CHAIN[200 - index], expiration_time, NOW + index * INTERVAL_S


def check(chains, index, **changes):
    """Whether the salt of an interval is taken, at a moment within it."""
    salt, expiration_time, moment = offered(index)
    fields = {
        "salt": salt,
        "expiration_time": expiration_time,
        "timestamp": moment,
        "unix_time": moment,
    }
    return chains.check(b"k" * 32, **{**fields, **changes})


@pytest.mark.parametrize("later", [0, 1, 2, 5, 160])
def test_a_salt_is_taken_when_hashing_it_leads_back_to_the_recorded_one(later):
    chains = SaltChains(Parameters())
    assert check(chains, 0)
    assert check(chains, later)
    assert chains.records[b"k" * 32].salt == offered(later)[0]


@pytest.mark.parametrize("later", [0, 1, 2, 5])
def test_another_salt_is_refused_and_changes_no_record(later):
    chains = SaltChains(Parameters())
    assert check(chains, 0)
    assert not check(chains, later, salt=b"\x02" * 20)
    assert chains.records[b"k" * 32].salt == offered(0)[0]


def test_a_salt_of_the_right_chain_in_the_wrong_interval_is_refused():
    chains = SaltChains(Parameters())
    assert check(chains, 0)
    assert not check(chains, 2, salt=offered(1)[0])
    assert not check(chains, 1, salt=offered(2)[0])


def test_the_request_of_one_interval_ago_is_taken_but_the_record_stays():
    chains = SaltChains(Parameters())
    assert check(chains, 1)
    salt, expiration_time, _ = offered(0)
    moment = expiration_time - 1
    assert chains.check(b"k" * 32, salt, expiration_time, moment, moment + 2)
    assert chains.records[b"k" * 32].salt == offered(1)[0]
    salt, expiration_time, _ = offered(-1)
    moment = expiration_time - 1
    assert not chains.check(b"k" * 32, salt, expiration_time, moment, moment)


@pytest.mark.parametrize(
    "changes",
    [
        {"timestamp": NOW - 20},
        {"timestamp": NOW + 20},
        {"expiration_time": NOW + 3600 + 1},
        {"expiration_time": NOW + 3600 + INTERVAL_S},
    ],
)
def test_a_salt_outside_its_time_is_refused(changes):
    chains = SaltChains(Parameters())
    assert check(chains, 0)
    assert not check(chains, 0, **changes)


def test_a_record_is_dropped_after_14_days_without_a_request_and_not_before():
    for days, taken in ((13, False), (15, True)):
        chains = SaltChains(Parameters())
        assert check(chains, 0)
        index = days * DAY_S // INTERVAL_S
        assert check(chains, index, salt=b"\x03" * 20) == taken


def test_ten_thousand_records_are_kept_at_most_and_the_oldest_goes_first():
    chains = SaltChains(Parameters())
    salt, expiration_time, moment = offered(0)
    for number in range(MAX_CHAINS + 10):
        key = number.to_bytes(32, "little")
        assert chains.check(key, salt, expiration_time, moment, moment)
    assert len(chains) == MAX_CHAINS
    assert (9).to_bytes(32, "little") not in chains.records
    assert (10).to_bytes(32, "little") in chains.records


def test_saved_records_count_after_a_restart():
    first, second = SaltChains(Parameters()), SaltChains(Parameters())
    assert check(first, 0)
    for key, record in first.records.items():
        second.load(key, ChainRecord(*record))
    assert not check(second, 1, salt=b"\x02" * 20)
    assert check(second, 1)
