"""Bodies that nobody should send, made by code: texts that are no JSON, no records, or too much."""

from collections.abc import Iterator

GOOD = b'{"instances": [{"in0": [1, 2], "in1": [3]}]}'
LIMIT = 6 * 2**20

_LINES = b'{"in0": [1, 2], "in1": [3]}\n{"in1": [4]}\n'
_VALUES = [
    *("null", "true", "false", "0", "-1", "1.5", "12", "1e999", "NaN", "-Infinity", "0x1", "+1"),
    *(".5", "01", "'1'", "undefined", '""', '"x"', '"\\ud800"', '"\\u0000"', "[]", "{}", "[[]]"),
    *("[{}]", "[null]", '{"a":1}', "[[[1]]]", "[true]", '["1"]', "[1.0]", "[-1]"),
]
_PLACES = {
    "document": "%s",
    "instances": '{"instances": %s}',
    "record": '{"instances": [{"in0": [1]}, %s]}',
    "in0": '{"instances": [{"in0": %s}]}',
    "in1": '{"instances": [{"in0": [1], "in1": %s}]}',
    "id": '{"instances": [{"in0": [1, %s]}]}',
    "other": '{"instances": [{"in0": [1], "label": %s}], "more": %s}',
}
_NUMBERS = [
    *(str(sign * 2**power) for power in (31, 32, 63, 64) for sign in (1, -1)),
    *(str(2**power - 1) for power in (31, 32, 63, 64)),
    *("-0", "-0.0", "1e0", "1E+2", "1e308", "-1e309", "1e-400", "1e999999999999", "0.1e1", "11.0"),
    *("9" * digits for digits in (20, 400, 4301, 100_000)),
    *("12", "-12", "1" + "0" * 30 + ".5", "0" * 50 + "1"),
]
_DEPTHS = (10, 100, 500, 900, 990, 1000, 1020, 1030, 2000, 10_000, 100_000, 1_000_000)


def bodies() -> Iterator[tuple[str, bytes]]:
    """Yield bodies and what is hostile about each."""
    for cut in range(len(GOOD)):
        yield f"cut at {cut}", GOOD[:cut]
    for cut in range(1, len(_LINES), 2):
        yield f"lines cut at {cut}", _LINES[:cut]
    for place, template in _PLACES.items():
        for value in _VALUES:
            yield f"{value} as {place}", template.replace("%s", value).encode()
    for number in _NUMBERS:
        yield f"number {number[:20]}", (_PLACES["id"] % number).encode()
    for depth in _DEPTHS:
        for place, template in _PLACES.items():
            lists = "[" * depth + "]" * depth
            yield f"{depth} lists as {place}", template.replace("%s", lists).encode()
        objects = '{"in0":' * depth + "[1]" + "}" * depth
        yield f"{depth} objects", (_PLACES["record"] % objects).encode()
        yield f"{depth} open lists", b"[" * depth
        yield f"{depth} open objects", b'{"instances":' * depth
    yield from _texts()
    yield from _large()


def _texts() -> Iterator[tuple[str, bytes]]:
    text = '{"instances": [{"in0": [1], "é€": "ü😀"}]}'
    for codec in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "utf-7", "cp037"):
        yield codec, GOOD.decode().encode(codec)
        yield f"{codec} beyond ASCII", text.encode(codec, "replace")
    for name, piece in {
        "latin-1": b"\xe9",
        "a surrogate in UTF-8": b"\xed\xa0\x80",
        "an overlong NUL": b"\xc0\x80",
        "half a character": b"\xe2\x82",
        "beyond Unicode": b"\xf7\xbf\xbf\xbf",
        "bytes 254 and 255": b"\xfe\xff",
        "NUL": b"\0",
        "a raw line feed": b"\n",
        "escape sequences for terminals": b"\x1b]0;x\x07",
        "a half escape": b"\\u12",
        "a high surrogate": b"\\ud83d",
        "a low surrogate": b"\\ude00",
        "an unknown escape": b"\\x41",
    }.items():
        yield f"{name} in an id", b'{"instances": [{"in0": ["' + piece + b'"]}]}'
        yield f"{name} in a key", b'{"' + piece + b'": 1, "instances": [{"' + piece + b'": [1]}]}'
        yield f"{name} before", piece + GOOD
        yield f"{name} after", GOOD + piece
    for name, body in {
        "instances twice": b'{"instances": [{"in0": [1]}], "instances": 5}',
        "in0 twice": b'{"instances": [{"in0": [1], "in0": "x"}]}',
        "two documents": GOOD + GOOD,
        "a comment": b"/* */" + GOOD,
        "commas": b'{"instances": [{"in0": [1,,2]},]}',
        "single quotes": GOOD.replace(b'"', b"'"),
        "a prototype": b'{"instances": [{"in0": [1], "__proto__": {"in1": [2]}}]}',
        "XML": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
        "a pickle": b"\x80\x04\x95\x00\x00\x00\x00cposix\nsystem\n",
        "a form": b"instances=%5B%5D&in0=1",
        "CSV": b"1,2,3\n4,5,6\n",
        "an entry in a log": b'{"instances": "\\r\\n[01/01/2026] request status=200"}',
        "two byte order marks": b"\xef\xbb\xbf\xef\xbb\xbf" + GOOD,
        "a byte order mark alone": b"\xef\xbb\xbf",
        "a blank": b" ",
        "line feeds": b"\n\r\n\n",
        "no record": b'{"instances": []}',
        "empty sides": b'{"instances": [{"in0": [], "in1": []}]}',
        "carriage returns for lines": _LINES.replace(b"\n", b"\r"),
    }.items():
        yield name, body


def _large() -> Iterator[tuple[str, bytes]]:
    ids = b",".join([b"1"] * 1_000_000)
    yield "a million ids", b'{"instances": [{"in0": [' + ids + b"]}]}"
    yield "a million bad ids", b'{"instances": [{"in0": [' + ids + b",-1]}]}"
    yield "a million numbers", b"[" + ids + b"]"
    yield "a million numbers as instances", b'{"instances": [' + ids + b"]}"
    records = b",".join([b'{"in0":[]}'] * 200_000)
    yield "200,000 empty sides", b'{"instances": [' + records + b"]}"
    yield "200,000 records, the last wrong", b'{"instances": [' + records + b",{}]}"
    yield "a million empty records", b'{"instances": [' + b",".join([b"{}"] * 1_000_000) + b"]}"
    yield "a million lines", b"[]\n" * 1_000_000
    yield "a million line feeds", b"\n" * 1_000_000
    keys = b",".join(b'"%d":1' % number for number in range(300_000))
    yield "300,000 keys", b'{"instances": [{"in0": [1],' + keys + b"}]}"
    yield "300,000 keys without instances", b"{" + keys + b"}"
    yield "a key of 5 MB", b'{"' + b"k" * 5_000_000 + b'": 1}'
    yield "a string of 5 MB", b'{"instances": "' + b"\xc3\xa9" * 2_500_000 + b'"}'
    yield "a record of 5 MB", b'{"instances": ["' + b"\\u00e9" * 800_000 + b'"]}'
    yield "5 MB of blanks", b" " * 5_000_000 + GOOD
    yield "5 MB of NUL", b"\0" * 5_000_000
    yield "the largest body", GOOD + b" " * (LIMIT - len(GOOD))
    yield "a byte too much", GOOD + b" " * (LIMIT - len(GOOD) + 1)
