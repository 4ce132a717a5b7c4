"""The program `serve`: settings and model are checked first, then gunicorn has the word."""

import argparse
import importlib
import logging
import os
import resource
import sys
from collections.abc import Sequence

from object2vec.errors import Object2VecError
from object2vec.memory import free_memory
from object2vec.saved_model import SavedModel
from object2vec_container.ml_folder import DEFAULT_ROOT, ROOT_VARIABLE
from object2vec_container.serving import access_log
from object2vec_container.serving.settings import Settings, visible_gpus
from object2vec_container.serving.settings_table import unknown_names

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a model until SIGTERM.

    Args:
        arguments: The command line without the program's name; None takes the process's own.

    Returns:
        The exit code: 1 for a defect, 2 for the client's fault, 3 for the machine's.
    """
    _parser().parse_args(arguments)
    access_log.configure(logging.INFO, as_json=False)
    try:
        _serve(Settings.from_variables(os.environ))
    except Object2VecError as error:
        logger.error("%s: %s", error.fault_name, error)  # noqa: TRY400 (its words say it all)
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog="serve",
        description=(
            "Serve an Object2Vec model over HTTP. It takes no arguments: the model stands in "
            f"{DEFAULT_ROOT}/model (or in model/ below the folder that the environment variable "
            f"{ROOT_VARIABLE} names); docs/environment_variables.md lists all variables."
        ),
    )


def _serve(settings: Settings) -> None:
    access_log.configure(settings.log_level, settings.logs_json)
    for warning in unknown_names(os.environ):
        logger.warning("%s", warning)
    saved = None if settings.is_multi_model else SavedModel.open(settings.model_folder)
    cpus = len(os.sched_getaffinity(0))
    gpus = visible_gpus()
    settings = settings.for_machine(cpus, free_memory(), gpus)
    workers = settings.workers or 1
    # Workers that all use every processor get in each other's way.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cpus // workers)))
    _raise_file_limit()
    if not gpus:
        # Before the fork, so that workers share it. With a GPU each worker must do it by itself.
        importlib.import_module("object2vec.inference.predictor")
    logger.info(
        "Serving %s at %s:%d: %d worker(s) with %s thread(s) for the engine and %d for HTTP, "
        "payloads up to %d bytes",
        "a multi-model endpoint" if saved is None else saved.folder,
        settings.host,
        settings.port,
        workers,
        os.environ["OMP_NUM_THREADS"],
        settings.threads,
        settings.payload_bytes,
    )
    from object2vec_container.serving.server import (  # noqa: PLC0415 (checks come first)
        Server,
        check_address,
        with_shared_folder,
    )

    check_address(settings)
    with_shared_folder(lambda folder: Server(settings, saved, folder).run())


def _raise_file_limit() -> None:
    """Allow as many open files, so connections, as this process may."""
    _, highest = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest, highest))


if __name__ == "__main__":
    sys.exit(main())
