"""The decoder of requests: headers and a body to checked queries, or a fault of status 4xx.

An input is three lines (Content-Type, Content-Encoding, Accept), then the body.
"""

import gzip
import json
from contextlib import suppress
from typing import Any

import numpy as np
import orjson
from tests.fuzz.inputs import AWKWARD
from tests.fuzz.record_target import BASE, VOCABULARY

from object2vec.hyperparameters import Hyperparameters
from object2vec.inference.instances import InstanceError, InstanceRules, Query, merge
from object2vec_container.serving.content_types import (
    JSON,
    JSON_LINES,
    choose_answer,
    read_content_type,
)
from object2vec_container.serving.http_errors import BadRequestFault
from object2vec_container.serving.wire import is_json_lines, read_records, unpack, write_answer

LIMIT = 1 << 20
HYPERPARAMETERS = Hyperparameters.from_strings(BASE | {"_padding_id": "0"})
RULES = tuple(
    InstanceRules.of_model(HYPERPARAMETERS, vocabularies, ignores)
    for vocabularies in ((None, None), (VOCABULARY, None))
    for ignores in (False, True)
)


class RequestTarget:
    """Decodes one request as the server does, and writes an answer to it."""

    def __call__(self, data: bytes) -> None:
        """Decode the request that `data` says."""
        headers, body = _split(data)
        rules = RULES[len(body) % len(RULES)]
        form = read_content_type(headers[0])
        body = unpack(body, headers[1], LIMIT)
        is_lines = is_json_lines(body, form)
        content_type = choose_answer(
            headers[2], form.content_type or (JSON_LINES[0] if is_lines else JSON), None
        )
        records = [record for piece in read_records(body, is_lines) for record in piece]
        if not is_lines:
            # A document that is taken is one of Python's own JSON too, and the same.
            with suppress(RecursionError):
                text = body.removeprefix(b"\xef\xbb\xbf")
                assert len(json.loads(text)["instances"]) == len(records)
        try:
            queries = merge(rules.read(records))
        except InstanceError as error:
            raise BadRequestFault(str(error), record=error.record, field=error.field) from error
        _check(queries, records)
        answers = [(query, np.zeros((len(query.records), 2), np.float32)) for query in queries]
        text = b"".join(write_answer(answers, len(records), content_type))
        if content_type == JSON:
            assert len(orjson.loads(text)["predictions"]) == len(records)
        else:
            assert text.count(b"\n") == len(records)


def _split(data: bytes) -> tuple[list[str | None], bytes]:
    """Return the headers as an HTTP server hands them over, and the body."""
    *lines, body = data.split(b"\n", 3)
    lines += [b""] * (3 - len(lines))
    return [line.decode("latin-1").strip() or None for line in lines], body


def _check(queries: list[Query], records: list[Any]) -> None:
    """Check that every record is asked for once, and that its ids are ids."""
    places = sorted(int(place) for query in queries for place in query.records)
    assert places == list(range(len(records)))
    for query in queries:
        for rows in query.rows:
            assert len(rows) == len(query.records)
            assert not rows.values.size or 0 <= rows.values.min() <= rows.values.max() < 100


def seeds() -> dict[str, bytes]:
    """Return requests to begin with, by a name each."""
    pair = b'{"in0": [10, 7], "in1": [4]}'
    return {
        "document": b"application/json\n\n\n" + b'{"instances": [' + pair + b', {"in1": [1]}]}',
        "lines": b"application/jsonlines\n\n*/*\n" + pair + b'\n\n{"in0": ["cat", 5]}\n',
        "unnamed": b"\n\n\n" + pair,
        "parameters": b'application/jsonlines; infer_max_seqlens="20,10"\nidentity\n'
        b"text/html;q=.5,application/*;q=0.2\n" + pair,
        "mark": b"application/json\n\n\n" + b'\xef\xbb\xbf{"instances":[],"more":[[1e400]]}',
        "packed": b"\ngzip\n\n" + gzip.compress(pair, mtime=0),
    } | {
        f"{where}_{name}": start + value + end
        for where, start, end in (
            ("line", b'application/jsonlines\n\n\n{"in0": [1], "in1": ', b"}"),
            ("record", b'\n\n\n{"instances": [', b"]}"),
            ("document", b"application/json\n\n\n", b""),
        )
        for name, value in AWKWARD.items()
    }
