"""Where in a JSON text something stands: the first mistake, or a key.

MicroPython's json tells neither, and takes texts that end too early. In goes the text as bytes,
out come lines and columns, counted from 1. Called by config.py, and dropped with it.
"""

from shimlet.wire import const

_MAX_DEPTH = const(8)  # of brackets; deeper nesting only costs stack
_SPACE = b" \t\r\n"
_ENDS = b" \t\r\n,:]}"  # what a number or a word cannot hold


def mistake(text: bytes) -> str:
    """The first mistake, as "line 2, column 7: a comma or } is missing"; "" for none."""
    walk = _Walk(text, "")
    try:
        walk.document()
    except ValueError as error:
        line = _line(text, walk.at)
        start = text.rfind(b"\n", 0, walk.at) + 1
        column = sum(1 for byte in text[start : walk.at] if byte & 0xC0 != 0x80) + 1
        return f"line {line}, column {column}: {error}"
    return ""


def line_of(text: bytes, key: str) -> int:
    """The line of "gossip.relay" or "knownPeers[2]" in a text without mistakes; 0: not there."""
    walk = _Walk(text, key)
    walk.document()
    return _line(text, walk.found) if walk.found >= 0 else 0


def _line(text: bytes, at: int) -> int:
    return text.count(b"\n", 0, at) + 1


class _Walk:
    """Goes through the text by the grammar; ValueError says what is expected at `at`."""

    def __init__(self, text: bytes, wanted: str) -> None:
        self.text = text
        self.at = 0
        self.wanted = wanted
        self.found = -1  # where the last one of that name stands: it is the one that counts

    def document(self) -> None:
        """All of it: one value."""
        self._value("", 0)
        if self._next():
            raise ValueError("the text should end here")

    def _next(self) -> bytes:
        """The next character that is no space; b"" at the end."""
        text, at = self.text, self.at
        while at < len(text) and text[at] in _SPACE:
            at += 1
        self.at = at
        return text[at : at + 1]

    def _take(self, character: bytes) -> bool:
        """Pass over this character, if it is the next one."""
        if self._next() != character:
            return False
        self.at += 1
        return True

    def _value(self, name: str, depth: int) -> None:
        character = self._next()
        if depth > _MAX_DEPTH:
            raise ValueError("this is nested too deep")
        if character == b"{":
            self._object(name, depth + 1)
        elif character == b"[":
            self._list(name, depth + 1)
        elif character == b'"':
            self._string()
        else:
            self._word()

    def _object(self, name: str, depth: int) -> None:
        self.at += 1
        if self._take(b"}"):
            return
        while True:
            if self._next() != b'"':
                raise ValueError("a key in quotes is missing")
            place = self.at
            key = f"{name}.{self._string()}" if name else self._string()
            if key == self.wanted:
                self.found = place
            if not self._take(b":"):
                raise ValueError("a colon is missing")
            self._value(key, depth)
            if self._take(b"}"):
                return
            if not self._take(b","):
                raise ValueError("a comma or } is missing")

    def _list(self, name: str, depth: int) -> None:
        self.at += 1
        index = 0
        if self._take(b"]"):
            return
        while True:
            self._next()
            if self.wanted == f"{name}[{index}]":
                self.found = self.at
            self._value(f"{name}[{index}]", depth)
            index += 1
            if self._take(b"]"):
                return
            if not self._take(b","):
                raise ValueError("a comma or ] is missing")

    def _string(self) -> str:
        """Pass over a string; its text, with escapes as they stand."""
        text = self.text
        start = end = self.at + 1
        while text[end : end + 1] != b'"':
            if end >= len(text) or text[end] < 32:
                raise ValueError("the quote that ends this text is missing")
            end += 2 if text[end] == 92 else 1  # after a backslash a quote is part of the text
        try:
            content = str(text[start:end], "utf-8")
        except ValueError:
            raise ValueError("this text is not UTF-8")
        self.at = end + 1
        return content

    def _word(self) -> None:
        """Pass over a number, true, false or null."""
        end = self.at
        while end < len(self.text) and self.text[end] not in _ENDS:
            end += 1
        word = self.text[self.at : end]
        if word not in (b"true", b"false", b"null") and not _is_number(word):
            raise ValueError("a value is missing, or its quotes")
        self.at = end


def _is_number(word: bytes) -> bool:
    for byte in word:
        if byte not in b"+-.0123456789Ee":
            return False
    try:
        float(word)
    except ValueError:
        return False
    return True
