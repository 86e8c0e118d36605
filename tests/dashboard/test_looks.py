"""How the page looks to people: what is written can be read, nothing sticks out on any screen, and
what is not there yet is said in a sentence.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from dashboard.browser import DESKTOP, Browser
from dashboard.friends import LARGE, MIDDLE, SMALL, forget_all, key_of
from host.auto_nodes import AutoProcess
from host.processes import NodeProcess, running

CONTRAST = 4.5  # of text and its ground, as the W3C's guidelines on accessibility ask for (AA)
WIDTHS = (360, 390, 760, 761, 800, 1000, 1001, 1280)
LONG_NAME = "a very long name of a peer in the attic of the old mill by the ri"[:64]
LONG_ADDRESS = "gossip.of-some-department.of-a-large-organisation.example.invalid:14666"

# Texts whose colour is too near to that of the ground below them.
PALE = """
function rgba(text) {
  const found = text.match(/[\\d.]+/g).map(Number);
  return found.length < 4 ? [...found, 1] : found;
}
function over(top, low) {
  return [0, 1, 2].map(i => top[i] * top[3] + low[i] * (1 - top[3])).concat(1);
}
function light(colour) {
  const [r, g, b] = colour.slice(0, 3).map(v => v / 255).map(
    v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
}
function ground(e) {
  const below = e.parentElement ? ground(e.parentElement) : [255, 255, 255, 1];
  return over(rgba(getComputedStyle(e).backgroundColor), below);
}
function words(e) {
  return [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.data.trim()).join("");
}
const found = [];
for (const e of document.querySelectorAll(arguments[1])) {
  if (!words(e) || !e.checkVisibility() || e.matches("svg *, .material-icons")) continue;
  const below = ground(e), ink = over(rgba(getComputedStyle(e).color), below);
  const [low, high] = [light(ink), light(below)].sort((a, b) => a - b);
  if ((high + .05) / (low + .05) < arguments[0]) found.push([words(e), ink.join(), below.join()]);
}
return found;
"""
# Figures, values and names that are wider than the place they have.
CUT = """
const places = ".fact .value, .fact .label, .facts-list .value, .title, .meta, .chip";
return [...document.querySelectorAll(places)].filter(e => e.checkVisibility())
  .filter(e => e.clientWidth && e.scrollWidth > e.clientWidth + 1).map(e => e.innerText);
"""
DRAWN = """
return [...document.querySelectorAll(".graph, .rates, .spark")]
  .every(chart => chart.querySelector("svg")?.clientWidth === chart.clientWidth);
"""
STICKING_OUT = """
return [...document.querySelectorAll("main *, header *")]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.className);
"""


@pytest.fixture
def listed(page: Browser, node: AutoProcess) -> Browser:
    """The page with peers of long names and addresses, one of them disabled."""
    addresses = {SMALL: LONG_ADDRESS, LARGE: "[2001:db8:1234:5678:9abc:def0:1234:5678]:14666"}
    entries = [{"publicKey": key_of(s), "address": where} for s, where in addresses.items()]
    marks = [{"publicKey": key_of(s), "alias": f"{LONG_NAME[:62]} {s[0]}"} for s in addresses]
    marks[0]["enabled"] = False  # type: ignore[assignment]
    assert node.ask("POST", "/manualpeering/peers", entries)[0] == 204
    assert node.ask("PATCH", "/manualpeering/peers", marks)[0] == 204
    page.await_text(".peers .title", LONG_NAME[:62])
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_written_stands_out_from_its_ground(
    listed: Browser, node: AutoProcess, scheme: str
) -> None:
    listed.prefer(scheme)
    try:
        listed.await_one(f".body--{scheme}")
        page = (PALE, CONTRAST, "header *, main *")
        listed.until(lambda: listed.run(*page) == [], "some text is pale")  # colours fade
        listed.type(".one-string-input input", "hello")
        listed.click(".add .go")
        listed.await_text(".q-notification", "A node is written KEY@HOST:PORT")
        assert listed.run(PALE, CONTRAST, ".q-notification *") == []
    finally:
        listed.prefer("light")
        forget_all(node)


def test_nothing_is_cut_off_or_sticks_out_on_any_screen(
    listed: Browser, node: AutoProcess
) -> None:
    try:
        for width in WIDTHS:
            listed.resize(width, 800, phone=width < 500)
            listed.until(lambda width=width: listed.run("return innerWidth") == width, "no size")
            listed.until(lambda: listed.run(DRAWN), "a chart keeps its old size")
            assert (listed.run(CUT), listed.run(STICKING_OUT)) == ([], []), width
            assert listed.run("return document.documentElement.scrollWidth") == width
    finally:
        listed.resize(*DESKTOP)
        forget_all(node)


def test_on_a_narrow_screen_who_the_node_is_stands_above_what_was_said(page: Browser) -> None:
    tops = "return ['Known peers', 'This node', 'Messages'].map(name =>"
    tops += " document.querySelector(`[aria-label='${name}']`).getBoundingClientRect().top)"
    for width in (390, 800):
        page.resize(width, 800, phone=width < 500)
        page.until(lambda: page.run(tops) == sorted(page.run(tops)), "another order")
    page.resize(*DESKTOP)


def test_a_neighborhood_of_nobody_is_told_and_not_drawn(page: Browser) -> None:
    hint = page.await_one("[aria-label=Neighborhood] .hint")
    assert "are drawn here" in hint.text
    assert not page.run("return document.querySelector('.graph').checkVisibility()")


def test_a_page_whose_node_is_gone_does_not_go_on_saying_that_it_is_ready(
    chrome: Browser, tmp_path: Path
) -> None:
    gone = NodeProcess(tmp_path, {"node.seed": f"base64:{_base64(MIDDLE)}"})
    with running(gone):
        chrome.open(f"{gone.url}/dashboard/")
        chrome.await_text(".node-state", "ready")
    shown = "return getComputedStyle(document.querySelector('.node-state')).visibility"
    chrome.until(lambda: chrome.run(shown) == "hidden", "it says that the node is ready")
    chrome.await_text("#popup", "Connection lost")
    chrome.forget()


def _base64(seed: bytes) -> str:
    import base64

    return base64.b64encode(seed).decode()
