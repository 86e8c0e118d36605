"""`shimlet peers`: whom a running node knows, and who wants to be known.

In: arguments; a peer is named by its key, by the beginning of it, or by its alias. Out: tables or
sentences, with --json the node's records; exit status 0, 1 with a sentence, or 2.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .common import (
    Api,
    AsJson,
    ConfigFile,
    Token,
    fail,
    in_sentences,
    node_api,
    show_json,
    the_peer,
)

peers = typer.Typer(no_args_is_help=True, help="The known peers of a running node.")

Peer = Annotated[
    str, typer.Argument(metavar="PEER", help="Its key, the beginning of it, or its alias.")
]


@peers.command("list")
def list_peers(
    connected: Annotated[bool, typer.Option("--connected", help="Those with a link.")] = False,
    config: ConfigFile = None,
    api: Api = "",
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Show the known peers and how they stand.

    Example: shimlet peers list --connected
    """
    with in_sentences():
        found = node_api(api, token, config).peers()
    if connected:
        found = [peer for peer in found if peer.get("connectionStatus") == "connected"]
    if as_json:
        show_json(found)
        return
    from . import tables

    tables.show_peers(found)


@peers.command()
def add(
    node: Annotated[str, typer.Argument(metavar="KEY@HOST:PORT", help="As `shimlet id` says it.")],
    alias: Annotated[str, typer.Option(help="A name of your own for it.")] = "",
    config: ConfigFile = None,
    api: Api = "",
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """List a peer by its one string, or give a listed one this address.

    The other side must list this node, too. Example: shimlet peers add KEY@192.0.2.7:14666
    """
    key, address = _parts(node)
    with in_sentences():
        client = node_api(api, token, config)
        client.add_peer(key, address, **({"alias": alias} if alias else {}))
        _tell(client.peers(), key, "is listed", as_json)


@peers.command()
def remove(
    peer: Peer,
    config: ConfigFile = None,
    api: Api = "",
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Forget a peer and close its link.

    Example: shimlet peers remove attic
    """
    with in_sentences():
        client = node_api(api, token, config)
        known = the_peer(client.peers(), peer)
        client.remove_peer(known["publicKey"])
    show_json(known) if as_json else typer.echo(f"{_named(known)} is forgotten.")


@peers.command()
def pending(
    config: ConfigFile = None, api: Api = "", token: Token = "", as_json: AsJson = False
) -> None:
    """Show who called, proved a key, and is not listed.

    Example: shimlet peers pending
    """
    with in_sentences():
        callers = node_api(api, token, config).pending()
    if as_json:
        show_json(callers)
        return
    from . import tables

    tables.show_pending(callers)


@peers.command()
def accept(
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="Of a pending peer, or its beginning.")
    ],
    address: Annotated[
        str, typer.Argument(metavar="[HOST:PORT]", help="Needed where this node has to dial.")
    ] = "",
    config: ConfigFile = None,
    api: Api = "",
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """List a pending peer.

    Example: shimlet peers accept 4zvwRj
    """
    from shimlet.identity import decode_key

    from ..node_string import likely_address

    with in_sentences():
        client = node_api(api, token, config)
        caller = the_peer(client.pending(), key)
        wanted = caller["publicKey"]
        we_dial = decode_key(client.info()["publicKey"]) < decode_key(wanted)
        if we_dial and not address:
            fail(f"This node has to dial {wanted}: write its HOST:PORT behind the key.")
        client.add_peer(wanted, address or likely_address(caller["remoteIP"]))
        _tell(client.peers(), wanted, "is accepted", as_json)


@peers.command()
def rename(
    peer: Peer,
    alias: Annotated[
        str, typer.Argument(metavar="ALIAS", help='A name of your own; "" for none.')
    ],
    config: ConfigFile = None,
    api: Api = "",
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Give a peer a name of your own.

    Example: shimlet peers rename 4zvwRj attic
    """
    _mark(peer, "has a new name", (config, api, token), as_json, alias=alias)


@peers.command()
def disable(
    peer: Peer,
    config: ConfigFile = None,
    api: Api = "",
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Neither dial nor accept a peer until it is enabled; it stays listed.

    Example: shimlet peers disable attic
    """
    _mark(peer, "is disabled", (config, api, token), as_json, enabled=False)


@peers.command()
def enable(
    peer: Peer,
    config: ConfigFile = None,
    api: Api = "",
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Dial or accept a disabled peer again.

    Example: shimlet peers enable attic
    """
    _mark(peer, "is enabled", (config, api, token), as_json, enabled=True)


def _mark(peer: str, done: str, node: tuple[Any, str, str], as_json: bool, **what: object) -> None:
    config, api, token = node
    with in_sentences():
        client = node_api(api, token, config)
        key = the_peer(client.peers(), peer)["publicKey"]
        client.mark_peer(key, **what)
        _tell(client.peers(), key, done, as_json)


def _parts(node: str) -> tuple[str, str]:
    """Key and address of the one string."""
    from shimlet.identity import base58_encode

    from ..node_string import parse_node

    try:
        peer = parse_node(node)
    except ValueError as error:
        raise typer.BadParameter(f"{error}.") from None
    return base58_encode(peer.public_key), peer.address


def _tell(listed: list[dict[str, Any]], key: str, done: str, as_json: bool) -> None:
    """What became of this peer, and what is left to do."""
    peer = next((each for each in listed if each.get("publicKey") == key), {})
    if as_json:
        show_json(peer)
        return
    from .board_tables import plain

    typer.echo(f"{_named({'publicKey': key, **peer})} {done}: {plain(peer.get('state'))}.")
    if peer.get("enabled") is False and done != "is disabled":
        typer.echo(f"It is disabled: shimlet peers enable {key}")


def _named(peer: dict[str, Any]) -> str:
    """Its key, and its alias if it has one."""
    from .board_tables import plain

    alias = f" ({plain(peer['alias'])})" if peer.get("alias") else ""
    return f"{plain(peer['publicKey'])}{alias}"
