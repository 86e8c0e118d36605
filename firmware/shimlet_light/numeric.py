"""Tells numeric IP addresses from names. Called by config.py and net.py."""


def is_ip(host: str) -> bool:
    """Whether `host` is a numeric address; everything with a colon is taken for IPv6."""
    if ":" in host:
        return True
    parts = host.split(".")
    return len(parts) == 4 and all(_is_octet(part) for part in parts)


def _is_octet(part: str) -> bool:
    return 0 < len(part) < 4 and all(c in "0123456789" for c in part) and int(part) < 256
