"""The models of a multi-model endpoint, as all worker processes see them.

A folder in memory holds one small file for each model that is loaded; whoever reads or writes it
sees the same. A worker builds a model's network when it is first asked for it, from tables that all
workers share, and holds a lock on the model's file for as long as it has it. Unloading removes the
file and then waits for that lock to be free, so it answers when every worker has let go. The kernel
frees the locks of a worker that dies.
"""

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from object2vec.errors import ClientError, shorten
from object2vec.saved_model import SavedModel
from object2vec_container.serving.engine import Engine
from object2vec_container.serving.http_errors import (
    BadRequestFault,
    ConflictFault,
    InsufficientMemoryFault,
    NotFoundFault,
    UnavailableFault,
)
from object2vec_container.serving.models import LoadedModel, give_memory_back, load

logger = logging.getLogger(__name__)

# How often a worker looks for models that were unloaded, and how long an unloading waits for it.
_WATCH_SECONDS = 0.05
_RELEASE_SECONDS = 30.0


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
                    time.sleep(_WATCH_SECONDS / 5)
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


class ShelvedModels:
    """The models of the shelf that this worker has built.

    Args:
        engine: The worker's.
        shelf: What is loaded.
        workers: Worker processes, each with dense weights of its own.
        ignores_unknown_ids: As in `Settings`.
    """

    def __init__(
        self, engine: Engine, shelf: Shelf, workers: int, ignores_unknown_ids: bool
    ) -> None:
        self._engine = engine
        self._shelf = shelf
        self._workers = workers
        self._ignores_unknown_ids = ignores_unknown_ids
        self._loading = threading.Lock()
        self._built: dict[str, tuple[str, LoadedModel]] = {}  # by name: generation and model

    def start(self) -> None:
        """Begin to let go of models that are unloaded."""
        threading.Thread(target=self._watch, name="shelf", daemon=True).start()

    @property
    def is_ready(self) -> bool:
        """A multi-model endpoint is ready without a model."""
        return True

    def count(self) -> int:
        """Return how many models are loaded."""
        return len(self._shelf.ready_entries())

    @contextmanager
    def use(self, name: str | None) -> Iterator[LoadedModel]:
        """Keep a model while a request is answered."""
        if name is None:
            raise NotFoundFault("This is a multi-model endpoint: ask /models/{name}/invoke.")
        entry = self._shelf.find(name)
        if entry is None:
            raise _not_found(name)
        if not entry.is_ready:
            raise UnavailableFault(f"Model {shorten(name)} is being loaded. Try again.")
        with self._model(entry).used() as model:
            if model is None:
                raise _not_found(name)
            yield model

    def load(self, name: str, url: str) -> None:
        """Load a model for all workers.

        Raises:
            ConflictFault: It is loaded already.
            NotFoundFault: There is no such folder.
            BadRequestFault: The folder holds no whole model.
            InsufficientMemoryFault: There is no room for it.
        """
        with self._shelf.changing(name):
            if not os.path.isdir(url):  # which takes any name, however long
                raise NotFoundFault(f"There is no model folder {shorten(url)}.")
            try:
                saved = SavedModel.open(url)
            except ClientError as error:
                raise BadRequestFault(str(error)) from error
            entry = self._shelf.reserve(name, url, self._size(saved))
            try:
                self._build(entry, saved)
            except MemoryError as error:
                self._shelf.forget(entry)
                raise InsufficientMemoryFault(f"There is no memory for {shorten(name)}.") from error
            except ClientError as error:
                self._shelf.forget(entry)
                raise BadRequestFault(str(error)) from error
            except BaseException:
                self._shelf.forget(entry)
                raise
            self._shelf.finish(entry)

    def unload(self, name: str) -> None:
        """Unload a model in all workers; return when its memory is given back.

        Raises:
            NotFoundFault: It is not loaded.
            UnavailableFault: A request still uses it after half a minute.
        """
        with self._shelf.changing(name):
            entry = self._shelf.find(name)
            if entry is None:
                raise _not_found(name)
            self._shelf.remove(entry)
            self._let_go(name, entry.generation)
            if not self._shelf.await_release(entry):
                raise UnavailableFault(f"A request still uses model {shorten(name)}.")

    def entries(self) -> list[Entry]:
        """Return the models that are loaded, by name."""
        return self._shelf.ready_entries()

    def entry(self, name: str) -> Entry:
        """Return a loaded model's entry.

        Raises:
            NotFoundFault: It is not loaded.
        """
        entry = self._shelf.find(name)
        if entry is None or not entry.is_ready:
            raise _not_found(name)
        return entry

    def _size(self, saved: SavedModel) -> int:
        """Return what a model takes: tables once, all other weights once a worker."""
        sizes = {name: array.nbytes for name, array in saved.arrays.items()}
        tables = sum(size for name, size in sizes.items() if name.startswith("embed_"))
        return tables + self._workers * (sum(sizes.values()) - tables)

    def _model(self, entry: Entry) -> LoadedModel:
        generation, model = self._built.get(entry.name, (None, None))
        if model is None or generation != entry.generation:
            return self._build(entry, None)
        return model

    def _build(self, entry: Entry, saved: SavedModel | None) -> LoadedModel:
        with self._loading:
            generation, model = self._built.get(entry.name, (None, None))
            if model is not None and generation == entry.generation:
                return model
            held = self._shelf.hold(entry)
            if held is None:
                raise _not_found(entry.name)
            try:
                # Its files were compared with their checksums when it was loaded.
                opened = saved or SavedModel.open(entry.url, verify=False)
                loaded = self._engine.call(lambda: load(opened, self._ignores_unknown_ids))
                model = LoadedModel(*loaded.result(), on_release=self._releaser(held))
            except BaseException:
                held.close()
                raise
            self._built[entry.name] = (entry.generation, model)
            return model

    def _releaser(self, held: IO[bytes]) -> Callable[[LoadedModel], None]:
        def release(model: LoadedModel) -> None:
            # On the engine's thread, as its arrays belong to it.
            self._engine.call(lambda: _release(model, held))

        return release

    def _let_go(self, name: str, generation: str) -> None:
        built = self._built.get(name)
        # Another one of that name may have been loaded meanwhile.
        if built is not None and built[0] == generation:
            del self._built[name]
            built[1].retire()

    def _watch(self) -> None:
        while not self._engine.is_dead:
            time.sleep(_WATCH_SECONDS)
            for name, (generation, _) in list(self._built.items()):
                entry = self._shelf.find(name)
                if entry is None or entry.generation != generation:
                    self._let_go(name, generation)


def _release(model: LoadedModel, held: IO[bytes]) -> None:
    model.predictor = None
    give_memory_back()
    held.close()


def _not_found(name: str) -> NotFoundFault:
    return NotFoundFault(f"Model {shorten(name)} is not loaded.")


def page(entries: list[Entry], after: str | None, limit: int) -> tuple[list[Entry], str | None]:
    """Return a page of entries and the token of the next one.

    Args:
        entries: By name.
        after: The token of the page, or None for the first.
        limit: Entries a page.
    """
    rest = entries if after is None else [each for each in entries if each.name > after]
    return rest[:limit], rest[limit - 1].name if len(rest) > limit else None
