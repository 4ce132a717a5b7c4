"""Bodies to records and answers to bytes: what is read, what is refused, and where the fault is."""

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from object2vec.inference.instances import Query
from object2vec_container.serving import wire
from object2vec_container.serving.content_types import JSON, JSON_LINES, RequestForm
from object2vec_container.serving.http_errors import (
    BadRequestFault,
    TooLargeFault,
    UnsupportedTypeFault,
)
from object2vec_container.serving.wire import is_json_lines, read_records, unpack, write_answer

LINES = JSON_LINES[0]
BOM = b"\xef\xbb\xbf"
LIMIT = 1000


def lines_of(body: bytes) -> list[object]:
    return [record for piece in read_records(body, True) for record in piece]


def fault_of(body: bytes, is_lines: bool) -> BadRequestFault:
    with pytest.raises(BadRequestFault) as caught:
        list(read_records(body, is_lines))
    return caught.value


def query_of(side: int | None, *records: int) -> Query:
    return Query(side, np.array(records, dtype=np.int64), ())


def floats(*rows: list[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


@pytest.mark.parametrize("encoding", [None, "", "identity", " Identity "])
def test_a_body_as_it_is_stays_as_it_is(encoding: str | None) -> None:
    body = b"x" * 2 * LIMIT
    assert unpack(body, encoding, LIMIT) is body


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", " GZip "])
def test_a_packed_body_is_unpacked_up_to_the_limit(encoding: str) -> None:
    for size in (1, LIMIT):
        assert unpack(gzip.compress(b"x" * size), encoding, LIMIT) == b"x" * size
    with pytest.raises(TooLargeFault, match=f"unpacks to more than the limit of {LIMIT} bytes"):
        unpack(gzip.compress(b"x" * (LIMIT + 1)), encoding, LIMIT)


def test_a_packed_body_may_have_several_members() -> None:
    body = gzip.compress(b"one") + gzip.compress(b"") + gzip.compress(b"two") + b"\0\0"
    assert unpack(body, "gzip", LIMIT) == b"onetwo"
    many = gzip.compress(b"x" * LIMIT) + gzip.compress(b"x")
    with pytest.raises(TooLargeFault):
        unpack(many, "gzip", LIMIT)


def test_a_small_body_that_would_fill_memory_is_given_up_at_the_limit() -> None:
    bomb = gzip.compress(bytes(64 * 2**20))
    limit = 2**16
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeFault):
            unpack(bomb, "gzip", limit)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(b"x" * 500)[:-1],
        gzip.compress(b"x" * 500)[:15],
        gzip.compress(b"x" * 500)[:-8] + b"\0" * 8,
        gzip.compress(b"x") + b"rest",
        b'{"instances": []}',
        zlib.compress(b"x" * 500),
        b"\x1f\x8b",
    ],
    ids=["cut", "cut short", "checksum", "rest", "plain", "deflate", "head"],
)
def test_what_is_no_whole_gzip_stream_is_the_client_s_fault(body: bytes) -> None:
    with pytest.raises(BadRequestFault, match="no whole gzip stream"):
        unpack(body, "gzip", LIMIT)


@pytest.mark.parametrize("encoding", ["deflate", "br", "gzip, gzip"])
def test_another_encoding_is_refused_with_those_that_are_read(encoding: str) -> None:
    with pytest.raises(UnsupportedTypeFault, match="as gzip") as caught:
        unpack(b"x", encoding, LIMIT)
    assert caught.value.headers == {"Accept-Encoding": "gzip, identity"}


def test_what_is_too_large_is_told_with_its_size_and_the_variable() -> None:
    assert wire.say_too_large("has", 7, 5) == (
        "The body has 7 bytes, more than the limit of 5 bytes. Send fewer records a request, "
        "or raise SAGEMAKER_MAX_PAYLOAD_IN_MB."
    )


@pytest.mark.parametrize(
    ("body", "is_lines"),
    [
        (b'{"instances": []}', False),
        (BOM + b'{\n "instances": [\n {"in0": [1]}\n]}\n', False),
        (b'{"in0": [1]}', True),
        (BOM + b'{"in0": [1]}\n{"in0": [1]}', True),
        (b'{"instances": []}\n{"instances": []}', False),
        (b'[{"in0": [1]}]', True),
        (b"", True),
        (b"nonsense", True),
    ],
)
def test_a_form_that_is_not_named_is_told_from_the_body(body: bytes, is_lines: bool) -> None:
    assert is_json_lines(body, RequestForm(None)) is is_lines
    assert is_json_lines(body, RequestForm(JSON)) is False
    for name in JSON_LINES:
        assert is_json_lines(body, RequestForm(name)) is True


def test_a_document_s_instances_are_its_records() -> None:
    body = b' {"signature": 1, "instances": [{"in0": [1]}, null, 3]}\r\n'
    for text in (body, BOM + body):
        assert list(read_records(text, False)) == [[{"in0": [1]}, None, 3]]
    assert list(read_records(b'{"instances": []}', False)) == [[]]


def test_a_document_that_stops_fitting_into_pieces_gives_every_record_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire, "_PIECE_BYTES", 50)
    plain = [{"in0": [n]} for n in range(20)]
    # A cut inside of this one is no end of a record, and there are many.
    records = [*plain, {"in0": [99], "more": [{"n": n} for n in range(100)]}, *plain]
    pieces = list(read_records(json.dumps({"instances": records}).encode(), False))
    assert len(pieces) > 2
    assert [record for piece in pieces for record in piece] == records


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "The body is not JSON (Expecting value, column 1)"),
        (b'{"instances": [', "The body is not JSON (Expecting value, column 16)"),
        (b'{"instances": []} {}', "more than one JSON value"),
        (b'{"instances": [NaN]}', "NaN is not JSON"),
        (b'{"instances": ["\xff"]}', "byte 0xff in column 17 is not UTF-8"),
        (b'{"instances": ["\\ud800"]}', "The body is not JSON: "),
        (b"[" * 10**5, "nested too deeply"),
        (b'{"instances": [' + b"9" * 5000 + b"}", "thousands of digits"),
        (b"{'instances': []}", "JSON takes double quotes"),
        (
            b'{"instances": {"in0": [1]}}',
            "'instances': {\"in0\": [1]} is an object, must be a list",
        ),
        (b'{"instances": null}', "'instances': is null, must be a list"),
        (b'{"in0": [1], "in1": [2]}', "no key 'instances' (it has 'in0', 'in1')"),
        (b"{}", "no key 'instances' (it has no key)"),
        (b'[{"in0": [1]}]', 'The body [{"in0": [1]}] is a list, must be an object'),
        (b"3", "The body 3 is an integer, must be an object"),
        (b'{"in0": [1]}\n{"in0": [1]}', "more than one JSON value"),
    ],
)
def test_a_document_of_another_form_is_refused_in_words(body: bytes, words: str) -> None:
    fault = fault_of(body, False)
    assert words in str(fault)
    assert len(str(fault)) < 400
    assert fault.record is None
    assert fault.field == ("instances" if "'instances':" in words else None)


@pytest.mark.parametrize(
    "body",
    [
        b'{"in0":[1]}\n{"in1":[2]}\n',
        b'{"in0":[1]}\n{"in1":[2]}',
        b'{"in0":[1]}\r\n{"in1":[2]}\r\n',
        BOM + b'{"in0":[1]}\n{"in1":[2]}',
        b'\n\n \t\r\n{"in0":[1]}\n\r\n  {"in1":[2]}  \n\n',
    ],
    ids=["whole", "no last end", "carriage returns", "byte order mark", "blank lines"],
)
def test_every_line_is_a_record_and_blank_ones_are_none(body: bytes) -> None:
    assert lines_of(body) == [{"in0": [1]}, {"in1": [2]}]


@pytest.mark.parametrize("body", [b"", BOM, b"\n", b" \r\n\t\n"])
def test_a_body_without_a_filled_line_has_no_record(body: bytes) -> None:
    assert list(read_records(body, True)) == []


def test_line_ends_of_other_alphabets_stand_inside_a_line() -> None:
    record = {"in0": ["a\u2028b\u0085c\u2029d"]}
    body = json.dumps(record, ensure_ascii=False).encode()
    assert lines_of(body + b"\n" + body) == [record, record]


@given(st.lists(st.sampled_from(["7", "[1, 2]", "", "  ", '"' + "x" * 40 + '"']), max_size=40))
def test_pieces_of_any_size_hold_every_record_once_in_order(lines: list[str]) -> None:
    expected = [json.loads(line) for line in lines if line.strip()]
    patch = pytest.MonkeyPatch()
    for piece_bytes in (0, 1, 7, 64):
        patch.setattr(wire, "_PIECE_BYTES", piece_bytes)
        for end in ("", "\n"):
            assert lines_of(("\n".join(lines) + end).encode()) == expected
    patch.undo()


def test_a_body_of_several_mebibytes_comes_in_pieces_and_faults_keep_their_place() -> None:
    record = b'{"in0": [' + b"1, " * 500 + b"2]}"
    count = 3 * 2**20 // len(record)
    lines = [record] * count
    lines[5] = b""
    pieces = list(read_records(b"\n".join(lines), True))
    assert len(pieces) > 2
    assert sum(map(len, pieces)) == count - 1
    lines[-2] = b'{"in0": [1'
    fault = fault_of(b"\n".join(lines), True)
    assert fault.record == count - 3
    assert str(fault).startswith(f"record {count - 3} (line {count - 1}) is not JSON")


def test_the_pieces_before_a_fault_are_given_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_PIECE_BYTES", 1)
    pieces = read_records(b"1\n2\nx\n", True)
    assert [next(pieces), next(pieces)] == [[1], [2]]
    with pytest.raises(BadRequestFault, match=r"record 2 \(line 3\)"):
        list(pieces)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{'in0': [1]}", "JSON takes double quotes"),
        (b'{"in0": [NaN]}', "NaN is not JSON"),
        (b'{"in0": [1]} {"in0": [2]}', "more than one JSON value"),
        (b'{"in0": "\xe9"}', "byte 0xe9 in column 10 is not UTF-8"),
        (b'{"in0": ["\\udc00"]}', "is not JSON: "),
        (b"[" * 10**5, "nested too deeply"),
        (b"x" * 2**21, "is not JSON: "),
    ],
)
def test_a_line_at_fault_is_named_by_record_and_line(line: bytes, words: str) -> None:
    fault = fault_of(b'\n{"in0": [1]}\r\n' + line + b'\n{"in0": [1]}', True)
    assert str(fault).startswith("record 1 (line 3) ")
    assert words in str(fault)
    assert len(str(fault)) < 400
    assert fault.record == 1


def test_an_answer_as_a_document_and_as_lines() -> None:
    answers = [(query_of(None, 0, 1), floats([0.25, 0.75], [1, 0]))]
    assert b"".join(write_answer(answers, 2, JSON)) == (
        b'{"predictions":[{"scores":[0.25,0.75]},{"scores":[1.0,0.0]}]}'
    )
    for name in JSON_LINES:
        assert b"".join(write_answer(answers, 2, name)) == (
            b'{"scores":[0.25,0.75]}\n{"scores":[1.0,0.0]}\n'
        )


def test_an_answer_to_no_record_is_an_empty_list_or_nothing() -> None:
    assert b"".join(write_answer([], 0, JSON)) == b'{"predictions":[]}'
    assert b"".join(write_answer([], 0, LINES)) == b""


def mixed(count: int) -> Iterator[tuple[Query, np.ndarray]]:
    for side, start, width in ((None, 2, 1), (0, 0, 2), (1, 1, 3)):
        records = np.arange(start, count, 3)
        numbers = np.tile(records[:, None], width).astype(np.float32)
        yield Query(side, records, ()), numbers


@pytest.mark.parametrize("count", [3, 1023, 1024, 1025, 2048, 3000])
def test_answers_of_mixed_queries_stand_in_the_request_s_order(count: int) -> None:
    keys = ("embeddings", "embeddings", "scores")
    widths = (2, 3, 1)
    expected = [{keys[i % 3]: [i] * widths[i % 3]} for i in range(count)]
    pieces = list(write_answer(list(mixed(count)), count, JSON))
    assert json.loads(b"".join(pieces)) == {"predictions": expected}
    body = b"".join(write_answer(list(mixed(count)), count, LINES))
    assert body.endswith(b"\n")
    assert [json.loads(line) for line in body[:-1].split(b"\n")] == expected


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_are_the_shortest_text_that_reads_back_as_the_same_float32(
    values: list[float],
) -> None:
    row = np.array(values, dtype=np.float32)
    text = b"".join(write_answer([(query_of(0, 0), row[None])], 1, LINES)).decode()
    written = json.loads(text, parse_float=str)["embeddings"]
    np.testing.assert_array_equal(np.array(written, dtype=np.float32), row)
    for mine, number in zip(written, row, strict=True):
        digits = mine.lower().split("e")[0].replace(".", "").replace("-", "").strip("0")
        shortest = np.format_float_scientific(number, unique=True).split("e")[0]
        assert len(digits) <= len(shortest.replace(".", "").replace("-", "").strip("0"))
