"""A scripted `network` module that lies, and sockets through which only passes what its air lets.

Air is the truth: is the access point there, what passes. PretendNetwork is what a driver makes of
it, in the manner of an ESP32 or of a Pico W. AirNet is the board's net with every byte held up as
long as nothing passes. Imported by tests of the Wi-Fi.
"""

import asyncio

from shimlet_light import net
from shimlet_light.net import BoardNet, BoardStream

NETWORK = ("home", "correct horse")
GATEWAY = "127.0.0.254"  # refuses on each port, as nothing listens there
JOIN_MS = 1500


class Air:
    """What is really there. After a change call settle()."""

    def __init__(self, now):
        self.now = now
        self.access_point = True
        self.accepts = NETWORK
        self.mute = False  # associated, and nothing passes
        self.no_names = False
        self.number = 1  # of the lease
        self.gateway = GATEWAY
        self.answers = True  # the gateway
        self.connect_ms = 0
        self.name_server = "0.0.0.0"
        self.wlan = None
        self._open = asyncio.Event()

    @property
    def ip(self):
        """The board's lease."""
        return "127.0.0.%d" % self.number

    def passes(self):
        """Whether bytes get through now."""
        return self.wlan.associated and self.access_point and not self.mute

    def settle(self):
        """Something changed."""
        self.wlan.look()
        if self.passes():
            self._open.set()
        else:
            self._open.clear()

    async def until_open(self):
        """Wait as long as nothing passes."""
        while not self.passes():
            await self._open.wait()


class PretendNetwork:
    """The module. `pico`: one that stops trying, with that port's numbers; else an ESP32's."""

    STA_IF = 0

    def __init__(self, air, pico=False):
        self.air = air
        self.opened = 0
        numbers = (0, 1, -1, -2, -3, 3) if pico else (1000, 1001, 203, 201, 202, 1010)
        names = ("IDLE", "CONNECTING", "CONNECT_FAIL", "NO_AP_FOUND", "WRONG_PASSWORD", "GOT_IP")
        for name, number in zip(names, numbers):
            setattr(self, "STAT_" + name, number)
        if not pico:
            del self.STAT_CONNECT_FAIL
        air.wlan = PretendWlan(self, air, pico)

    def WLAN(self, interface):
        """There is one station."""
        assert interface == self.STA_IF
        self.opened += 1
        return self.air.wlan


class PretendWlan:
    """The driver. `calls`: the names of the calls that change something."""

    def __init__(self, module, air, pico):
        self.module = module
        self.air = air
        self.pico = pico
        self.calls = []
        self.on = False
        self.blind = False  # does not notice that the access point has gone
        self.raises = False  # connect() raises
        self.slow = None  # called by each call
        self.associated = False  # really
        self.shows = False  # what isconnected() says
        self._asked = None
        self._since = 0
        self._status = module.STAT_IDLE

    def look(self):
        """Do what a driver does by itself."""
        air = self.air
        if self.associated and not air.access_point:
            self.associated = False
            if not self.blind:
                self.shows = False
                self._status = self.module.STAT_IDLE if self.pico else self.module.STAT_CONNECTING
                self._since = air.now()
                self._asked = None if self.pico else self._asked
        if self._asked and self.on and not self.shows and air.now() - self._since >= JOIN_MS:
            self._finish()

    def _finish(self):
        air = self.air
        if not air.access_point:
            self._status = self.module.STAT_NO_AP_FOUND
        elif self._asked != air.accepts:
            self._status = self.module.STAT_WRONG_PASSWORD
        else:
            self._status = self.module.STAT_GOT_IP
            self.associated = self.shows = True
            air.settle()
        if self.pico:
            self._asked = None

    def _called(self, name):
        self.calls.append(name)
        del self.calls[:-20]
        if self.slow:
            self.slow()

    def active(self, on):
        """See network.WLAN."""
        self._called("on" if on else "off")
        if self.on and not on:
            self._drop()
        self.on = on

    def disconnect(self):
        """See network.WLAN."""
        self._called("disconnect")
        if not self.on:
            raise OSError("Wifi Not Started")
        self._drop()

    def _drop(self):
        self.associated = self.shows = False
        self._asked = None
        self._status = self.module.STAT_IDLE
        self.air.settle()

    def connect(self, ssid, password):
        """See network.WLAN. Raises while a connection stands or is under way, as an ESP32's."""
        self._called("connect")
        if self.raises or not self.on or (not self.pico and (self._asked or self.shows)):
            raise OSError("Wifi Internal Error")
        self._asked = (ssid, password)
        self._since = self.air.now()
        self._status = self.module.STAT_CONNECTING

    def isconnected(self):
        """See network.WLAN."""
        self.look()
        return self.shows

    def status(self):
        """See network.WLAN."""
        self.look()
        return self._status

    def ifconfig(self):
        """See network.WLAN."""
        if not self.shows:
            return ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")
        return (self.air.ip, "255.0.0.0", self.air.gateway, self.air.name_server)


class AirStream(BoardStream):
    """A connection through the air, for an AirNet; else a plain one."""

    async def readinto(self, view):
        """See Stream."""
        count = await super().readinto(view)
        await through(self.net)
        return count

    async def send(self, data):
        """See Stream."""
        await through(self.net)
        await super().send(data)


class AirNet(BoardNet):
    """The board's net."""

    def __init__(self, air, dns=""):
        super().__init__(dns)
        self.air = air
        net.BoardStream = AirStream

    def random_byte(self):
        """See Net. The same each time, as the test is."""
        return 100

    async def connect(self, ip, port):
        """See Net."""
        await self.air.until_open()
        await asyncio.sleep_ms(self.air.connect_ms)
        if ip == self.air.gateway and not self.air.answers:
            await asyncio.Event().wait()
        return await super().connect(ip, port)


async def through(of_net):
    """Wait until the air of this net lets bytes pass; other nets have none."""
    air = getattr(of_net, "air", None)
    if air is not None:
        await air.until_open()
