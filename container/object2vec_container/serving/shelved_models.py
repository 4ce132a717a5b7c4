"""What a worker has of the models on the shelf: built when first asked for, let go when unloaded.

A model's network is built from tables that all workers share.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

from object2vec.errors import ClientError, shorten
from object2vec.saved_model import SavedModel
from object2vec_container.serving.engine import Engine
from object2vec_container.serving.http_errors import (
    BadRequestFault,
    InsufficientMemoryFault,
    NotFoundFault,
    UnavailableFault,
)
from object2vec_container.serving.models import LoadedModel, give_memory_back, load
from object2vec_container.serving.shelf import Entry, Shelf

# How often a worker looks for models that were unloaded.
_WATCH_SECONDS = 0.05


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
            with ExitStack() as undo:
                undo.callback(self._shelf.forget, entry)
                try:
                    self._build(entry, saved)
                except MemoryError as error:
                    raise InsufficientMemoryFault(
                        f"There is no memory for {shorten(name)}."
                    ) from error
                except ClientError as error:
                    raise BadRequestFault(str(error)) from error
                undo.pop_all()
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
