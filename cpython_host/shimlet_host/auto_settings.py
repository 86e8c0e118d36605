"""What the autopeering core is told at the start: parameters, services and our own addresses.

In: the Config, and the ports that were really taken. Out: the core's own types. Called by auto.py.
"""

from __future__ import annotations

import ipaddress
from dataclasses import fields

from shimlet_host.autopeering import Parameters
from shimlet_host.autopeering.messages import Service, Services
from shimlet_host.autopeering.networks import canonical
from shimlet_host.autopeering.peers import GOSSIP, PEERING
from shimlet_host.config import Config
from shimlet_host.interfaces import interface_addresses


def parameters_of(config: Config) -> Parameters:
    """The parameters under their own names, and the three switches that the profile sets."""
    given = config.auto_peering
    names = {field.name for field in fields(Parameters)} & set(type(given).model_fields)
    parameters = {name: getattr(given, name) for name in names}
    if given.entry_node_only:
        parameters["k"] = 0  # it takes no neighbors
    spec = config.profile == "spec"
    return Parameters(
        **parameters, check_salt_chain=spec, check_theta=spec, check_destination=spec
    )


def services_of(config: Config, udp_port: int, gossip_port: int) -> Services:
    """What we offer to others; an entry node offers no gossip."""
    services = {PEERING: Service("udp", udp_port)}
    if not config.auto_peering.entry_node_only:
        services[GOSSIP] = Service("tcp", gossip_port)
    return services


def listened_ips(bound: str) -> list[str]:
    """The IPs under which a socket that is bound to this one is reached."""
    if not ipaddress.ip_address(bound).is_unspecified:
        return [canonical(bound) or bound]
    ips = [text.partition("/")[0] for text in interface_addresses()]
    return [ip for ip in ips if bound == "::" or ":" not in ip]


def external_ip(config: Config) -> str | None:
    """The configured outer IP, None for one that is learnt."""
    configured = config.network.external_address
    return None if configured == "auto" else canonical(configured)
