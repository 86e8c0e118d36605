"""What links and messages do, told to people and to the user's code: the node as a
shimlet.ports.Watcher.

In go events of the core, out come lines on the serial line and in the log. A base of LightNode
(the Watcher itself is not, which would cost heap). Keys are 32 raw bytes.
"""

from shimlet.identity import base58_encode

from shimlet_light import status


class News:
    """Needs what LightNode has: `say`, `log`, `health`, `manual`, `on_message`, `received`."""

    def __init__(self) -> None:
        self._dial_errors: dict[bytes, int] = {}

    def link_up(self, public_key: bytes, outbound: bool, source: str) -> None:
        """See Watcher."""
        self._dial_errors.pop(public_key, None)
        who = "we" if outbound else "they"
        self.say(f"Link up: {short(public_key)} at {source}; {who} dialled")

    def link_down(self, public_key: bytes, reason: int) -> None:
        """See Watcher."""
        self.say(f"Link down: {short(public_key)}: {status.reason_name(reason)}")

    def dial_failed(self, public_key: bytes, address: str, reason: int) -> None:
        """See Watcher. Said once for each reason in a row."""
        listed = public_key in self.manual.known_peers
        if listed and self._dial_errors.get(public_key) != reason:
            self._dial_errors[public_key] = reason
            name = status.reason_name(reason)
            self.say(f"Dial failed: {short(public_key)} at {address}: {name}")

    def refused(self, source: str, claimed_key: bytes, reason: int) -> None:
        """See Watcher. Strangers are only counted: a stranger must not fill the log."""
        if claimed_key in self.manual.known_peers:
            name = status.reason_name(reason)
            self.log.add(f"Refused: {short(claimed_key)} at {source}: {name}")

    def pending(self, public_key: bytes, source: str) -> None:
        """See Watcher."""
        self.say(f"Not listed: {base58_encode(public_key)} called from {source}")

    def message(self, data: bytes, message_id: bytes, public_key: bytes) -> None:
        """See Watcher. A mistake of the user's code must not cost the link."""
        self.received += 1
        if self.on_message is None:
            return
        try:
            self.on_message(data, public_key)
        except Exception as error:
            self.fault(error, "on_message")

    def fault(self, error: Exception, where: str = "fault") -> None:
        """See Watcher."""
        self.log.add_exception(where, error)
        self.health.note(where, error)


def short(public_key: bytes) -> str:
    """The beginning of a key, for lines that people read."""
    return base58_encode(public_key)[:8]
