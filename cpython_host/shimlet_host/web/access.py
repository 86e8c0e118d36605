"""Who may do what at the web API, and who proves to be whom.

In: how the API listens and the secrets that let in. Out: verdicts about the path, the method and
the Authorization header of a request. Pure. Used by `callers.py`.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from dataclasses import dataclass

from shimlet_host.config import Config
from shimlet_host.model import ServeError

CHALLENGE = 'Basic realm="Shimlet", charset="UTF-8", Bearer realm="Shimlet"'
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_ALWAYS_OPEN = ("/livez", "/readyz", "/healthz")  # for whoever supervises the node
_CHANGES_BY_GET = "/dashboard"  # its buttons work over a WebSocket of the page


@dataclass(frozen=True, slots=True)
class Access:
    """`token` and `basic` (name and password) are the secrets; with `basic` every request needs
    one of them. `hosts` are the domain names under which the API may be called.
    """

    loopback: bool = True
    token: str = ""
    basic: tuple[str, str] | None = None
    hosts: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Nobody shall serve the world without a secret."""
        if not self.loopback and not self.token:
            raise ServeError(
                "The web API does not listen beyond loopback without a token. Set"
                " webapi.bindAddress to 127.0.0.1:8080."
            )

    def needed(self, method: str, path: str) -> bool:
        """Whether a request must prove who it is; the method of a WebSocket is "", which may
        change things.
        """
        if path in _ALWAYS_OPEN:
            return False
        if self.basic is not None:
            return True
        guarded = path == _CHANGES_BY_GET or path.startswith(f"{_CHANGES_BY_GET}/")
        return not self.loopback and (method not in _SAFE_METHODS or guarded)

    def has_token(self, authorization: str) -> bool:
        """Whether the header brings the token, as nobody can guess it."""
        scheme, _, given = authorization.partition(" ")
        return scheme.lower() == "bearer" and _same(given.strip(), self.token)

    def has_password(self, authorization: str) -> bool:
        """Whether the header brings the name and the password, or the token as a password."""
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            text = base64.b64decode(given.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            return False
        name, _, password = text.partition(":")
        right_name, right_password = self.basic or ("", "")
        known = _same(name, right_name) & _same(password, right_password)
        return (self.basic is not None and known) or _same(password, self.token)

    def takes_host(self, host: str) -> bool:
        """Whether a Host header holds an IP, a name without a dot, which no stranger owns, or a
        name that the operator listed.
        """
        name = _name_of(host)
        if name.lower() in self.hosts or ("." not in name and ":" not in name):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def access_of(config: Config, token: str) -> Access:
    """What the config says."""
    webapi = config.webapi
    host = webapi.bind_address.host
    basic = (webapi.username, webapi.password) if webapi.basic_auth else None
    return Access(_is_loopback(host), token, basic, frozenset({*webapi.hosts, host.lower()}))


def same_site(origin: str | None, host: str | None) -> bool:
    """Whether a browser's page is one of ours; without an Origin it is no page."""
    return origin is None or origin.partition("://")[2] == host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _name_of(host: str) -> str:
    """A Host header without its port."""
    if host.startswith("["):
        return host.rpartition("]")[0].lstrip("[")
    return host.partition(":")[0]


def _same(given: str, right: str) -> bool:
    """In a time that tells nothing; an empty secret fits nobody."""
    return bool(right) and hmac.compare_digest(given.encode(), right.encode())
