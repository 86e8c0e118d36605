"""The one table of what can keep two nodes apart: cause, evidence, sentence, remedy.

In: nothing. Out: TABLE, in the order in which causes are to be mended: what is further down cannot
work before what stands above it. The words in braces are those of `words.Words`; a remedy is a
command to paste. Called by `diagnose`.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import causes
from .causes import Cause


@dataclass(frozen=True, slots=True)
class Row:
    """One cause, and what to do about it at the side at fault."""

    cause: str
    shown_by: Cause
    sentence: str
    remedy: str


TABLE = (
    Row(
        "clock-not-set",
        causes.clock_not_set,
        "The clock of {it} is not set, so it can neither sign nor judge a handshake.",
        "{set_clock}",
    ),
    Row(
        "skewed-clock",
        causes.skewed_clock,
        "The clocks of {it} and {other} differ by {skew}; a handshake bears less than 20 s.",
        "{set_clock}",
    ),
    Row(
        "swapped-key",
        causes.swapped_key,
        "{It} lists the key {wrong_key} at the address of {other}, whose key is {other_key}.",
        "{replace_key}",
    ),
    Row(
        "swapped-key",
        causes.another_key_answers,
        "At {address}, where {it} expects {other_key}, a node with another key answers.",
        "{list_answering_key}",
    ),
    Row(
        "key-not-listed",
        causes.key_not_listed,
        "{It} does not list {other_key}, the key of {other}.",
        "{list_other}",
    ),
    Row(
        "wrong-network",
        causes.offline,
        "{It} is in no network.",
        "{join_networks}",
    ),
    Row(
        "unresolved-name",
        causes.unresolved_name,
        "{It} lists {other} at {address}, and that name has no address.",
        "{list_other}",
    ),
    Row(
        "changed-address",
        causes.no_node_answers,
        "At {address}, where {it} dials {other}, something answers that is no node.",
        "{list_other}",
    ),
    Row(
        "changed-address",
        causes.changed_address,
        "{It} dials {other} at {address}, which is not its address: that is {other_address}.",
        "{list_other}",
    ),
    Row(
        "closed-port",
        causes.closed_port,
        "Nothing answers on TCP port {port} of {ip}, where {other} dials {it}{listens_at}.",
        "{open_port}",
    ),
    Row(
        "wrong-direction",
        causes.wrong_direction,
        "{It} must dial and cannot reach {address} ({end}), though {other} can reach {it}.",
        "{dial_from_other}",
    ),
    Row(
        "wrong-network",
        causes.wrong_network,
        "No way leads from {dialler} to {address} ({end}): they are in different networks.",
        "{join_networks}",
    ),
)
