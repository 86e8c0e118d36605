"""The addresses that this machine has in its networks.

In: nothing. Out: "ip/prefix" texts, as "192.0.2.7/24", of the interfaces that are up. Asked of the
kernel by the calls that every Linux has; elsewhere there is nothing to tell. Called by node.py, so
that whoever pairs with the node knows where it can be reached.
"""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

SIOCGIFADDR, SIOCGIFNETMASK = 0x8915, 0x891B
IPV6 = Path("/proc/net/if_inet6")


def interface_addresses() -> list[str]:
    """All that are up, in the kernel's order, IPv4 first; [] where it cannot be asked."""
    return [*_ipv4(), *_ipv6()]


def _ipv4() -> Iterator[str]:
    """The first address of each interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        for _, name in socket.if_nameindex():
            with suppress(OSError):  # one without an address
                address, mask = (_ask(asker, name, what) for what in (SIOCGIFADDR, SIOCGIFNETMASK))
                yield ipaddress.ip_interface(f"{address}/{mask}").with_prefixlen


def _ask(asker: socket.socket, name: str, what: int) -> str:
    answer = fcntl.ioctl(asker, what, struct.pack("256s", name.encode()[:15]))
    return socket.inet_ntoa(answer[20:24])


def _ipv6() -> Iterator[str]:
    """All but link-local ones, which nobody can dial without naming an interface."""
    with suppress(OSError):
        for line in IPV6.read_text().splitlines():
            digits, _, prefix, *_ = line.split()
            each = ipaddress.ip_interface((bytes.fromhex(digits), int(prefix, 16)))
            if not each.ip.is_link_local:
                yield each.with_prefixlen
