"""The web API put together.

In: the node, as NodeApi. Out: an ASGI app for `WebServer`, or for tests without a socket.
"""

from __future__ import annotations

from fastapi import FastAPI
from shimlet import __version__

from shimlet_host.model import NodeApi
from shimlet_host.web.access import Access
from shimlet_host.web.callers import Callers
from shimlet_host.web.docs_page import install_docs
from shimlet_host.web.document import DESCRIPTION, TAGS, install_document, operation_id
from shimlet_host.web.errors import install_error_model
from shimlet_host.web.limits import BoundedBody, FaultBoundary, HeadAsGet
from shimlet_host.web.routes import (
    autopeering_routes,
    manual_peering_routes,
    message_routes,
    node_routes,
)


def create_app(node: NodeApi, access: Access | None = None) -> FastAPI:
    """The app of one node; without `access` it is one that listens on loopback alone."""
    access = access or Access()
    app = FastAPI(
        title="Shimlet",
        version=__version__,
        description=DESCRIPTION,
        openapi_tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        generate_unique_id_function=operation_id,
        redirect_slashes=False,
        docs_url=None,  # those of FastAPI load their script from elsewhere
        redoc_url=None,
    )
    install_error_model(app)
    install_document(app, access)
    install_docs(app)
    for routes in (manual_peering_routes, autopeering_routes, message_routes, node_routes):
        app.include_router(routes(node))
    # The one added last is the outermost.
    app.add_middleware(HeadAsGet)
    app.add_middleware(BoundedBody)
    app.add_middleware(Callers, access=access)
    app.add_middleware(FaultBoundary)
    return app
