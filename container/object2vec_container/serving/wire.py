"""Bytes of a request to records, and answers to bytes.

Large bodies are taken apart and put together in pieces: JSON is read and written under Python's
global lock, which nobody should hold for long, and pieces leave memory as they are done.
"""

import contextlib
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from object2vec.data.record_check import RecordFaultError, describe, parse_object
from object2vec.errors import shorten
from object2vec.inference.instances import Query
from object2vec_container.serving.content_types import JSON, JSON_LINES, RequestForm
from object2vec_container.serving.document_pieces import (
    NotInPiecesError,
    begins_as_document,
    read_pieces,
)
from object2vec_container.serving.http_errors import (
    BadRequestFault,
    TooLargeFault,
    UnsupportedTypeFault,
)

# Lines are read in pieces of about so many bytes, and answers written in so many records.
_PIECE_BYTES = 1 << 20
_PIECE_RECORDS = 1024
# A body this large is told of in the parser's own short words.
_EXPLAINED_BYTES = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_EXAMPLE = '{"instances": [{"in0": [10, 7], "in1": [4]}]}'


def unpack(body: bytes, encoding: str | None, limit: int) -> bytes:
    """Return a body without its Content-Encoding.

    Raises:
        UnsupportedTypeFault: The encoding is not read.
        BadRequestFault: The body is not of that encoding.
        TooLargeFault: It unpacks to more than `limit` bytes.
    """
    name = (encoding or "identity").strip().lower()
    if name in ("identity", ""):
        return body
    if name not in ("gzip", "x-gzip"):
        raise UnsupportedTypeFault(
            f"Content encoding {shorten(name)} is not supported; send the body as it is, or as "
            "gzip.",
            headers={"Accept-Encoding": "gzip, identity"},
        )
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as stream:
            unpacked = stream.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BadRequestFault(f"The body is no whole gzip stream: {error}.") from error
    if len(unpacked) > limit:
        raise TooLargeFault(say_too_large("unpacks to", None, limit))
    return unpacked


def say_too_large(verb: str, size: int | None, limit: int) -> str:
    """Return what is told of a body that is larger than the limit."""
    return (
        f"The body {verb} {'more' if size is None else f'{size} bytes, more'} than the limit of "
        f"{limit} bytes. Send fewer records a request, or raise SAGEMAKER_MAX_PAYLOAD_IN_MB."
    )


def is_json_lines(body: bytes, form: RequestForm) -> bool:
    """Return whether a body is to be read as JSON Lines; a missing content type is looked up."""
    if form.content_type is not None:
        return form.content_type != JSON
    body = body.removeprefix(_BYTE_ORDER_MARK)
    if begins_as_document(body):
        return False
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return True
    return not isinstance(document, dict) or "instances" not in document


def read_records(body: bytes, is_lines: bool) -> Iterator[list[Any]]:
    """Yield the records of a body, in order and in pieces.

    Raises:
        BadRequestFault: The body is not of its form; names the record of a line at fault.
    """
    body = body.removeprefix(_BYTE_ORDER_MARK)
    if is_lines:
        yield from _read_lines(body)
    else:
        yield from _read_document(body)


def _read_document(body: bytes) -> Iterator[list[Any]]:
    count = 0
    if len(body) > 2 * _PIECE_BYTES:
        with contextlib.suppress(NotInPiecesError):
            for records in read_pieces(body, _PIECE_BYTES):
                yield records
                count += len(records)
            return
    instances = _read_whole(body)
    if count and body.count(b'"instances"') > 1:
        raise BadRequestFault("The body must have the key 'instances' once.", field="instances")
    yield instances[count:]


def _read_whole(body: bytes) -> list[Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequestFault(f"The body {_explain(body, error)}") from error
    if isinstance(document, dict) and isinstance(document.get("instances"), list):
        instances: list[Any] = document["instances"]
        return instances
    if isinstance(document, dict) and "instances" in document:
        problem = f"'instances': {describe(document['instances'])}, must be a list of records"
        field = "instances"
    elif isinstance(document, dict):
        names = ", ".join(repr(name)[:40] for name in list(document)[:5]) or "no key"
        problem, field = f"The body has no key 'instances' (it has {names})", None
    else:
        problem, field = f"The body {describe(document)}, must be an object", None
    raise BadRequestFault(
        f"{problem}. {JSON} takes the form {_EXAMPLE}; one record a line is {JSON_LINES[0]}.",
        field=field,
    )


def _read_lines(body: bytes) -> Iterator[list[Any]]:
    count = number = start = 0
    while start < len(body):
        end = body.find(b"\n", start + _PIECE_BYTES) + 1 or len(body)
        lines = body[start:end].split(b"\n")
        if end < len(body) or body.endswith(b"\n"):
            lines.pop()
        records: list[Any] = []
        for line in lines:
            number += 1
            if not line or line.isspace():
                continue
            try:
                records.append(orjson.loads(line))
            except orjson.JSONDecodeError as error:
                record = count + len(records)
                problem = f"record {record} (line {number}) {_explain(line, error)}"
                raise BadRequestFault(problem, record=record) from error
        count += len(records)
        start = end
        if records:
            yield records


def _explain(text: bytes, error: orjson.JSONDecodeError) -> str:
    """Return what is wrong with JSON that could not be read."""
    if len(text) <= _EXPLAINED_BYTES:
        try:
            parse_object(text)
        except RecordFaultError as fault:
            return fault.problem
    return f"is not JSON: {error}."


def write_answer(
    answers: Sequence[tuple[Query, npt.NDArray[np.float32]]], count: int, content_type: str
) -> Iterator[bytes]:
    """Yield the pieces of an answer to `count` records.

    Numbers are written as the shortest decimals that read back as the same float32.

    Args:
        answers: For each query, a row of numbers a record.
        count: Records in the request.
        content_type: The form of the answer.
    """
    keys: list[str] = [""] * count
    rows: list[Any] = [None] * count
    for query, numbers in answers:
        key = "scores" if query.side is None else "embeddings"
        for index, row in zip(query.records.tolist(), numbers, strict=True):
            keys[index], rows[index] = key, row
    is_lines = content_type != JSON
    if not is_lines:
        yield b'{"predictions":['
    for start in range(0, count, _PIECE_RECORDS):
        stop = min(start + _PIECE_RECORDS, count)
        texts = [
            orjson.dumps({keys[index]: rows[index]}, option=orjson.OPT_SERIALIZE_NUMPY)
            for index in range(start, stop)
        ]
        if is_lines:
            yield b"\n".join(texts) + b"\n"
        else:
            yield b",".join(texts) + (b"," if stop < count else b"")
    if not is_lines:
        yield b"]}"
