"""The routes of the web API, spelled as existing clients call them.

In: requests. Out: calls of the node, which live in the same thread, and their results as JSON.
Validation is in `bodies.py`, the form of the answers in `shapes.py`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse
from shimlet.identity import base58_encode

from shimlet_host.model import NodeApi
from shimlet_host.web.bodies import (
    keys_of,
    limit_of,
    marks_of,
    message_of,
    only_connected,
    peers_of,
    with_known,
)
from shimlet_host.web.errors import NotReady
from shimlet_host.web.info_shapes import InfoShape
from shimlet_host.web.inputs import (
    FLAG,
    LIMIT,
    MESSAGE,
    STREAM,
    PeerToAdd,
    PeerToMark,
    PeerToRemove,
    body,
    list_of,
    query,
)
from shimlet_host.web.shapes import (
    HealthShape,
    MessageShape,
    NeighborsShape,
    PeerShape,
    PendingShape,
    PublishedShape,
)
from shimlet_host.web.stream import EventStream

if TYPE_CHECKING:
    from shimlet_host.metrics import Metrics


def manual_peering_routes(node: NodeApi) -> APIRouter:
    """Known and pending peers."""
    router = APIRouter(prefix="/manualpeering", tags=["manual peering"])

    @router.post("/peers", status_code=204, openapi_extra=list_of(PeerToAdd))
    async def add_peers(request: Request) -> Response:
        """Adds known peers, or gives them a new address, an alias, a switch: all or none."""
        node.add_peers(await peers_of(request))
        return Response(status_code=204)

    @router.get("/peers", openapi_extra=query("onlyConnected", FLAG, "Leave out the others."))
    async def list_peers(request: Request) -> list[PeerShape]:
        """Known peers with their state. Existing clients say `{"onlyConnected": true}` in the body
        instead, which a browser cannot.
        """
        connected = await only_connected(request)
        return [PeerShape.of(peer) for peer in node.peers() if peer.connected or not connected]

    @router.delete("/peers", status_code=204, openapi_extra=list_of(PeerToRemove))
    async def remove_peers(request: Request) -> Response:
        """Forgets known peers and closes their links; unknown keys are fine."""
        node.remove_peers(await keys_of(request))
        return Response(status_code=204)

    @router.patch("/peers", status_code=204, openapi_extra=list_of(PeerToMark))
    async def mark_peers(request: Request) -> Response:
        """Gives known peers an alias, switches them off and on: all or none."""
        node.mark_peers(await marks_of(request))
        return Response(status_code=204)

    @router.get("/pending")
    async def list_pending() -> list[PendingShape]:
        """Who proved a key that is not on the list: add it to accept it."""
        return [PendingShape.of(pending) for pending in node.pending()]

    return router


def autopeering_routes(node: NodeApi) -> APIRouter:
    """Neighbors that the node found by itself."""
    router = APIRouter(prefix="/autopeering", tags=["autopeering"])

    @router.get("/neighbors", openapi_extra=query("known", FLAG, "Show the verified peers, too."))
    async def neighbors(request: Request) -> NeighborsShape:
        """Chosen and accepted neighbors; with `known=1` the verified peers, too."""
        return NeighborsShape.of(node.neighbors(known=with_known(request)))

    return router


def message_routes(node: NodeApi) -> APIRouter:
    """Messages, and news as they happen."""
    router = APIRouter(tags=["messages"])

    @router.post("/messages", status_code=201, openapi_extra=body(MESSAGE))
    async def publish(request: Request) -> PublishedShape:
        """Sends a message to all neighbors; the id is its BLAKE2b-256 in base58."""
        message_id = node.publish(await message_of(request))
        return PublishedShape(id=base58_encode(message_id))

    @router.get("/messages", openapi_extra=query("limit", LIMIT, "At most so many."))
    async def list_messages(request: Request) -> list[MessageShape]:
        """The newest messages, newest first."""
        return [MessageShape.of(message) for message in node.messages(limit_of(request))]

    @router.get("/events", response_class=StreamingResponse, responses=STREAM)
    async def events() -> EventStream:
        """Server-sent events: `message`; `peer` as it stands now; `neighbor` when autopeering
        chose, accepted or dropped one; and `dropped` with a number when the client is too slow.
        """
        return EventStream(node.subscribe())

    return router


def node_routes(node: NodeApi) -> APIRouter:
    """The node itself."""
    router = APIRouter(tags=["node"])

    @router.get("/info")
    async def info() -> InfoShape:
        """Who this node is."""
        return InfoShape.of(node.info())

    @cache
    def metrics() -> Metrics:
        from shimlet_host.metrics import Metrics

        return Metrics(node)

    @router.get("/metrics", response_class=PlainTextResponse)
    async def show_metrics(request: Request) -> Response:
        """The metrics of the node and its known peers, as Prometheus reads them."""
        text, content_type = await metrics().scrape(request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": content_type})

    @router.get("/livez")
    async def live() -> HealthShape:
        """Answers as long as the node's loop runs."""
        return HealthShape()

    @router.get("/readyz")
    async def ready() -> HealthShape:
        """Whether the node can do its work; else 503 and why not."""
        trouble = node.unready()
        if trouble:
            raise NotReady(trouble)
        return HealthShape()

    @router.get("/healthz")
    async def health() -> HealthShape:
        """Answers as long as the node's loop runs."""
        return HealthShape()

    return router
