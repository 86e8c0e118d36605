"""Where a JSON text has its first mistake, and on which line a key stands."""

import json

from shimlet_light import jsontext

GOOD = (
    b"{}",
    b' [1, -2.5e3, true, false, null, ""]\r\n',
    b'{"a": {"b": [[], {}]}, "c": "\\"x\\\\"}',
    b'"text"',
    b'{"\xc3\xa4": "\xe2\x82\xac"}',
)
BROKEN = (
    (b"", "line 1, column 1: a value is missing, or its quotes"),
    (b'{"a": 1,}', "line 1, column 9: a key in quotes is missing"),
    (b'{"a": 1\n "b": 2}', "line 2, column 2: a comma or } is missing"),
    (b"[1,\r\n2\r\n", "line 3, column 1: a comma or ] is missing"),
    (b"[1 2]", "line 1, column 4: a comma or ] is missing"),
    (b'{"a" 1}', "line 1, column 6: a colon is missing"),
    (b"{a: 1}", "line 1, column 2: a key in quotes is missing"),
    (b'{"a": "x\n"}', "line 1, column 7: the quote that ends this text is missing"),
    (b'{"a": "x\\"}', "line 1, column 7: the quote that ends this text is missing"),
    (b'{"\xc3\xa4": x}', "line 1, column 7: a value is missing, or its quotes"),
    (b'{"a": tru}', "line 1, column 7: a value is missing, or its quotes"),
    (b"[1e]", "line 1, column 2: a value is missing, or its quotes"),
    (b"{} x", "line 1, column 4: the text should end here"),
    (b'["\xff"]', "line 1, column 2: this text is not UTF-8"),
    (b"\xff\xfe{}", "line 1, column 1: a value is missing, or its quotes"),
    (b"[" * 3000, "line 1, column 10: this is nested too deep"),
)


def test_texts_without_a_mistake_have_none():
    for text in GOOD:
        assert jsontext.mistake(text) == "", text
        json.loads(text)


def test_the_first_mistake_is_told_with_its_place():
    for text, said in BROKEN:
        assert jsontext.mistake(text) == said, (text[:40], jsontext.mistake(text))


def test_a_text_that_is_cut_anywhere_has_a_mistake():
    text = b'{"a": [1, {"b": "c\\n"}], "d": {"e": true}}'
    for length in range(len(text)):
        assert jsontext.mistake(text[:length]), text[:length]


def test_keys_and_items_are_found_by_their_names():
    text = b'{\n"a": {"b": 1,\n"c": [1,\n2,\n{"d": 3}]},\n"c": 0,\n"c": 1}'
    lines = {"a": 2, "a.b": 2, "a.c": 3, "a.c[1]": 4, "a.c[2].d": 5, "c": 7, "d": 0, "a.c[3]": 0}
    for key, line in lines.items():
        assert jsontext.line_of(text, key) == line, key
