"""The web API of a full node: `create_app` for the routes, `WebServer` to serve them."""

from shimlet_host.web.access import Access, access_of
from shimlet_host.web.app import create_app
from shimlet_host.web.serving import WebServer

__all__ = ["Access", "WebServer", "access_of", "create_app"]
