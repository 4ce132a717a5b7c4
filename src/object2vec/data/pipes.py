"""A channel that comes through a pipe: its text in blocks of whole lines, as a file's.

The platform writes the objects of a channel end to end into a pipe, once for every epoch, and puts
nothing between them. Only the pipe of the first epoch is read, as the records are kept. A stream
can end anywhere: what shows that it did is an error, as half of the data trains another model.
"""

import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from object2vec.data.array_space import SpaceVariable
from object2vec.data.files import BYTE_ORDER_MARK, GZIP_MAGIC, Block, cut_blocks
from object2vec.data.pipe_stream import PipeStream, open_pipe
from object2vec.errors import ClientError, PlatformError, RecordError, shorten

DEFAULT_SECONDS = 600.0
_LONGEST_SECONDS = 86400
_BUFFER_BYTES = 64 * 1024

SECONDS_VARIABLE = "OBJECT2VEC_PIPE_SECONDS"
PIPE_VARIABLES = (
    SpaceVariable(
        SECONDS_VARIABLE,
        f"a number greater than 0, at most {_LONGEST_SECONDS}",
        f"{DEFAULT_SECONDS:g}",
        "In Pipe mode, seconds to wait for a channel's pipe to be made, for its first byte, and "
        "for each further piece; then the job fails and names the pipe.",
    ),
)

_ADVICE = (
    "The platform makes and fills it: start the job again, or use File mode. In a run of your own "
    f"make it with mkfifo and write the records into it. {SECONDS_VARIABLE} sets the time limit."
)
_ADJACENT = b"}{"
_BETWEEN_OBJECTS = re.compile(r"[\s\ufeff]*")
_PART_OF_A_LITERAL = re.compile(r"[\w.+\-\\]*\s*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Pipe:
    """A channel in Pipe mode.

    Attributes:
        folder: Where the channel would stand in File mode; the pipes' names begin like it.
        seconds: How long to wait for the pipe, for its first byte, and for each further piece.
    """

    folder: Path
    seconds: float = DEFAULT_SECONDS

    @property
    def path(self) -> Path:
        """The pipe of the first epoch."""
        return self.folder.with_name(f"{self.folder.name}_0")


def pipe_seconds(variables: Mapping[str, str]) -> float:
    """Return how long to wait for what should come through a pipe.

    Raises:
        ClientError: The environment variable's value is not as it must be.
    """
    given = variables.get(SECONDS_VARIABLE, "").strip()
    try:
        seconds = float(given or DEFAULT_SECONDS)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST_SECONDS:
        raise ClientError(
            f"Environment variable {SECONDS_VARIABLE}={shorten(given)} is no such number; allowed: "
            f"a number of seconds greater than 0, at most {_LONGEST_SECONDS}; the default is "
            f"{DEFAULT_SECONDS:g}."
        )
    return seconds


def read_pipe(pipe: Pipe, name: str) -> Iterator[Block]:
    """Yield the lines of what comes through a pipe, to its end.

    Gzip is known by its first bytes, and may be several members end to end. Where an object without
    a last line end is followed by another, two records stand on one line: that is allowed here.

    Args:
        pipe: Which; it need not be there yet.
        name: The channel's name, for messages.

    Raises:
        ClientError: It holds something other than JSON Lines, its gzip data is damaged, or it ended
            in the middle of a record.
        PlatformError: It did not come, or stopped.
    """
    path = pipe.path
    next_line = 1
    with open_pipe(path, pipe.folder, name, pipe.seconds, _ADVICE) as raw:
        try:
            for block in cut_blocks(path, _unpack(raw)):
                if not block.text.endswith(b"\n"):
                    _refuse_cut_off(path, block, raw.bytes_read)
                next_line = block.first_line + block.text.count(b"\n")
                yield from _separate(block)
        except EOFError as error:
            raise ClientError(
                f"{path}: the gzip data ends too early, after {raw.bytes_read} bytes, in or behind "
                f"line {next_line} of its text. Its writer stopped, or an object is cut short: "
                "upload it again, or start the job again."
            ) from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise ClientError(
                f"{path}: the gzip data is damaged ({error}) within its first {raw.bytes_read} "
                f"bytes, in or behind line {next_line} of its text. Compress and upload the "
                "channel's objects again, all of them: a pipe takes no mixture of gzip and plain."
            ) from error
        except OSError as error:
            raise PlatformError(
                f"{path} cannot be read after {raw.bytes_read} bytes: {error.strerror or error}."
            ) from error


def _unpack(raw: PipeStream) -> io.BufferedReader:
    packed: io.BufferedReader = io.BufferedReader(raw, _BUFFER_BYTES)
    if packed.peek(len(GZIP_MAGIC))[: len(GZIP_MAGIC)] != GZIP_MAGIC:
        return packed
    return io.BufferedReader(cast(Any, gzip.GzipFile(fileobj=packed)), _BUFFER_BYTES)


def _separate(block: Block) -> Iterator[Block]:
    """Yield a block, cut where records stand on one line or begin with a byte order mark."""
    if _ADJACENT not in block.text and BYTE_ORDER_MARK not in block.text:
        yield block
        return
    plain: list[bytes] = []
    lines = block.text.split(b"\n")
    ends = [b"\n"] * (len(lines) - 1) + [b""]
    for number, (line, end) in enumerate(zip(lines, ends, strict=True), start=block.first_line):
        begins_with_mark = line.startswith(BYTE_ORDER_MARK)
        records = _split(line) if _ADJACENT in line or BYTE_ORDER_MARK in line else []
        # A mark within a string is a character, and there the line is one record.
        if not begins_with_mark and len(records) < 2:
            plain.append(line + end)
            continue
        if plain:
            yield Block(b"".join(plain), number - len(plain))
            plain = []
        yield Block(b"\n".join(records) + end, number, is_one_line=True)
    if plain:
        yield Block(b"".join(plain), block.first_line + len(lines) - len(plain))


def _split(line: bytes) -> list[bytes]:
    """Return the JSON values that stand end to end on a line; from a fault on all is the last."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return [line.removeprefix(BYTE_ORDER_MARK)]
    values: list[bytes] = []
    position = _end_of_gap(text, 0)
    while position < len(text):
        try:
            _, end = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            end = len(text)
        values.append(text[position:end].encode())
        position = _end_of_gap(text, end)
    return values


def _end_of_gap(text: str, position: int) -> int:
    gap = _BETWEEN_OBJECTS.match(text, position)
    return gap.end() if gap else position


def _refuse_cut_off(path: Path, block: Block, bytes_read: int) -> None:
    """Raise RecordError where the last line, one without a line end, breaks off in a record."""
    lines = block.text.rsplit(b"\n", 1)
    last = (_split(lines[-1]) or [b""])[-1]
    if _is_cut_off(last):
        raise RecordError(
            str(path),
            block.first_line + block.text.count(b"\n"),
            None,
            f"the stream ended in the middle of a record, after {bytes_read} bytes: "
            f"{shorten(last.decode(errors='replace'))}. Its writer stopped too early, or an object "
            "is cut short: start the job again, or upload the object again.",
        )


def _is_cut_off(value: bytes) -> bool:
    """Return whether a text is not JSON only as it ends too early."""
    if not value.startswith(b"{"):
        return False
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        is_open_string = error.msg.startswith("Unterminated string")
        return is_open_string or _PART_OF_A_LITERAL.fullmatch(text, error.pos) is not None
    except (ValueError, RecursionError):
        return False
    return False
