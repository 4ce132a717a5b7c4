"""The models of a multi-model endpoint, as all worker processes see them.

A folder in memory holds one small file for each model that is loaded; whoever reads or writes it
sees the same. A worker that has a model holds a lock on the model's file. Unloading removes the
file and then waits for that lock to be free, so it answers when every worker has let go. The kernel
frees the locks of a worker that dies.
"""

import contextlib
import fcntl
import hashlib
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from object2vec.errors import shorten
from object2vec_container.serving.http_errors import ConflictFault, InsufficientMemoryFault

# How long an unloading waits for those that have the model, and how often it looks.
_RELEASE_SECONDS = 30.0
_LOOK_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Entry:
    """A model that is loaded, or being loaded.

    Attributes:
        name: As the platform named it.
        url: Its folder.
        bytes: What it takes, in all workers together.
        generation: Another one for every loading.
        is_ready: Whether it can be asked.
    """

    name: str
    url: str
    bytes: int
    generation: str
    is_ready: bool = False


class Shelf:
    """The list of models that are loaded, in a folder that all workers share.

    Args:
        folder: A folder in memory; made if it is not there.
        capacity: Bytes that all models may take.
    """

    def __init__(self, folder: Path, capacity: int) -> None:
        self._folder = folder
        self._capacity = capacity
        folder.mkdir(exist_ok=True)

    def find(self, name: str) -> Entry | None:
        """Return a model's entry."""
        try:
            return Entry(**json.loads(self._path(name).read_bytes()))
        except FileNotFoundError:
            return None

    def ready_entries(self) -> list[Entry]:
        """Return the models that are loaded, by name."""
        ready = [entry for entry in self._all_entries() if entry.is_ready]
        return sorted(ready, key=lambda each: each.name)

    @contextmanager
    def changing(self, name: str) -> Iterator[None]:
        """Keep every other process and thread from loading or unloading a model of that name."""
        with _locked(self._path(name).with_suffix(".lock")):
            yield

    def reserve(self, name: str, url: str, size: int) -> Entry:
        """Take room for a model; for whoever is changing it.

        Raises:
            ConflictFault: It is loaded already.
            InsufficientMemoryFault: There is no room for it.
        """
        with _locked(self._folder / "room.lock"):
            entry = self.find(name)
            if entry is not None and entry.is_ready:
                raise ConflictFault(f"Model {shorten(name)} is loaded already.")
            taken = sum(other.bytes for other in self._all_entries() if other.name != name)
            if taken + size > self._capacity:
                raise InsufficientMemoryFault(
                    f"Model {shorten(name)} takes {size} bytes in memory; {taken} of "
                    f"{self._capacity} are taken (OBJECT2VEC_MODEL_MEMORY_MB). Unload another one."
                )
            entry = Entry(name, url, size, uuid.uuid4().hex)
            self._holders(entry).touch()
            self._write(entry)
        return entry

    def finish(self, entry: Entry) -> None:
        """Say that a model can be asked."""
        self._write(Entry(**{**asdict(entry), "is_ready": True}))

    def remove(self, entry: Entry) -> None:
        """Take a model off the list; workers that have it will let go."""
        self._path(entry.name).unlink(missing_ok=True)

    def forget(self, entry: Entry) -> None:
        """Take a model off the list that no worker has built."""
        self.remove(entry)
        self._holders(entry).unlink(missing_ok=True)

    def hold(self, entry: Entry) -> IO[bytes] | None:
        """Return a file that says that this process has the model, until it is closed.

        None where the model was taken off the list meanwhile.
        """
        try:
            stream = self._holders(entry).open("rb")
        except FileNotFoundError:
            return None
        fcntl.flock(stream, fcntl.LOCK_SH)
        current = self.find(entry.name)
        if current is None or current.generation != entry.generation:
            stream.close()
            return None
        return stream

    def await_release(self, entry: Entry) -> bool:
        """Wait until no process has the model any more; return False where one keeps it."""
        path = self._holders(entry)
        deadline = time.monotonic() + _RELEASE_SECONDS
        with path.open("rb") as stream:
            while True:
                try:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        return False
                    time.sleep(_LOOK_SECONDS)
                else:
                    path.unlink(missing_ok=True)
                    return True

    def _all_entries(self) -> list[Entry]:
        entries = []
        for path in self._folder.glob("*.json"):
            with contextlib.suppress(FileNotFoundError):  # It was unloaded this moment.
                entries.append(Entry(**json.loads(path.read_bytes())))
        return entries

    def _write(self, entry: Entry) -> None:
        path = self._path(entry.name)
        partial = path.with_suffix(f".{entry.generation}.partial")
        partial.write_text(json.dumps(asdict(entry)))
        partial.replace(path)

    def _path(self, name: str) -> Path:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / f"{digest}.json"

    def _holders(self, entry: Entry) -> Path:
        return self._folder / f"{entry.generation}.held"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def page(entries: list[Entry], after: str | None, limit: int) -> tuple[list[Entry], str | None]:
    """Return a page of entries and the token of the next one.

    Args:
        entries: By name.
        after: The token of the page, or None for the first.
        limit: Entries a page.
    """
    rest = entries if after is None else [each for each in entries if each.name > after]
    return rest[:limit], rest[limit - 1].name if len(rest) > limit else None
