"""The files of a channel: which there are, and their text in blocks of whole lines.

Owns the walk through the folder, gzip, byte order marks, and the recognition of files that hold
something other than JSON Lines. Every failure of a file becomes an error that names it.
"""

import gzip
import io
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from object2vec.errors import ClientError, PlatformError, RecordError, shorten, show_name

BLOCK_BYTES = 64 * 1024  # Small enough for the parsed objects of a block to stay in the cache.
LONGEST_LINE_BYTES = 256 * 1024 * 1024
_UNPACKED_BUFFER_BYTES = 64 * 1024

GZIP_MAGIC = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MAGIC_NAMES = (
    (b"PAR1", "a Parquet file"),
    (b"\x0a\x23\xd7\xce", "RecordIO (the SageMaker SDK's record_set writes it)"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"\x93NUMPY", "a NumPy array file"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
    (b"PK\x03\x04", "a zip archive"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ", "xz data"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
)
_TEXT_PATTERNS = (
    (re.compile(rb"\["), 'a JSON array (one "[...]" around all records, or around each)'),
    (re.compile(rb'\{\s*"instances"\s*:'), 'an inference request ({"instances": [...]})'),
    (re.compile(rb"\{\s*\n"), "a JSON document spread over several lines"),
    (re.compile(rb"<(\?xml|!DOCTYPE|html|Error)", re.IGNORECASE), "XML or HTML"),
)


@dataclass(frozen=True, slots=True)
class ChannelFiles:
    """What stands below a channel's folder.

    Attributes:
        data: Files to read, sorted by their path below the folder.
        skipped: Hidden files and bookkeeping files, left out.
    """

    data: tuple[Path, ...]
    skipped: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of one file; only a file's last line may lack its line end.

    Attributes:
        text: The bytes, without the file's byte order mark.
        first_line: Number of the first line in the file, from 1.
        is_one_line: Whether all of it stood on that line, and was cut into lines after.
    """

    text: bytes
    first_line: int
    is_one_line: bool = False


def find_files(folder: Path, name: str) -> ChannelFiles:
    """Find the files of channel `name`, at any depth below `folder` (or `folder` itself, a file).

    Left out are names that begin with a dot or an underscore (`.DS_Store`, `_SUCCESS`), all below
    folders so named, and names that end in `.manifest`: tools leave them beside the data.

    Raises:
        ClientError: There is no such folder, it holds no data file, or one that is no plain file.
        PlatformError: A folder cannot be listed.
    """
    if folder.is_file():
        return ChannelFiles((folder,), ())
    if not folder.is_dir():
        raise ClientError(_say_missing(folder, name))
    data: list[Path] = []
    skipped: list[Path] = []
    _walk(folder, data, skipped, is_hidden=False, parents=())
    if not data:
        seen = (
            f" (left out: {', '.join(show_name(path.name) for path in skipped[:5])})"
            if skipped
            else ""
        )
        raise ClientError(
            f"Channel '{name}': {folder} holds no data file{seen}. "
            "Looked for JSON Lines files, plain or .gz, at any depth; put at least one there."
        )
    for path in data:
        if not (shown := str(path.relative_to(folder))).isprintable():
            raise ClientError(
                f"Channel '{name}': the name of the file {shorten(shown)} holds a character that "
                "cannot be printed, such as a line end. Give the file another name."
            )
        if path.exists() and not path.is_file():
            raise ClientError(
                f"Channel '{name}': {path} is not a regular file. "
                "Data is read in File mode; a pipe or device cannot be read."
            )
    return ChannelFiles(
        tuple(sorted(data, key=lambda path: path.relative_to(folder).as_posix())),
        tuple(sorted(skipped)),
    )


def read_blocks(path: Path) -> Iterator[Block]:
    """Yield the lines of a plain or gzip file, about `BLOCK_BYTES` at a time.

    Raises:
        ClientError: The file holds something other than JSON Lines, or its gzip data is damaged.
        PlatformError: The file cannot be read.
    """
    with open_text(path) as stream:
        yield from cut_blocks(path, stream)


def cut_blocks(path: Path, stream: io.BufferedReader) -> Iterator[Block]:
    """Yield the lines of a stream of unpacked text, about `BLOCK_BYTES` at a time.

    Args:
        path: Names the stream in messages.
        stream: The text; its first look ahead must show enough of it to know other formats.

    Raises:
        ClientError: It holds something other than JSON Lines.
    """
    first_line = 1
    unfinished: list[bytes] = []
    unfinished_bytes = 0
    head = stream.peek(1)
    _refuse_other_formats(path, head)
    if head.startswith(BYTE_ORDER_MARK):
        stream.read(len(BYTE_ORDER_MARK))
    while chunk := stream.read(BLOCK_BYTES):
        end = chunk.rfind(b"\n") + 1
        if end:
            text = b"".join([*unfinished, chunk[:end]])
            yield Block(text, first_line)
            first_line += text.count(b"\n")
            unfinished, unfinished_bytes = [], 0
        unfinished.append(chunk[end:])
        unfinished_bytes += len(chunk) - end
        if unfinished_bytes > LONGEST_LINE_BYTES:
            raise RecordError(
                str(path),
                first_line,
                None,
                f"the line is longer than {LONGEST_LINE_BYTES} bytes; "
                "one record stands on one line",
            )
    if unfinished_bytes:
        yield Block(b"".join(unfinished), first_line)


@contextmanager
def open_text(path: Path) -> Iterator[io.BufferedReader]:
    """Open a plain or gzip file for reading; gzip is known by its first bytes.

    Raises:
        ClientError: The gzip data is damaged, or a file named .gz is no gzip file.
        PlatformError: The file cannot be read.
    """
    try:
        with path.open("rb") as plain:
            head = plain.peek(2)[:2]
            if head == GZIP_MAGIC:
                # GzipFile goes through Python for every call: ask it for much at a time.
                unpacked = cast(Any, gzip.GzipFile(fileobj=plain))
                with io.BufferedReader(unpacked, _UNPACKED_BUFFER_BYTES) as stream:
                    yield stream
            elif head and path.suffix == ".gz":
                raise ClientError(
                    f"{path} is named .gz but is no gzip file (it begins with {head!r}). "
                    "Compress it with gzip, or take .gz off its name."
                )
            else:
                yield plain
    except EOFError as error:
        raise ClientError(
            f"{path}: the gzip data ends too early, the file is cut short. Upload it again."
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise ClientError(
            f"{path}: the gzip data is damaged ({error}). Compress and upload it again."
        ) from error
    except OSError as error:
        raise PlatformError(f"{path} cannot be read: {error.strerror or error}.") from error


def _walk(
    folder: Path,
    data: list[Path],
    skipped: list[Path],
    is_hidden: bool,
    parents: tuple[tuple[int, int], ...],
) -> None:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        status = folder.stat()
    except OSError as error:
        raise PlatformError(f"{folder} cannot be listed: {error.strerror or error}.") from error
    identity = (status.st_dev, status.st_ino)
    if identity in parents:  # A link to a folder that it stands in: all of it is read already.
        return
    for entry in entries:
        hides = is_hidden or entry.name.startswith((".", "_")) or entry.name.endswith(".manifest")
        if entry.is_dir():
            _walk(Path(entry.path), data, skipped, hides, (*parents, identity))
        else:
            (skipped if hides else data).append(Path(entry.path))


def _say_missing(folder: Path, name: str) -> str:
    if folder.exists():
        return f"Channel '{name}': {folder} is neither a folder nor a regular file."
    parent = folder.parent
    siblings = sorted(entry.name for entry in parent.iterdir()) if parent.is_dir() else []
    found = ", ".join(map(shorten, siblings[:10])) or "nothing"
    return (
        f"Channel '{name}' is missing: there is no folder {folder} (found in {parent}: {found}). "
        f"Give JSON Lines data as channel '{name}' in File mode."
    )


def _refuse_other_formats(path: Path, head: bytes) -> None:
    """Raise ClientError when a file's first bytes are those of a known other format."""
    other = _name_binary_format(head) or _name_text_format(head)
    if other:
        raise ClientError(
            f"{path}: this looks like {other}. Data must be JSON Lines in UTF-8, plain or gzip, "
            'one record a line: {"label": 1, "in0": [10, 7], "in1": [4]}'
        )


def _name_binary_format(head: bytes) -> str | None:
    for magic, name in _MAGIC_NAMES:
        if head.startswith(magic):
            return name
    if b"\0" not in head[:64]:
        return None
    # ASCII as UTF-16 has a zero in every other byte.
    zeros = max(head[:64:2].count(0), head[1:64:2].count(0))
    return "UTF-16 text" if zeros * 4 > len(head[:64]) else "a binary file"


def _name_text_format(head: bytes) -> str | None:
    text = head.removeprefix(BYTE_ORDER_MARK).lstrip()
    first_line = text.split(b"\n", 1)[0].strip()
    for pattern, name in _TEXT_PATTERNS:
        if pattern.match(text):
            return name
    if b"{" not in first_line[:64]:
        for separator, name in ((b",", "CSV"), (b"\t", "tab-separated text"), (b";", "CSV")):
            if separator in first_line:
                return name
    return None
