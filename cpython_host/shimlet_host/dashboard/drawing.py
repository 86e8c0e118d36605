"""A chart on the page: the NiceGUI element for `drawing.js`.

In: options of charts.py. Out: an SVG drawing by ECharts. Options travel as one JSON text: NiceGUI
and socket.io would look at each of a thousand numbers several times, on the loop that answers
packets. Used by the cards.
"""

from __future__ import annotations

import json

from nicegui.element import Element
from nicegui.elements.echart import EChart

from shimlet_host.dashboard.charts import Options

_ECHARTS = EChart  # to import it is to offer the browser the ECharts that drawing.js imports


class Drawing(Element, component="drawing.js"):
    """Drawn anew when the options change."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.props["drawing"] = json.dumps(options)

    def draw(self, options: Options) -> None:
        """Draw this from now on."""
        text = json.dumps(options)
        if text != self.props["drawing"]:
            self.props["drawing"] = text
            self.update()
