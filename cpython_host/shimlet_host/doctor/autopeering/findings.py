"""Goes through both tables: of each peer that matters, and of the whole node.

In: the full node's web API. Out: AutoFindings, the peers' first. Raises ApiError. Called by
`shimlet doctor`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..api import NodeApiClient
from ..commands import list_peer
from ..diagnose import CANNOT_TELL, CONNECTED, Finding
from ..evidence import Side
from .evidence import Own, Remote
from .gather import own_of, remotes_of, try_from_outside
from .table import NODE, PEERS
from .words import Words

WELL, OFF, NOT_SELECTED = "well", "autopeering-off", "not-selected"
FINE = (CONNECTED, WELL, OFF)  # off is as its operator wants it


@dataclass(frozen=True, slots=True)
class AutoFinding:
    """`about` is "autopeering", or what the peer is: "the entry node"."""

    about: str
    public_key: str
    finding: Finding


def find_all(api: NodeApiClient) -> list[AutoFinding]:
    """The entry nodes and the neighbors that were dialled in vain, then the whole."""
    lists = api.neighbors()
    own = own_of(api.info(), lists, api.url)
    dialled = [failed.public_key for failed in own.failed if failed.outbound]
    keys = [*(entry.public_key for entry in own.entries), *dialled]
    remotes = remotes_of(own, lists, api, list(dict.fromkeys(keys)))
    own = try_from_outside(api, own, remotes)
    found = [_of_peer(own, remote) for remote in remotes]
    return [*found, AutoFinding("autopeering", own.public_key, diagnose_node(own))]


def find_one(api: NodeApiClient, public_key: str) -> AutoFinding | None:
    """One peer that autopeering has to do with; None: it has not."""
    lists = api.neighbors()
    own = own_of(api.info(), lists, api.url)
    remotes = remotes_of(own, lists, api, [public_key]) if own.enabled else []
    return next((_of_peer(own, remote) for remote in remotes), None)


def _of_peer(own: Own, remote: Remote) -> AutoFinding:
    return AutoFinding(remote.name, remote.public_key, diagnose_peer(own, remote))


def diagnose_peer(own: Own, remote: Remote) -> Finding:
    """The first cause that is shown of a peer, or how it stands."""
    words = Words(own, remote)
    for row in PEERS:
        if row.shown_by(own, remote):
            return Finding(row.cause, row.sentence.format_map(words), row.remedy.format_map(words))
    return _unless_shown(own, remote)


def _unless_shown(own: Own, remote: Remote) -> Finding:
    if remote.failed is not None:
        return Finding(CANNOT_TELL, _of_failure(remote.failed.reason, remote.failed.outbound))
    if remote.neighbor:
        return Finding(CONNECTED, "They are neighbors by autopeering.")
    if remote.listed:
        return Finding(WELL, "It answers over UDP.")
    around = own.neighborhood
    return Finding(
        NOT_SELECTED,
        "It answers over UDP, and neither has selected the other: this full node has"
        f" {around.taken} of {around.places} neighbors. Who list each other are always linked.",
        _list_by_hand(own, remote) if remote.tcp else "",
    )


def _list_by_hand(own: Own, remote: Remote) -> str:
    here = Side("the full node", own.public_key, url=own.url)
    return list_peer(here, Side(remote.name, remote.public_key, addresses=(remote.tcp,)))


def _of_failure(reason: str, outbound: bool) -> str:
    """A link that failed, although TCP and UDP work now."""
    if not outbound:
        return "It was accepted over UDP and did not dial within 4 s."
    return f"Its ports answer now, and the last dial failed ({reason}): the next one may not."


def diagnose_node(own: Own) -> Finding:
    """The first cause that is shown of the whole, or how it stands."""
    words = Words(own)
    for row in NODE:
        if row.shown_by(own):
            return Finding(row.cause, row.sentence.format_map(words), row.remedy.format_map(words))
    around = own.neighborhood
    return Finding(
        WELL,
        f"{own.verified} peers are verified, {around.taken} of {around.places} places for"
        f" neighbors are taken, and {around.candidates} more peers might take one.",
    )
