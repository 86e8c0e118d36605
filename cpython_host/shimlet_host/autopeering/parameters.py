"""The parameters of autopeering (protocol.md, "Parameters") and the bounds of its tables.

Names are those of the config keys with their units. The three `check_` switches are all that the
profiles `spec` and `goshimmer` differ in (protocol.md, "Two profiles"). Made by the node from its
config, and by the simulation.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_PACKET = 1280  # bytes; existing nodes cut longer datagrams
MAX_AHEAD_S = 20  # a timestamp further in the future than this is refused
SALT_LENGTH = 20
MAX_SERVICES = 5
MAX_PEERS_IN_RESPONSE = 6

MAX_IN_FLIGHT = 10  # verifications from the known peer list at once
ENTRY_RETRY_S = 60.0  # until an entry node that did not answer is tried again
ACCEPT_LINK_S = 4.0  # how long an accepted neighbor may take to dial, as existing nodes allow
EAGER_QUERIES = 32  # so many verified peers are asked at once, later ones at queryInterval

NEIGHBORS_PER_SUBNET = 2  # of one public /24 or /48
KNOWN_PER_SUBNET = 10
IDENTITIES_PER_IP = 16
MAX_CALLERS = 100  # peers beyond a full list that are pinged back: each for half a second
MAX_GUESTS = 1000  # verified peers beyond it: as long as they need to find others
PACKETS_PER_S = 20.0  # the token bucket of one public IP
BURST = 100.0

MAX_OPEN_REQUESTS = 4096  # more than 1,000 peers can have open within their time-outs
MAX_BUCKETS = 8192  # IPs; whoever forges more only gets a fresh bucket
MAX_REPEATS = 1024  # answered PeeringRequests: 20 s of them, 50 a second
MAX_CHAINS = 10_000  # identities whose salt chain is remembered
CHAIN_LIFETIME_S = 14 * 24 * 3600


@dataclass(frozen=True)
class Parameters:
    """All that an operator can set. Durations in seconds; `theta` None means auto."""

    version: int = 0
    network_version: int = 40
    request_expiration_time_s: float = 20.0
    response_timeout_s: float = 0.5
    max_verify_attempts: int = 3
    max_reverify_attempts: int = 3
    verification_lifetime_s: float = 12 * 3600.0
    query_interval_s: float = 60.0
    k: int = 8
    salt_update_interval_s: float = 2 * 3600.0
    max_peering_attempts: int = 3
    outbound_update_interval_s: float = 1.0
    full_outbound_update_interval_s: float = 60.0
    r: int = 40
    ro: float = 2.0
    theta: float | None = None
    max_managed: int = 1000
    max_replacements: int = 10
    chain_length: int = 87_600  # elements of a salt chain: 20 years at 2 h
    chain_start_s: int = 1_577_836_800  # unix time before which no chain begins
    limit_private_networks: bool = False  # caps and token buckets in private networks, too
    check_salt_chain: bool = True
    check_theta: bool = True
    check_destination: bool = True

    @property
    def max_chosen(self) -> int:
        """Half of the neighborhood, the larger one: ceil(k/2)."""
        return (self.k + 1) // 2

    @property
    def max_accepted(self) -> int:
        """The other half: floor(k/2)."""
        return self.k // 2
