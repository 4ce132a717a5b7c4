"""Large documents in pieces: the same records as from the whole, or no piece at all."""

import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from object2vec_container.serving.document_pieces import NotInPiecesError, read_pieces
from object2vec_container.serving.http_errors import BadRequestFault
from object2vec_container.serving.wire import read_records

texts = st.text(alphabet='{}[],:"\\ a', max_size=12)
records = st.dictionaries(texts, st.one_of(texts, st.lists(st.integers(0, 9), max_size=4)))


@settings(max_examples=300, deadline=None)
@given(st.lists(records, min_size=1, max_size=12), st.integers(1, 60), st.booleans())
def test_pieces_hold_the_records_of_the_whole_in_order(instances, piece_bytes, is_pretty) -> None:
    body = json.dumps({"instances": instances}, indent=1 if is_pretty else None).encode()
    found = []
    try:
        for piece in read_pieces(body, piece_bytes):
            found += piece
    except NotInPiecesError:
        assert found == instances[: len(found)]
    else:
        assert found == instances


def test_plain_documents_are_read_in_pieces() -> None:
    instances = [{"in0": [number], "in1": [number + 1]} for number in range(100)]
    for body in (
        orjson.dumps({"instances": instances}),
        json.dumps({"instances": instances}, indent=2).encode(),
    ):
        pieces = list(read_pieces(body, 200))
        assert len(pieces) > 5
        assert [record for piece in pieces for record in piece] == instances


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": [{"a": 1}, ]}',
        b'{"instances": [{"a": 1},, {"a": 2}]}',
        b'{"instances": [{"a": 1} {"a": 2}]}',
        b'{"instances": [{"a": 1}, {"a": 2}',
        b'{"instances": [{"a": 1}], "more": 1}',
        b'{"more": 1, "instances": [{"a": 1}]}',
        b'{"instances": [{"a": 1}]} x',
        b'[{"a": 1}]',
    ],
)
def test_another_form_is_left_to_a_look_at_the_whole(body: bytes) -> None:
    with pytest.raises(NotInPiecesError):
        for _ in read_pieces(body, 3):
            pass


def large(tail: bytes) -> bytes:
    record = orjson.dumps({"in0": list(range(100))})
    return b'{"instances": [' + b",".join([record] * 8000) + tail


def test_a_large_document_with_keys_after_its_records_gives_them_all() -> None:
    body = large(b'], "signature": "x"}')
    assert sum(len(piece) for piece in read_records(body, is_lines=False)) == 8000


def test_a_large_document_that_is_no_json_is_refused() -> None:
    with pytest.raises(BadRequestFault, match="is not JSON"):
        list(read_records(large(b",]}"), is_lines=False))


def test_a_large_document_with_two_lists_is_refused_or_its_last_list_counts() -> None:
    body = large(b'], "instances": [{"in0": [1]}]}')
    with pytest.raises(BadRequestFault, match="once"):
        list(read_records(body, is_lines=False))
