"""Commands about gossip messages: send one, follow those that come.

In: arguments, or standard input. Out: the id, or a line a message; exit status 0, 1 with a
sentence on stderr, or 2 for wrong arguments.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Annotated, Any

import typer

from .common import Api, AsJson, ConfigFile, Token, fail, in_sentences, node_api, show_json

messages = typer.Typer()


@messages.command()
def publish(
    message: Annotated[
        str, typer.Argument(metavar="TEXT|-", help="The message; - reads bytes from stdin.")
    ],
    config: ConfigFile = None,
    api: Api = "",
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Send a message to all neighbors, and print its id.

    Example: shimlet publish "hello"
    """
    data = (
        sys.stdin.buffer.read() if message == "-" else message.encode("utf-8", "surrogateescape")
    )
    with in_sentences():
        message_id = node_api(api, token, config).publish_bytes(data)
    show_json({"id": message_id}) if as_json else typer.echo(message_id)


@messages.command()
def watch(
    count: Annotated[
        int, typer.Option(min=0, help="End after so many messages; 0: go on until Ctrl-C.")
    ] = 0,
    with_peers: Annotated[
        bool, typer.Option("--peers", help="Changes of peers, too; they do not count.")
    ] = False,
    config: ConfigFile = None,
    api: Api = "",
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Follow the messages that arrive, also our own.

    With --json each is an object on a line. Example: shimlet watch --count 10
    """
    seen = 0
    try:
        with in_sentences():
            for kind, record in node_api(api, token, config).events():
                if kind != "message" and not with_peers and kind != "dropped":
                    continue
                _print_event(kind, record, as_json)
                seen += kind == "message"
                if count and seen >= count:
                    return
    except KeyboardInterrupt:
        raise typer.Exit from None
    fail("The node has ended.")


def _print_event(kind: str, record: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps({"event": kind, **record}), flush=True)
        return
    from .board_tables import plain

    clock = time.strftime("%H:%M:%S", time.localtime(record.get("received")))
    if kind == "message":
        payload = record.get("payload")
        text = plain(payload) if payload is not None else f"base64 {record.get('payloadBase64')}"
        who = plain(record.get("alias") or str(record.get("source"))[:8])
        print(f"{clock} {who:<8} {text}", flush=True)
    elif kind == "peer":
        name = record.get("alias") or str(record.get("publicKey"))[:8]
        print(f"{clock} {plain(name)} is {plain(record.get('state'))}", flush=True)
    elif kind == "neighbor":
        name = plain(record["neighbor"].get("publicKey"))[:8]
        print(f"{clock} {name} is {plain(record.get('change'))} by autopeering", flush=True)
    elif kind == "dropped":
        print(f"{clock} {plain(record.get('dropped'))} events were lost: too slow", flush=True)
