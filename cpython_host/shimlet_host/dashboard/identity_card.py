"""Who this node is: its one string as text and as QR code, its key and its id.

In: a View. Out: text and a picture. The picture is a data URI of our own. Used by page.py.
"""

from __future__ import annotations

import segno
from nicegui import ui
from shimlet.identity import base58_encode, parse_address

from shimlet_host.dashboard.parts import CopyButton, card, say
from shimlet_host.dashboard.watch import View
from shimlet_host.dashboard.words import short_key
from shimlet_host.description import DescriptionError, Facts, describe
from shimlet_host.model import NodeInfo


class IdentityCard:
    """The QR code beside the facts."""

    def __init__(self) -> None:
        with card("This node"):
            with ui.element("div").classes("identity"):
                self._code = ui.element("img").classes("qr")
                self._code.props["alt"] = "QR code of this node's string"
                with ui.element("div").classes("facts-list"):
                    ui.label("Public key").classes("label")
                    self._key = CopyButton()
                    ui.label("Node id").classes("label")
                    self._id = CopyButton()
                    ui.label("Gossip").classes("label")
                    self._gossip = ui.label().classes("value")
                    ui.label("Autopeering").classes("label")
                    self._auto = ui.label().classes("value")
            self._string = CopyButton("key one-string")
        self._shown = ""

    def show(self, view: View) -> None:
        """The facts as they are now: addresses change."""
        info = view.info
        key, node_id = base58_encode(info.public_key), base58_encode(info.node_id)
        self._key.show(short_key(key), key)
        self._id.show(short_key(node_id), node_id)
        say(self._gossip, info.gossip_address)
        say(self._auto, info.auto_peering.address if info.auto_peering else "off")
        self._show_string(one_string(info))

    def _show_string(self, text: str) -> None:
        if text != self._shown:
            self._shown = text
            self._string.show(text, text)
            self._code.props["src"] = segno.make(text, error="m").svg_data_uri(border=0)
            self._code.update()


def one_string(info: NodeInfo) -> str:
    """The likeliest of the strings that `shimlet id` prints."""
    host, port = parse_address(info.gossip_address)
    key = base58_encode(info.public_key)
    facts = Facts(key, host, port, tuple(info.addresses), tuple(info.interfaces))
    try:
        return describe(facts)[0]
    except DescriptionError:
        return f"{key}@{info.gossip_address}"
