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
from array import array
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

SIOCGIFCONF, SIOCGIFNETMASK = 0x8912, 0x891B
MAX_ADDRESSES = 1024
IPV6 = Path("/proc/net/if_inet6")


def interface_addresses() -> list[str]:
    """All that are up, in the kernel's order, IPv4 first; [] where it cannot be asked."""
    return [*_ipv4(), *_ipv6()]


def _ipv4() -> Iterator[str]:
    """All addresses of all interfaces, second ones included."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        for entry in _entries(asker):
            with suppress(OSError):  # it is gone already
                mask = fcntl.ioctl(asker, SIOCGIFNETMASK, entry)
                address, netmask = (socket.inet_ntoa(each[20:24]) for each in (entry, mask))
                yield ipaddress.ip_interface(f"{address}/{netmask}").with_prefixlen


def _entries(asker: socket.socket) -> list[bytes]:
    """The kernel's records, each with the name of an interface and an address of it."""
    size = 40 if struct.calcsize("P") == 8 else 32
    records = array("B", bytes(size * MAX_ADDRESSES))
    place, length = records.buffer_info()
    answer = fcntl.ioctl(asker, SIOCGIFCONF, struct.pack("iP", length, place))
    (used, _) = struct.unpack("iP", answer)
    content = records.tobytes()
    return [content[at : at + size] for at in range(0, used, size)]


def _ipv6() -> Iterator[str]:
    """All but link-local ones, which nobody can dial without naming an interface."""
    with suppress(OSError):
        for line in IPV6.read_text().splitlines():
            digits, _, prefix, *_ = line.split()
            each = ipaddress.ip_interface((bytes.fromhex(digits), int(prefix, 16)))
            if not each.ip.is_link_local:
                yield each.with_prefixlen
