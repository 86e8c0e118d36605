"""Why a datagram was not acted upon: one name each, counted by the node that received it.

The core's own reasons are small ints, because boards count them; datagrams reach full nodes only.
"""

from enum import StrEnum


class Reason(StrEnum):
    """What was wrong, in the order in which it is looked for."""

    RATE_LIMITED = "rate-limited"  # this IP has used up its token bucket
    PACKET_TOO_LARGE = "packet-too-large"  # more than 1,280 bytes
    BAD_PACKET = "bad-packet"  # no signed packet, or bytes behind it
    OWN_PACKET = "own-packet"  # signed by ourselves
    FOREIGN_NETWORK = "foreign-network"  # a stranger in a private network, and we are in none
    UNKNOWN_TYPE = "unknown-type"
    BAD_MESSAGE = "bad-message"  # not the protobuf message that its type announces
    WRONG_VERSION = "wrong-version"
    WRONG_NETWORK = "wrong-network"
    EXPIRED = "expired"
    IN_THE_FUTURE = "in-the-future"
    BAD_SOURCE = "bad-source"  # Ping: src_addr is an address, or src_port is none
    WRONG_DESTINATION = "wrong-destination"  # dst_addr is not ours
    UNSOLICITED = "unsolicited"  # answers no open request of ours
    BAD_SERVICES = "bad-services"  # not 1 to 5, or "peering" has another port than was pinged
    BAD_SALT = "bad-salt"  # not 20 bytes, or expired
    UNVERIFIED = "unverified"  # the sender is not verified under this identity and IP
    NOT_A_NEIGHBOR = "not-a-neighbor"  # PeeringDrop, but not from a neighbor's address
    BAD_SIGNATURE = "bad-signature"
    OTHER_ADDRESS = "other-address"  # a request repeated from elsewhere
    SALT_CHAIN = "salt-chain"  # the salt is not of the sender's hash chain
    THETA = "theta"  # the score fails the test against ground identities
    FULL = "full"  # no room to remember the sender
    SUBNET_FULL = "subnet-full"  # too many peers of this /24 or /48
    TOO_MANY_IDENTITIES = "too-many-identities"  # of one IP
    OVERLOADED = "overloaded"  # too many requests of ours are open
