"""Models that a worker has loaded: what answers, what requests may hold, who still uses it."""

import ctypes
import gc
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from object2vec.inference.instances import InstanceRules
from object2vec.saved_model import SavedModel
from object2vec_container.serving.engine import Engine
from object2vec_container.serving.http_errors import NotFoundFault, UnavailableFault

logger = logging.getLogger(__name__)

_C_LIBRARY = ctypes.CDLL(None)
_MMAP_THRESHOLD = -3  # of malloc.h

# The predictor, but for its type: whoever imports that loads the network's engine.
Predictor = Any


class LoadedModel:
    """A model that answers, and how many requests use it.

    Args:
        predictor: Answers; only the engine's thread may call what computes.
        rules: What records may hold.
        on_release: Called once with the model, when it is retired and nobody uses it any more.
    """

    def __init__(
        self,
        predictor: Predictor,
        rules: InstanceRules,
        on_release: Callable[["LoadedModel"], None] = lambda model: None,
    ) -> None:
        self.predictor = predictor
        self.rules = rules
        self._on_release = on_release
        self._lock = threading.Lock()
        self._uses = 0
        self._is_retired = False

    @contextmanager
    def used(self) -> Iterator["LoadedModel | None"]:
        """Keep the model while the context lasts; None where it is retired already."""
        with self._lock:
            is_retired = self._is_retired
            self._uses += not is_retired
        if is_retired:
            yield None
            return
        try:
            yield self
        finally:
            with self._lock:
                self._uses -= 1
                is_last = self._is_retired and not self._uses
            if is_last:
                self._on_release(self)

    def retire(self) -> None:
        """Take no more users; release the model after the last one."""
        with self._lock:
            is_last = not self._is_retired and not self._uses
            self._is_retired = True
        if is_last:
            self._on_release(self)


class Models(Protocol):
    """What a worker asks of its models."""

    @property
    def is_ready(self) -> bool:
        """Whether requests can be answered."""

    def use(self, name: str | None) -> AbstractContextManager[LoadedModel]:
        """Keep a model while a request is answered.

        Args:
            name: Its name, or None for the only one.

        Raises:
            NotFoundFault: There is no such model.
            UnavailableFault: It is being loaded.
        """

    def count(self) -> int:
        """Return how many models are loaded, in all workers' eyes."""


def load(saved: SavedModel, ignores_unknown_ids: bool) -> tuple[Predictor, InstanceRules]:
    """Build and warm up a model's network; for the engine's thread."""
    from object2vec.inference.predictor import Predictor  # noqa: PLC0415 (loads the engine)
    from object2vec.network import engine  # noqa: PLC0415

    predictor = Predictor(saved, engine.device(None))
    predictor.warm_up()
    rules = InstanceRules.of_model(saved.hyperparameters, saved.vocabularies, ignores_unknown_ids)
    return predictor, rules


def give_memory_back() -> None:
    """Return what Python and the C library hold of released models to the machine."""
    gc.collect()
    trim_memory()


def take_large_blocks_singly() -> None:
    """Have the C library take every block of a mebibyte from the machine, and give it back.

    By itself it raises that size with the first large body, and then keeps some 12 MB a thread.
    """
    _C_LIBRARY.mallopt(_MMAP_THRESHOLD, 1 << 20)


def trim_memory() -> None:
    """Return what the C library holds of freed memory to the machine."""
    _C_LIBRARY.malloc_trim(0)


class SingleModel:
    """The one model of an endpoint or a batch transform.

    Args:
        engine: The worker's.
        saved: The model, opened and checked.
        ignores_unknown_ids: As in `Settings`.
        on_warmth: Called when the model is loaded and warm.
        on_failure: Told why the model cannot be loaded.
    """

    def __init__(
        self,
        engine: Engine,
        saved: SavedModel,
        ignores_unknown_ids: bool,
        on_warmth: Callable[[], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._engine = engine
        self._saved = saved
        self._ignores_unknown_ids = ignores_unknown_ids
        self._on_warmth = on_warmth
        self._on_failure = on_failure
        self._loaded: LoadedModel | None = None

    def start(self) -> None:
        """Have the engine load the model."""
        self._engine.call(self._load).add_done_callback(self._note_end)

    @property
    def is_ready(self) -> bool:
        """Whether the model is loaded and warm."""
        return self._loaded is not None

    @contextmanager
    def use(self, name: str | None) -> Iterator[LoadedModel]:
        """Keep the model while a request is answered."""
        if name is not None:
            raise NotFoundFault("This endpoint serves one model, at /invocations.")
        if self._loaded is None:
            raise UnavailableFault("The model is being loaded. Try again.")
        yield self._loaded

    def count(self) -> int:
        """Return 1 when the model is loaded."""
        return int(self.is_ready)

    def _load(self) -> None:
        began = time.monotonic()
        self._loaded = LoadedModel(*load(self._saved, self._ignores_unknown_ids))
        logger.info("The model is loaded and warm after %.2f s", time.monotonic() - began)

    def _note_end(self, future: "Future[None]") -> None:
        error = future.exception()
        if error is None:
            self._on_warmth()
        else:
            self._on_failure(error)
