"""gunicorn as this server uses it: its settings, and what a process has before and after the fork.

The first process opens the model and imports the network's engine, and computes nothing. Workers
are forked from it, so they share what it has read, and a worker that is lost is soon replaced.
"""

import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.errors import HaltServer
from gunicorn.glogging import Logger

from object2vec.errors import Object2VecError, PlatformError
from object2vec.saved_model import SavedModel
from object2vec_container.serving.admission import Admission
from object2vec_container.serving.app import STUCK_SECONDS, Service, create_app
from object2vec_container.serving.engine import Engine
from object2vec_container.serving.models import (
    Models,
    SingleModel,
    take_large_blocks_singly,
)
from object2vec_container.serving.settings import Settings
from object2vec_container.serving.shelf import Shelf
from object2vec_container.serving.shelved_models import ShelvedModels
from object2vec_container.serving.telemetry import Telemetry
from object2vec_container.serving.worker import Worker

logger = logging.getLogger(__name__)

# The platform kills 30 s after SIGTERM.
_DRAIN_SECONDS = 23
# As long as load balancers keep connections to a server.
_KEEP_ALIVE_SECONDS = 65
_CONNECTIONS = 4096
# A worker whose main thread shows no sign of life for so long is killed and replaced.
_SILENCE_SECONDS = 120
_WATCH_SECONDS = 1.0
# gunicorn's code of a worker that cannot boot: the server ends with it.
_BOOT_FAILURE = 3


class Server(BaseApplication):
    """The server, in all of its processes.

    Args:
        settings: How to serve, what the machine decides filled in.
        saved: The one model, opened and checked; None for a multi-model endpoint.
        folder: A folder in memory for what processes share.

    Attributes:
        worker_number: In a worker, how many were started before it.
    """

    def __init__(self, settings: Settings, saved: SavedModel | None, folder: Path) -> None:
        self.settings = settings
        self._saved = saved
        self._folder = folder
        self._warmth = folder / "warm"  # there once a worker is warm
        self._is_warm = False
        self.worker_number = 0
        self._models: Models
        metrics_folder = folder / "metrics"
        if settings.has_metrics:
            metrics_folder.mkdir()
        self._telemetry = Telemetry(metrics_folder if settings.has_metrics else None)
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's settings; none are read from anywhere else."""
        settings = self.settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        for name, value in {
            "bind": f"{host}:{settings.port}",
            "workers": settings.workers,
            "worker_class": Worker,
            "threads": settings.threads,
            "worker_connections": _CONNECTIONS,
            "worker_tmp_dir": str(self._folder),
            "timeout": _SILENCE_SECONDS,
            "graceful_timeout": _DRAIN_SECONDS,
            "keepalive": _KEEP_ALIVE_SECONDS,
            "control_socket_disable": True,
            "logger_class": _RootLogger,
            "loglevel": "debug" if settings.log_level <= logging.DEBUG else "info",
            "child_exit": self._note_exit,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Return a worker's application, its engine started; after the fork."""
        settings = self.settings
        if settings.gpus:
            # Before the engine is imported, which is then left no other one to take.
            gpu = settings.gpus[self.worker_number % len(settings.gpus)]
            os.environ["CUDA_VISIBLE_DEVICES"] = gpu
        take_large_blocks_singly()
        self._telemetry.reserve()
        engine = Engine(self._telemetry.count_step, _end_worker)
        models: SingleModel | ShelvedModels
        if self._saved is not None:
            models = SingleModel(
                engine, self._saved, settings.ignores_unknown_ids, self._note_warmth, _give_up
            )
        else:
            shelf = Shelf(self._folder / "models", settings.model_bytes or 0)
            workers = settings.workers or 1
            models = ShelvedModels(engine, shelf, workers, settings.ignores_unknown_ids)
        admission = Admission(
            settings.queue_length, settings.queue_bytes, self._telemetry.set_queue_length
        )
        self._models = models
        engine.start()
        models.start()
        threading.Thread(target=_watch, args=(engine,), name="watch", daemon=True).start()
        return create_app(Service(settings, engine, models, admission, self._telemetry))

    def run(self) -> None:
        """Run until a signal ends it; does not return."""
        try:
            super().run()
        except HaltServer as halt:
            # A second worker failed to boot while the server was ending for the first one.
            sys.exit(halt.exit_status)

    def may_accept(self) -> bool:
        """Return whether this worker should take connections.

        While no worker is warm all take them, to answer that the model is being loaded; then only
        those that are warm do, so that a worker that is replaced fails no request of another one.
        """
        self._is_warm = self._is_warm or self._models.is_ready
        return self._is_warm or not self._warmth.exists()

    def _note_warmth(self) -> None:
        self._warmth.touch()

    def _note_exit(self, arbiter: Any, worker: Any) -> None:
        self._telemetry.forget_process(worker.pid)


class _RootLogger(Logger):
    """gunicorn's log lines among all others."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


def _end_worker() -> None:
    """End this worker in good order; the first process replaces it."""
    os.kill(os.getpid(), signal.SIGTERM)


def _give_up(error: BaseException) -> None:
    """End the whole server: what one worker cannot load, no other one can."""
    if isinstance(error, Object2VecError):
        logger.critical("%s: %s", error.fault_name, error)
    else:
        logger.critical("The model cannot be loaded:", exc_info=error)
    os._exit(_BOOT_FAILURE)


def _watch(engine: Engine) -> None:
    """End this worker at once when its engine is stuck."""
    while True:
        time.sleep(_WATCH_SECONDS)
        if engine.step_seconds > STUCK_SECONDS:
            logger.critical("The engine has been at one step for %d s", engine.step_seconds)
            os._exit(1)


def check_address(settings: Settings) -> None:
    """Make sure that the server will be able to listen.

    Raises:
        PlatformError: The port is taken, or the address is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise PlatformError(
                f"Cannot listen at {settings.host}:{settings.port}: {error.strerror or error}. "
                "SAGEMAKER_BIND_TO_PORT and OBJECT2VEC_HOST set port and address."
            ) from error


def with_shared_folder(action: Callable[[Path], None]) -> None:
    """Call an action with an empty folder in memory, which is removed after it.

    Raises:
        PlatformError: No folder can be made.
    """
    owner = os.getpid()
    folder = _make_folder()
    try:
        action(folder)
    finally:
        # Workers come by here too when they end.
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)


def _make_folder() -> Path:
    places = ["/dev/shm", tempfile.gettempdir()]
    for place in places:
        try:
            return Path(tempfile.mkdtemp(prefix=f"object2vec-{os.getpid()}-", dir=place))
        except OSError:
            continue
    raise PlatformError(
        f"None of {', '.join(places)} can be written. Give the container one of them, for "
        "example with --tmpfs /tmp."
    )
