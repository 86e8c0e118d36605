"""How the charts look: records as options of ECharts, drawn as SVG.

In: rates, points, spots. Out: options with no markup and no code in them. Colours are those of
page.css, so that light and dark need no second drawing. Hints are drawn, never made as HTML. Pure.
Used by the cards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shimlet_host.dashboard.neighborhood import ONE_RING, Spot
from shimlet_host.dashboard.rates import INTERVAL_S, Rate

Options = dict[str, Any]

_TEXT = {"color": "var(--muted)", "fontSize": 11, "fontFamily": "var(--sans)"}
_WIDTH = 1.35  # of the disc; its height is 1
_LABEL_WIDTH = 124  # pixels: two beside each other fit on a phone
_HEIGHT: dict[bool, Options] = {  # a chart of nothing has a scale, too
    False: {"max": 1, "interval": 0.5},
    True: {"max": None, "interval": None},
}
_SIGNS = {
    "manual": ("circle", 17, "var(--accent)"),
    "board": ("roundRect", 17, "var(--board)"),
    "chosen": ("triangle", 18, "var(--chosen)"),
    "accepted": ("diamond", 20, "var(--accepted)"),
}


def bars(rates: Sequence[Rate]) -> Options:
    """Messages per second over time."""
    return {
        "animation": False,
        "grid": {"left": 34, "right": 6, "top": 10, "bottom": 22},
        "xAxis": {
            "type": "time",
            "axisLabel": {**_TEXT, "hideOverlap": True, "formatter": "{HH}:{mm}"},
            "axisLine": {"lineStyle": {"color": "var(--line)"}},
            "axisTick": {"show": False},
            "splitLine": {"show": False},
        },
        "yAxis": {
            "type": "value",
            "splitNumber": 3,
            **_HEIGHT[any(each.received or each.published for each in rates)],
            "axisLabel": _TEXT,
            "splitLine": {"lineStyle": {"color": "var(--line)"}},
        },
        "series": [
            _bars("received", "var(--accent)", [(each.since, each.received) for each in rates]),
            _bars("published", "var(--muted)", [(each.since, each.published) for each in rates]),
        ],
    }


def _bars(name: str, color: str, values: Sequence[tuple[int, float]]) -> Options:
    middle = INTERVAL_S / 2
    return {
        "type": "bar",
        "name": name,
        "stack": "messages",
        "barWidth": "70%",
        "silent": True,
        "itemStyle": {"color": color},
        "data": [[(since + middle) * 1000, round(value, 2)] for since, value in values],
    }


def spark(points: Sequence[tuple[float, float]]) -> Options:
    """A line without axes, from its lowest to its highest value."""
    return {
        "animation": False,
        "grid": {"left": 2, "right": 4, "top": 4, "bottom": 3},
        "xAxis": {"type": "time", "show": False, "min": "dataMin", "max": "dataMax"},
        "yAxis": {"type": "value", "show": False, "scale": True},
        "series": [
            {
                "type": "line",
                "silent": True,
                "showSymbol": len(points) == 1,
                "symbolSize": 5,
                "lineStyle": {"color": "var(--accent)", "width": 1.6},
                "itemStyle": {"color": "var(--accent)"},
                "areaStyle": {"color": "var(--accent-soft)", "origin": "start"},
                "data": [[when * 1000, value] for when, value in points],
            }
        ],
    }


def graph(spots: Sequence[Spot]) -> Options:
    """This node in the middle, and who is around it."""
    return {
        "animation": False,
        "series": [
            {
                "type": "graph",
                "layout": "none",
                "preserveAspect": True,
                "left": 70,
                "right": 70,
                "top": 34,
                "bottom": 34,
                "silent": True,
                "edgeSymbolSize": [0, 7],
                # Of names that would lie on each other one is shown: the list has them all.
                "labelLayout": {"hideOverlap": len(spots) > ONE_RING},
                "data": [*_corners(), _ourselves(), *map(_spot, spots)],
                "links": [_link(spot) for spot in spots],
            }
        ],
    }


def _at(x: float, y: float) -> Options:
    """A place on the disc, in units so small that ECharts' rounding to half ones is not seen."""
    return {"x": round(_WIDTH * x * 1000), "y": round(y * 1000)}


def _corners() -> list[Options]:
    """They hold the picture's size, however few nodes there are."""
    return [{"id": f"corner {x}", "name": "", **_at(x, x), "symbolSize": 0} for x in (-1, 1)]


def _ourselves() -> Options:
    return {
        "id": "ourselves",
        "name": "this node",
        **_at(0, 0),
        "symbol": "circle",
        "symbolSize": 24,
        "itemStyle": {"color": "var(--ink)"},
    }


def _spot(spot: Spot) -> Options:
    symbol, size, color = _SIGNS[spot.kind]
    style = {"color": color} if spot.linked else {"color": "var(--card)", "borderColor": color}
    return {
        "id": spot.key,
        "name": spot.label,
        **_at(spot.x, spot.y),
        "symbol": symbol,
        "symbolSize": size,
        "itemStyle": {**style, "borderWidth": 0 if spot.linked else 1.5},
        "label": {
            **_TEXT,
            "show": True,
            "position": "top" if spot.y < -0.3 else "bottom",
            "width": _LABEL_WIDTH,
            "overflow": "truncate",
        },
    }


def _link(spot: Spot) -> Options:
    ends = ("ourselves", spot.key) if spot.outbound else (spot.key, "ourselves")
    color = _SIGNS[spot.kind][2] if spot.linked else "var(--muted)"
    kind = "solid" if spot.linked else "dashed"
    return {
        "source": ends[0],
        "target": ends[1],
        "symbol": ["none", "arrow"],
        "lineStyle": {"color": color, "type": kind, "width": 1.3, "opacity": 0.75},
    }
