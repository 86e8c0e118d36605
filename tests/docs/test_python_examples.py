"""The Python of firmware/shimlet_crypto/README.md runs. That of firmware/README.md and of
boards/README.md is run by test_board_journey.py, as it needs a board.
"""

from __future__ import annotations

from typing import Any

from docs.documents import document, documents

PAGE = "firmware/shimlet_crypto/README.md"


def programs(page: str) -> list[str]:
    """The blocks of Python of one document."""
    return [block.text for block in document(page).blocks if block.language == "python"]


def test_no_document_but_those_that_are_tested_has_python() -> None:
    with_python = {page.name for page in documents() if programs(page.name)}
    assert with_python == {PAGE, "firmware/README.md", "boards/README.md"}


def test_the_signatures_are_used_as_the_readme_says() -> None:
    first, second = programs(PAGE)
    names: dict[str, Any] = {}
    exec(first, names)
    seed, key, signature = names["seed"], names["key"], names["signature"]
    assert (len(key), len(signature)) == (32, 64)
    message = bytearray(b"hello") + bytearray(64)
    names.update(out=bytearray(64), at=0, public_key=key, buf=message, start=0, length=5, size=20)
    names.update(key_at=0, signature_at=0)
    lines = second.splitlines()
    for line in lines:
        exec(line, names)
        if "sign_into" in line:
            assert bytes(names["out"]) == signature
    (verified,) = (line.partition("  #")[0] for line in lines if "verify_in" in line)
    assert eval(verified, names) is True and seed == names["seed"]
