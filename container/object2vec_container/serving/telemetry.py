"""What the server tells of itself: Prometheus' metrics, right across its worker processes.

Every process writes its numbers into files of one folder (prometheus-client's multi-process mode),
and whichever is asked adds them up. The folder must be known before that library is imported, so
it is imported here only, and late.
"""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

logger = logging.getLogger(__name__)

_FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# prometheus-client's files of a process, and more than what all series here take of one.
_FILE_KINDS = ("counter", "histogram", "gauge_livesum")
_FILE_BYTES = 1 << 16
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_RECORDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Telemetry:
    """The server's metrics; a telemetry without a folder counts nothing.

    Args:
        folder: An empty folder for the processes' files, or None.
    """

    def __init__(self, folder: Path | None) -> None:
        self._client: ModuleType | None = None
        if folder is None:
            return
        os.environ[_FOLDER_VARIABLE] = str(folder)
        import prometheus_client  # noqa: PLC0415 (it reads the variable at import)
        import prometheus_client.multiprocess  # noqa: PLC0415

        self._client = prometheus_client
        # Counted in files, not here: no default registry, so that an import twice does no harm.
        registry = prometheus_client.CollectorRegistry()
        counter: Any = _maker(prometheus_client.Counter, registry)
        histogram: Any = _maker(prometheus_client.Histogram, registry)
        gauge: Any = _maker(prometheus_client.Gauge, registry)
        self._requests = counter(
            "requests", "Requests by path and status.", labelnames=("path", "code")
        )
        self._request_seconds = histogram(
            "request_seconds", "Time of a request.", labelnames=("path",), buckets=_SECONDS
        )
        self._records = counter("records", "Records answered.", labelnames=("answer",))
        self._queue_seconds = histogram(
            "queue_seconds", "Time a request waited for the engine.", buckets=_SECONDS
        )
        self._step_seconds = histogram(
            "engine_step_seconds", "Time of one step of the engine.", buckets=_SECONDS
        )
        self._step_records = histogram(
            "engine_step_records", "Records in one step of the engine.", buckets=_RECORDS
        )
        self._queue_length = gauge(
            "queue_length", "Requests under way.", multiprocess_mode="livesum"
        )

    def reserve(self) -> None:
        """Take the room for this process's files; where there is none, count nothing.

        The files are mapped into memory, and a page of them that the disk has no room for would
        end the process when it is written.
        """
        if self._client is None:
            return
        folder = Path(os.environ[_FOLDER_VARIABLE])
        try:
            for kind in _FILE_KINDS:
                with (folder / f"{kind}_{os.getpid()}.db").open("ab") as stream:
                    os.posix_fallocate(stream.fileno(), 0, _FILE_BYTES)
        except OSError as error:
            logger.warning("This worker's metrics are not counted: %s: %s", folder, error.strerror)
            self._client = None

    @property
    def is_on(self) -> bool:
        """Whether anything is counted."""
        return self._client is not None

    def count_request(self, path: str, status: int, seconds: float) -> None:
        """Count an answered request.

        Args:
            path: The path's pattern, never a path as it was sent.
            status: Of its answer.
            seconds: From its head to its answer.
        """
        if self._client:
            self._requests.labels(path, str(status)).inc()
            self._request_seconds.labels(path).observe(seconds)

    def count_answer(self, answer: str, records: int, queue_seconds: float) -> None:
        """Count the records of a query that was answered.

        Args:
            answer: `scores` or `embeddings`.
            records: How many.
            queue_seconds: Time it waited.
        """
        if self._client:
            self._records.labels(answer).inc(records)
            self._queue_seconds.observe(queue_seconds)

    def count_step(self, records: int, seconds: float) -> None:
        """Count a step of the engine."""
        if self._client:
            self._step_records.observe(records)
            self._step_seconds.observe(seconds)

    def set_queue_length(self, requests: int) -> None:
        """Note how many requests this process has under way."""
        if self._client:
            self._queue_length.set(requests)

    def forget_process(self, pid: int) -> None:
        """Drop what only counts while a process lives, of one that has ended."""
        if self._client:
            self._client.multiprocess.mark_process_dead(pid)

    def exposition(self, models_loaded: Callable[[], int]) -> tuple[bytes, str]:
        """Return the metrics of all processes as text, and its content type."""
        assert self._client is not None
        registry = self._client.CollectorRegistry()
        self._client.multiprocess.MultiProcessCollector(registry)
        registry.register(_LoadedModels(self._client, models_loaded))
        return self._client.generate_latest(registry), self._client.CONTENT_TYPE_LATEST


class _LoadedModels:
    """A gauge that is looked up when it is asked for: processes share one list of models."""

    def __init__(self, client: ModuleType, count: Callable[[], int]) -> None:
        self._client = client
        self._count = count

    def collect(self) -> Iterator[Any]:
        yield self._client.metrics_core.GaugeMetricFamily(
            "object2vec_models_loaded", "Models that are loaded.", value=self._count()
        )


def _maker(kind: Any, registry: Any) -> Callable[..., Any]:
    def make(name: str, text: str, **options: Any) -> Any:
        return kind(name, text, namespace="object2vec", registry=registry, **options)

    return make
