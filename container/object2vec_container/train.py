"""The program `train`: the ML folder in, a model or a failure file out.

The engine takes a second to load, so all that can be refused without it is refused before.
"""

import argparse
import hashlib
import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from object2vec.data.pipes import Pipe, pipe_seconds
from object2vec.errors import ClientError
from object2vec.hyperparameters import Hyperparameters
from object2vec.saved_model import MANIFEST
from object2vec.training import events
from object2vec.training.hosts import Hosts, SingleHost, choose_store
from object2vec.training.stop import Stop, StopRequested
from object2vec_container import failures
from object2vec_container.checkpoint_settings import checkpoint_seconds
from object2vec_container.environment import Environment, JobHosts
from object2vec_container.line_format import configure_logging
from object2vec_container.log_lines import LogLines, log_configuration
from object2vec_container.ml_folder import DEFAULT_ROOT, ROOT_VARIABLE, MLFolder
from object2vec_container.stopping import stoppable

if TYPE_CHECKING:
    from object2vec_container.hosts.session import Session

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one training job.

    Args:
        arguments: The command line without the program's name; None takes the process's own.

    Returns:
        The exit code: 0 for success and after SIGTERM, 1 for a defect, 2 for the client's fault,
        3 for the machine's.
    """
    started = time.time()
    _parser().parse_args(arguments)
    folder = MLFolder.from_variables(os.environ)
    on_terminal = _set_up_output()
    failures.forget(folder)
    try:
        with stoppable() as stop:
            hosts = JobHosts.read(folder)
            if len(hosts.names) > 1:
                _train_with_others(hosts, folder, started, on_terminal)
            else:
                _train(folder, started, on_terminal, stop=stop)
    except StopRequested:
        _log_stop(folder)
    except (Exception, KeyboardInterrupt) as error:
        return failures.report(error, folder)
    return 0


def _parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog="train",
        description=(
            "Train an Object2Vec model. It takes no arguments: the job stands in the ML folder "
            f"({DEFAULT_ROOT}, or the folder that the environment variable {ROOT_VARIABLE} names), "
            "in input/config/hyperparameters.json and input/data/<channel>/. The model goes to "
            "model/, the reason of a failure to output/failure."
        ),
    )


def _set_up_output() -> bool:
    """Send log lines to stdout; return whether that is a terminal that can show a progress bar."""
    # File names need not be UTF-8, and a strange one must not stop a line.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    # The SDK's local mode gives its containers a terminal, but reads whole lines of it: a bar would
    # show nothing until the end. Its jobs have names, as the platform's have.
    on_terminal = (
        sys.stdout.isatty()
        and os.environ.get("TERM") != "dumb"
        and "TRAINING_JOB_NAME" not in os.environ
    )
    if on_terminal:
        from object2vec_container.progress_bar import LinesAboveBar  # noqa: PLC0415 (rarely needed)

        configure_logging(LinesAboveBar(sys.stdout))
    else:
        configure_logging(logging.StreamHandler(sys.stdout))
    return on_terminal


def _train_with_others(
    hosts: JobHosts, folder: MLFolder, started: float, on_terminal: bool
) -> None:
    """Train as one of several hosts; does not return, as all end at once."""
    from object2vec_container.hosts.session import Session  # noqa: PLC0415 (rarely needed)

    def log_stop() -> None:
        if hosts.current == hosts.names[0]:
            _log_stop(folder)
        else:
            logger.warning(
                "Stopped before the end of the training: the model is on %s", hosts.names[0]
            )

    session = Session(hosts.names, hosts.current, folder, log_stop)
    # Hosts that wait for one another inside the engine come to no common place to stop at.
    session.run(os.environ, lambda joined: _train(folder, started, on_terminal, session=joined))


def _train(
    folder: MLFolder,
    started: float,
    on_terminal: bool,
    *,
    session: "Session | None" = None,
    stop: Stop = Stop(),  # noqa: B008 (without state)
) -> None:
    environment = Environment.read(folder)
    seconds = checkpoint_seconds(os.environ)
    wait = pipe_seconds(os.environ)
    hyperparameters = Hyperparameters.from_strings(environment.hyperparameters)
    log_configuration(
        environment.hyperparameters, str(folder.hyperparameters_file), hyperparameters
    )
    for warning in environment.channels.warnings:
        logger.warning("%s", warning)
    _warn_of_missing_objective(hyperparameters, environment)
    hosts: Hosts = SingleHost(names=environment.hosts.names)
    if session is not None:
        hosts = session.group
        _check_same_job(hosts, environment)
        is_async = choose_store(hyperparameters) == "dist_async"
        servers = hyperparameters.num_kv_servers or len(hosts.names)
        session.start_servers(servers, with_optimizer=is_async)

    # Only now: it loads the engine.
    from object2vec.training.channels import Channels  # noqa: PLC0415
    from object2vec.training.checkpoints import Checkpoints  # noqa: PLC0415
    from object2vec.training.job import run_job  # noqa: PLC0415

    with ExitStack() as stack:
        lines = LogLines(environment.hosts.current, hyperparameters, started, not on_terminal)
        listeners: list[events.Listener] = []
        if on_terminal:
            from object2vec_container.progress_bar import ProgressBar  # noqa: PLC0415

            bar = ProgressBar(sys.stdout, hyperparameters.epochs)
            stack.callback(bar.close)
            listeners.append(bar)
        listeners.append(lines)

        def listen(event: events.Event) -> None:
            for listener in listeners:
                listener(event)

        given = environment.channels
        places: dict[str, Path | Pipe] = {
            name: Pipe(path, wait) if name in given.piped else path
            for name, path in given.places.items()
        }
        channels = Channels(
            train=places["train"],
            validation=places.get("validation"),
            test=places.get("test"),
            auxiliary=given.places.get("auxiliary"),
            sharded=given.sharded,
        )
        checkpoints = None
        if environment.checkpoint_folder is not None:
            checkpoints = Checkpoints(
                environment.checkpoint_folder, environment.hosts.current, seconds
            )
        run_job(
            hyperparameters,
            channels,
            folder.model_folder,
            listen,
            hosts,
            checkpoints=checkpoints,
            stop=stop,
        )
        lines.close()


def _check_same_job(hosts: Hosts, environment: Environment) -> None:
    """Check that all hosts were told to do the same."""
    told = [
        sorted((name, str(value)) for name, value in environment.hyperparameters.items()),
        sorted(environment.channels.places),
        sorted(environment.channels.sharded),
    ]
    digests = hosts.gather(hashlib.sha256(json.dumps(told).encode()).hexdigest())
    for name, digest in zip(hosts.names, digests, strict=True):
        if digest != digests[0]:
            raise ClientError(
                f"The hosts {hosts.names[0]} and {name} have different hyperparameters or "
                f"channels. Give all hosts the same {environment.folder.hyperparameters_file} and "
                f"{environment.folder.input_data_config_file}, and a folder for every channel."
            )


def _log_stop(folder: MLFolder) -> None:
    if (folder.model_folder / MANIFEST).exists():
        what = f"{folder.model_folder} holds the best model so far"
    else:
        what = "no epoch had ended, so there is no model"
    logger.warning("Stopped by SIGTERM before the end of the training: %s", what)


def _warn_of_missing_objective(hyperparameters: Hyperparameters, environment: Environment) -> None:
    """Warn where a tuning job waits for a metric whose channel the job was not given."""
    channel, colon, _ = hyperparameters.tuning_objective_metric.partition(":")
    if colon and channel not in environment.channels.places:
        logger.warning(
            "The tuning objective %s is never logged: the job has no channel '%s'",
            hyperparameters.tuning_objective_metric,
            channel,
        )


if __name__ == "__main__":
    sys.exit(main())
