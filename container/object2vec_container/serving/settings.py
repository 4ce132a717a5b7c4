"""What the environment variables say, as one frozen record; and what the machine adds."""

import importlib.metadata
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from object2vec.errors import ClientError
from object2vec_container.ml_folder import MLFolder
from object2vec_container.serving.settings_table import read_settings

MEBIBYTE = 2**20
QUEUE_LENGTH = 96
# Threads of a worker beside those that may wait for the engine.
SPARE_THREADS = 32
# What the service allows a batch transform to have under way, in MB.
_BATCH_MEGABYTES = 100
# What a worker takes beside the model's shared tables, in MiB.
_WORKER_MEGABYTES = 150


@dataclass(frozen=True, slots=True)
class Settings:
    """How to serve.

    Attributes:
        model_folder: Where the model stands.
        host: Address to listen on.
        port: Port to listen on.
        workers: Worker processes; None lets the machine decide.
        queue_length: Requests a worker has under way at most.
        threads: HTTP threads of a worker.
        queue_bytes: Bytes of bodies a worker holds at most.
        payload_bytes: Bytes of the largest body.
        timeout: Seconds a request may take.
        default_accept: Content type of an answer where the request names none, or None.
        ignores_unknown_ids: Whether ids out of range count as padding.
        preferred_mode: `classification`, `embedding` or None.
        is_batch: Whether a batch transform started this.
        batch_strategy: What /execution-parameters answers.
        concurrent_transforms: The same; None lets the workers decide.
        is_multi_model: Whether models come and go.
        model_bytes: Bytes that models may take together; None lets the machine decide.
        log_level: A level of Python's logging.
        logs_json: Whether log lines are JSON.
        has_metrics: Whether /metrics answers.
        gpus: GPUs to serve from, by the driver's names; workers take them in turn.
    """

    model_folder: Path
    host: str = "0.0.0.0"
    port: int = 8080
    workers: int | None = None
    queue_length: int = QUEUE_LENGTH
    threads: int = QUEUE_LENGTH + SPARE_THREADS
    queue_bytes: int = 64 * MEBIBYTE
    payload_bytes: int = 6 * MEBIBYTE
    timeout: int = 60
    default_accept: str | None = None
    ignores_unknown_ids: bool = False
    preferred_mode: str | None = None
    is_batch: bool = False
    batch_strategy: str = "MULTI_RECORD"
    concurrent_transforms: int | None = None
    is_multi_model: bool = False
    model_bytes: int | None = None
    log_level: int = 20
    logs_json: bool = False
    has_metrics: bool = True
    gpus: tuple[str, ...] = ()

    @classmethod
    def from_variables(cls, variables: Mapping[str, str]) -> Self:
        """Read the environment variables.

        Raises:
            ClientError: One or more of them are not as they must be; all are named.
        """
        values, faults = read_settings(variables)
        queue_length = values.get("queue_length", QUEUE_LENGTH)
        threads = values.get("threads", queue_length + SPARE_THREADS)
        names = ("OBJECT2VEC_THREADS=", "OBJECT2VEC_QUEUE_LENGTH=")
        both_read = not any(fault.startswith(names) for fault in faults)
        if both_read and threads <= queue_length:
            faults.append(
                f"OBJECT2VEC_THREADS={threads} must be more than OBJECT2VEC_QUEUE_LENGTH="
                f"{queue_length}: requests that wait hold a thread each, and /ping needs one."
            )
        if faults:
            raise ClientError("Environment variables are wrong: " + " ".join(faults))
        return cls(**_in_bytes(values, variables), queue_length=queue_length, threads=threads)

    def for_machine(self, cpus: int, free_bytes: int, gpus: tuple[str, ...]) -> Self:
        """Return the settings with what the machine decides filled in.

        Args:
            cpus: Processors this process may use.
            free_bytes: Memory that is free.
            gpus: GPUs to serve from; each takes one worker.
        """
        room = max(1, free_bytes // MEBIBYTE // _WORKER_MEGABYTES)
        workers = self.workers or len(gpus) or min(cpus, room)
        payload = max(1, self.payload_bytes // MEBIBYTE)
        transforms = min(2 * workers, max(1, _BATCH_MEGABYTES // payload))
        return replace(
            self,
            workers=workers,
            gpus=gpus,
            concurrent_transforms=self.concurrent_transforms or transforms,
            model_bytes=self.model_bytes or free_bytes * 4 // 5,
        )


def _in_bytes(values: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of `Settings` but for the queue's length and threads."""
    fields = {name: value for name, value in values.items() if name not in _CONVERTED}
    is_batch = values.get("is_batch", False)
    megabytes = values.get("payload_megabytes")
    if megabytes is None and "content_length" in values:
        payload = values["content_length"]
    else:
        default = _BATCH_MEGABYTES if is_batch else 6
        payload = (default if megabytes is None else megabytes or 1024) * MEBIBYTE
    fields["payload_bytes"] = payload
    queue = values.get("queue_megabytes")
    fields["queue_bytes"] = queue * MEBIBYTE if queue else max(64 * MEBIBYTE, 4 * payload)
    fields.setdefault("timeout", 3600 if is_batch else 60)
    if "model_megabytes" in values:
        fields["model_bytes"] = values["model_megabytes"] * MEBIBYTE
    fields["model_folder"] = MLFolder.from_variables(variables).model_folder
    return fields


_CONVERTED = (
    "ml_root",
    "payload_megabytes",
    "content_length",
    "queue_megabytes",
    "queue_length",
    "threads",
    "model_megabytes",
)


def visible_gpus(devices: Path = Path("/dev")) -> tuple[str, ...]:
    """Return the GPUs to serve from, as CUDA_VISIBLE_DEVICES names them.

    Asking the driver would make forks unsafe, so the device files are looked at; with an engine
    that was built for none there are none.
    """
    if not any(name.startswith("mxnet-cu") for name in _installed_packages()):
        return ()
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return tuple(name.strip() for name in named.split(",") if name.strip() not in ("", "-1"))
    numbers = [path.name.removeprefix("nvidia") for path in devices.glob("nvidia*")]
    return tuple(str(index) for index in range(sum(number.isdigit() for number in numbers)))


def _installed_packages() -> list[str]:
    return [each.name for each in importlib.metadata.distributions()]
