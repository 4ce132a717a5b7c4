"""Where a channel's text comes from, files or a pipe, so that reading records need not know."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from object2vec.data.files import Block, ChannelFiles, find_files, read_blocks
from object2vec.data.pipes import Pipe, read_pipe

Place: TypeAlias = Path | Pipe


class Source(Protocol):
    """The text of one channel, to be gone through once."""

    @property
    def where(self) -> str:
        """The source in words, as they stand behind "no record in"."""
        ...

    @property
    def files(self) -> int:
        """Of how many files the text is."""
        ...

    def blocks(self) -> Iterator[tuple[Path, Block]]:
        """Yield whole lines, each time with the path that errors name.

        Raises:
            ClientError: There is something other than JSON Lines, or it is damaged.
            PlatformError: It cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class FileSource:
    """The files below a channel's folder."""

    folder: Path
    found: ChannelFiles

    @property
    def where(self) -> str:  # noqa: D102
        return f"{self.files} file(s) below {self.folder}"

    @property
    def files(self) -> int:  # noqa: D102
        return len(self.found.data)

    def blocks(self) -> Iterator[tuple[Path, Block]]:  # noqa: D102
        for path in self.found.data:
            for block in read_blocks(path):
                yield path, block


@dataclass(frozen=True, slots=True)
class PipeSource:
    """What comes through a channel's pipe."""

    pipe: Pipe
    name: str

    @property
    def where(self) -> str:  # noqa: D102
        return f"what came through the pipe {self.pipe.path}"

    @property
    def files(self) -> int:  # noqa: D102
        return 1

    def blocks(self) -> Iterator[tuple[Path, Block]]:  # noqa: D102
        for block in read_pipe(self.pipe, self.name):
            yield self.pipe.path, block


def find_source(place: Place | str, name: str) -> FileSource | PipeSource:
    """Return the source of channel `name`; a pipe is not yet waited for.

    Raises:
        ClientError: There is no such folder, or no data file in it.
        PlatformError: A folder cannot be listed.
    """
    if isinstance(place, Pipe):
        return PipeSource(place, name)
    folder = Path(place)
    return FileSource(folder, find_files(folder, name))
