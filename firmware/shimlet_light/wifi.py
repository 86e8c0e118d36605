"""Keeps the board on its Wi-Fi, and never gives up: join, watch, see through a lying "connected".

In go the credentials, what the driver says, and what becomes of links and dials; out come an IP
and a name server for the node, or the news that there is no network. Called by running.py, and
only where there is a `network` module.

Drivers say "connected" long after the access point has gone (the Pico W's may never notice). What
tells the truth is traffic. As long as a link is up, the network is believed in; without a link, an
unanswered dial, or half a minute, leads to a knock at the gateway: any answer counts, a refusal
too. Silence means that the interface is switched off and on. Without the credentials of wifi.json
the interface is only watched: then it belongs to the user's own code.
"""

import asyncio
import errno

from shimlet.identity import format_address
from shimlet.reasons import (
    CONNECT_TIMEOUT,
    CONNECTION_LOST,
    NAME_TIMEOUT,
    NO_NAME_SERVER,
    SEND_STUCK,
    SILENT,
    UNREACHABLE,
)
from shimlet.ticks import since
from shimlet.wire import const

from shimlet_light.commands import once
from shimlet_light.wlan import Interface

_POLL_MS = const(500)  # how late the loss of the network may be noticed
_JOIN_MS = const(20_000)  # an access point and its DHCP server may take this long
_FIRST_WORD_MS = const(2000)  # after connect() drivers may still show the last state
_PAUSE_MS = const(1000)  # after a join that failed; doubled for each further one, up to
_LONGEST_PAUSE_MS = const(16_000)  # so a network that is back is found within so long
_JOINS_BEFORE_OFF = const(3)  # joins that fail in a row before the interface is switched off
_SOON_MS = const(2000)  # from an unanswered dial to the knock, for others to be heard
_DOUBT_MS = const(30_000)  # without any link, until the knock; doubled for each restart, up to
_LONGEST_DOUBT_MS = const(480_000)  # as a peer that is down must not cost the network all the time
_KNOCK_MS = const(3000)
_DNS_PORT = 53  # gateways answer there, or refuse, which is as good

NO_CREDENTIALS = "no-credentials"
JOINING = "joining"
CONNECTED = "connected"

_NO_NAMES = (NAME_TIMEOUT, NO_NAME_SERVER)
_NO_ANSWER = (CONNECT_TIMEOUT, UNREACHABLE, SEND_STUCK, SILENT, NAME_TIMEOUT, NO_NAME_SERVER)

# What is done about a network that is not there.
_RESTING = const(0)  # until the pause is over
_SWITCHED_ON = const(1)  # since the last poll
_JOIN = const(2)  # until connected, or the time is over
_UP = const(3)


class Wifi:
    """The supervisor. `load` answers (ssid, password) or None; `state` is one of the words above;
    `error` why the last join failed; `outages` and `restarts`: how often the network was lost, and
    how often switched off for its silence.
    """

    def __init__(self, node, network, load=None) -> None:
        self.node = node
        self.state = NO_CREDENTIALS
        self.error = ""
        self.outages = self.restarts = 0
        self._load = load or _load
        self._network = network
        self._interface = Interface(network)
        self._credentials = self._load(node.settings.note)
        self._addresses = None
        self._step = _SWITCHED_ON
        self._failed = self._fruitless = 0  # joins, and restarts without a link, in a row
        self._answered = False  # the gateway, since there was no link
        self._since = node.net.now()
        self._pause_ms = 0
        self._switch_off = False
        node.net.offline = True

    def changed(self) -> None:
        """The credentials are new: use them now."""
        self._credentials = self._load(self.node.settings.note)
        if self._step == _UP:
            self._down()
        self._failed = 0
        self.error = ""
        self._rest(_PAUSE_MS, False)  # an ESP32 refuses to connect while it still disconnects

    def status(self) -> dict:
        """For the node's status. Neither name nor password of the network is ever shown."""
        return {
            "state": self.state,
            "error": self.error,
            "outages": self.outages,
            "restarts": self.restarts,
            "slowestMs": self._interface.slowest_ms,
            "netmask": self._addresses[1] if self._addresses else "",
        }

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.poll()
            await asyncio.sleep_ms(_POLL_MS)

    async def poll(self) -> None:
        """One look, and at most one step."""
        found = self._interface.found()
        if self._step == _UP and found != self._addresses:
            self._lost()
        elif self._step == _UP:
            await self._watch()
        elif found is not None and (self._step == _JOIN or self._credentials is None):
            self._up(found)
        elif self._credentials is not None:
            self._join_on()

    # Down

    def _join_on(self) -> None:
        self.state = JOINING
        waited_ms = since(self.node.net.now(), self._since)
        if self._step == _RESTING and self._switch_off:
            self._switch_off = False
            self._interface.switch(False)
        elif self._step == _RESTING and waited_ms >= self._pause_ms:
            self._interface.switch(True)
            self._step = _SWITCHED_ON
        elif self._step == _SWITCHED_ON:
            self._interface.join(*self._credentials)
            self._begin(_JOIN)
        elif self._step == _JOIN and (waited_ms >= _JOIN_MS or self._has_ended(waited_ms)):
            self._join_failed()

    def _has_ended(self, waited_ms: int) -> bool:
        """A Pico W's driver, with its numbers of 0 and less, does not try again by itself. An
        ESP32's does.
        """
        status = self._interface.status()
        return waited_ms >= _FIRST_WORD_MS and status is not None and status <= 0

    def _join_failed(self) -> None:
        error = self._interface.word()
        if error != self.error:
            self.error = error
            self.node.say(f"Wi-Fi: {error}; trying again")
        self._failed += 1
        doublings = min(self._failed - 1, 4)
        pause_ms = min(_PAUSE_MS << doublings, _LONGEST_PAUSE_MS)
        self._rest(pause_ms, self._failed % _JOINS_BEFORE_OFF == 0)

    def _rest(self, pause_ms: int, switch_off: bool) -> None:
        """Leave now, perhaps switch it off at the next poll, and go on after the pause."""
        self._interface.leave()
        self._pause_ms = pause_ms
        self._switch_off = switch_off
        self._begin(_RESTING)
        self.state = JOINING if self._credentials is not None else NO_CREDENTIALS

    def _begin(self, step: int) -> None:
        self._step = step
        self._since = self.node.net.now()

    # Up and down

    def _up(self, found: tuple) -> None:
        """There is a network: tell the node, and dial."""
        node = self.node
        self._addresses = found
        self._begin(_UP)
        self.state = CONNECTED
        self.error = ""
        self._failed = 0
        self._answered = False
        dns = "" if found[3] == "0.0.0.0" else format_address(found[3], _DNS_PORT)
        node.use_network(found[0], dns)
        for peer in node.manual.known_peers.values():
            peer.failures = peer.last_error = 0  # what was wrong before says nothing any more
            peer.next_attempt = node.net.now()
        node.say(f"Wi-Fi: connected, our IP is {found[0]}")

    def _down(self) -> None:
        """There is no network: no link of it can live, and no dial."""
        node = self.node
        self._addresses = None
        node.net.offline = True
        node.net.ip = ""
        for connection in list(node.streams.alive):
            connection.close(CONNECTION_LOST)

    def _lost(self) -> None:
        """The driver says so, or the IP is another one. Many drivers connect again by themselves,
        so they get the time of a join before they are told to.
        """
        self.outages += 1
        self.node.say("Wi-Fi: the network is gone")
        self._down()
        self._begin(_JOIN)
        self.state = JOINING if self._credentials is not None else NO_CREDENTIALS

    # Watching

    async def _watch(self) -> None:
        """Believe "connected" as long as there is a link, or when somebody answers."""
        net = self.node.net
        known = self.node.manual.known_peers
        if self.node.streams.links or not known or self._credentials is None:
            self._fruitless = 0
            self._answered = False
            self._since = net.now()
            return
        errors = [peer.last_error for peer in known.values()]
        if since(net.now(), self._since) < self._doubt_ms(errors):
            return
        self._answered = await self._knock()
        if self._answered and not any(error in _NO_NAMES for error in errors):
            self._since = net.now()
        elif self._step == _UP:  # not lost in the meantime
            self._restart()

    def _doubt_ms(self, errors: "list[int]") -> int:
        """How long to believe in a network without a link."""
        if self._answered or self._fruitless:
            return min(_DOUBT_MS << self._fruitless, _LONGEST_DOUBT_MS)
        return _SOON_MS if any(error in _NO_ANSWER for error in errors) else _DOUBT_MS

    def _restart(self) -> None:
        """It says "connected", and nothing comes back: switch it off, and at the next poll on."""
        self.restarts += 1
        self._fruitless = min(self._fruitless + 1, 4)
        self.node.say("Wi-Fi: says connected, but nobody answers; switching it off and on")
        self._down()
        self._rest(_PAUSE_MS, True)

    async def _knock(self) -> bool:
        """Whether the gateway answers at all."""
        net = self.node.net
        stream = None
        try:
            stream = await asyncio.wait_for_ms(
                net.connect(self._addresses[2], _DNS_PORT), _KNOCK_MS
            )
            # Some ports report what became of a connect only to the first write. DNS over TCP
            # takes this for an empty message.
            await asyncio.wait_for_ms(stream.send(b"\0\0"), _KNOCK_MS)
            return True
        except asyncio.TimeoutError:
            return False
        except OSError as error:
            return error.errno in (errno.ECONNREFUSED, errno.ECONNRESET)
        finally:
            if stream is not None:
                await stream.close()


def _load(note) -> "tuple[str, str] | None":
    return once("credentials").load(note)
