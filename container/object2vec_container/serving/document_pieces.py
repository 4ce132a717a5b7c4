"""A large `{"instances": [...]}` read in pieces, without holding Python's global lock for seconds.

The list is cut where one record seems to end and the next to begin, and each piece is parsed as a
list of its own. A cut inside a string gives a piece that is no JSON, so a piece that parses holds
exactly the next records of the document.
"""

import re
from collections.abc import Iterator
from typing import Any

import orjson

_START = re.compile(rb'\s*\{\s*"instances"\s*:\s*\[')
_END = re.compile(rb"\]\s*\}\s*\Z")
_LONGEST_END = 1000
_CUT = re.compile(rb"\}\s*,")
_BLANKS = re.compile(rb"\s*")
_TRIES = 20


class NotInPiecesError(ValueError):
    """The document is of another form, or no JSON: only a look at the whole can tell."""


def begins_as_document(body: bytes) -> bool:
    """Return whether a body begins as a document does, and no line of JSON Lines."""
    return _START.match(body) is not None


def read_pieces(body: bytes, piece_bytes: int) -> Iterator[list[Any]]:
    """Yield a document's records, some at a time.

    Args:
        body: The document.
        piece_bytes: About how many bytes to parse at once.

    Raises:
        NotInPiecesError: What is left cannot be read in pieces.
    """
    begin, end = _START.match(body), _END.search(body, max(0, len(body) - _LONGEST_END))
    if begin is None or end is None:
        raise NotInPiecesError
    start, stop = begin.end(), end.start()
    while start < stop:
        piece, start = _next_piece(body, start, stop, piece_bytes)
        yield piece


def _next_piece(body: bytes, start: int, stop: int, piece_bytes: int) -> tuple[list[Any], int]:
    """Return the next records, and where those after them begin."""
    place = start + piece_bytes
    for _ in range(_TRIES):
        cut = _CUT.search(body, place, stop)
        last = stop if cut is None else cut.start() + 1
        try:
            piece: list[Any] = orjson.loads(b"[" + body[start:last] + b"]")
        except orjson.JSONDecodeError:
            if cut is None:
                break
            place = cut.end()
            continue
        # After a cut there must be one more record: JSON has no comma at a list's end.
        if not piece or (cut is not None and _BLANKS.fullmatch(body, cut.end(), stop)):
            break
        return piece, stop if cut is None else cut.end()
    raise NotInPiecesError
