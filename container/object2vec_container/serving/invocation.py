"""One request for scores or embeddings, from its body to its answer."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected
from werkzeug.wrappers import Request

from object2vec.errors import AlgorithmError
from object2vec.inference.instances import InstanceError, Query, merge, sides_asked
from object2vec_container.serving.admission import Admission
from object2vec_container.serving.content_types import (
    JSON,
    JSON_LINES,
    RequestForm,
    choose_answer,
    read_content_type,
)
from object2vec_container.serving.engine import Engine, Floats, Job
from object2vec_container.serving.http_errors import (
    BadRequestFault,
    RequestTimeoutFault,
    TooLargeFault,
    UnavailableFault,
)
from object2vec_container.serving.models import LoadedModel, Models
from object2vec_container.serving.settings import Settings
from object2vec_container.serving.telemetry import Telemetry
from object2vec_container.serving.wire import (
    is_json_lines,
    read_records,
    say_too_large,
    unpack,
    write_answer,
)

Piece = TypeVar("Piece")

_READ_BYTES = 1 << 16


@dataclass(slots=True)
class Invocation:
    """What is told of an invocation: its answer, and facts for the log.

    Attributes:
        body: The answer; empty where the request was.
        content_type: The answer's.
        records: Records answered.
        queue_seconds: Time until the engine began with it.
        engine_seconds: Time of the engine's steps for it, shared ones in full.
    """

    body: bytes = b""
    content_type: str = JSON
    records: int = 0
    queue_seconds: float = 0.0
    engine_seconds: float = 0.0


class Invoker:
    """Answers invocations; one a worker, for all its HTTP threads.

    Args:
        settings: How to serve.
        engine: The worker's.
        models: The worker's.
        admission: The worker's.
        telemetry: Counts what is answered.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        models: Models,
        admission: Admission,
        telemetry: Telemetry,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._models = models
        self._admission = admission
        self._telemetry = telemetry
        # JSON is read and written under Python's global lock anyway. With one thread at it, /ping
        # and the engine find that lock free soon, and large requests take turns piece by piece.
        self._codec = threading.Lock()

    def invoke(self, request: Request, model_name: str | None) -> Invocation:
        """Answer one request.

        Raises:
            HTTPFault: Why it cannot be answered.
        """
        deadline = time.monotonic() + self._settings.timeout
        form = read_content_type(request.headers.get("Content-Type"))
        limit = self._settings.payload_bytes
        size = request.content_length
        if size is not None and size > limit:
            raise TooLargeFault(say_too_large("has", size, limit))
        with (
            self._models.use(model_name) as model,
            self._admission.enter(limit if size is None else size),
        ):
            body = read_body(request, limit, deadline)
            body = unpack(body, request.headers.get("Content-Encoding"), limit)
            return self._answer(model, body, form, request.headers.get("Accept"), deadline)

    def _answer(
        self,
        model: LoadedModel,
        body: bytes,
        form: RequestForm,
        accept: str | None,
        deadline: float,
    ) -> Invocation:
        with self._codec:
            is_lines = is_json_lines(body, form)
        own = form.content_type or (JSON_LINES[0] if is_lines else JSON)
        content_type = choose_answer(accept, own, self._settings.default_accept)
        told = Invocation(content_type=content_type)
        if not body:
            return told
        queries, told.records = self._decode(model, body, is_lines, form)
        jobs = [self._engine.submit(model.predictor, query) for query in queries]
        answers = []
        try:
            for query, job in zip(queries, jobs, strict=True):
                answers.append((query, self._await(job, query, deadline)))
                told.queue_seconds = max(told.queue_seconds, job.queue_seconds)
                told.engine_seconds += job.engine_seconds
        finally:
            for job in jobs:
                job.future.cancel()  # in vain, but where another one of them failed
        told.body = b"".join(self._in_turns(write_answer(answers, told.records, content_type)))
        return told

    def _decode(
        self, model: LoadedModel, body: bytes, is_lines: bool, form: RequestForm
    ) -> tuple[list[Query], int]:
        """Return what a body asks, its rows prepared, and how many records it has."""
        queries: list[Query] = []
        count = 0
        try:
            for records in self._in_turns(read_records(body, is_lines)):
                with self._codec:
                    asked = model.rules.read(records, count)
                    queries += [_prepare(model, query, form) for query in asked]
                count += len(records)
        except InstanceError as error:
            raise BadRequestFault(str(error), record=error.record, field=error.field) from error
        return merge(queries), count

    def _in_turns(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        """Yield pieces, each made while no other thread makes one."""
        while True:
            with self._codec:
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece

    def _await(self, job: Job, query: Query, deadline: float) -> Floats:
        try:
            answer = job.future.result(max(0.0, deadline - time.monotonic()))
        except TimeoutError as error:
            raise UnavailableFault(
                f"The request was not answered within {self._settings.timeout} s "
                "(SAGEMAKER_MODEL_SERVER_TIMEOUT). Try again, with fewer records."
            ) from error
        if not np.isfinite(answer).all():
            index = int(query.records[np.flatnonzero(~np.isfinite(answer).all(axis=1))[0]])
            raise AlgorithmError(f"The network's answer to record {index} is no finite number.")
        kind = "scores" if query.side is None else "embeddings"
        self._telemetry.count_answer(kind, len(answer), job.queue_seconds)
        return answer


def _prepare(model: LoadedModel, query: Query, form: RequestForm) -> Query:
    rows = tuple(
        model.predictor.prepare(side, rows, form.max_seq_lens[side])
        for side, rows in zip(sides_asked(query.side), query.rows, strict=True)
    )
    return Query(query.side, query.records, rows)


def read_body(request: Request, limit: int, deadline: float) -> bytes:
    """Return a request's whole body.

    Raises:
        TooLargeFault: It is larger than `limit` bytes.
        RequestTimeoutFault: It did not arrive before the deadline.
        BadRequestFault: The client went away, or the body's chunks are broken.
    """
    chunks: list[bytes] = []
    size = 0
    expected = request.content_length
    try:
        while chunk := request.stream.read(_READ_BYTES):
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                raise TooLargeFault(say_too_large("has", None, limit))
    except ParseException as error:
        raise BadRequestFault(f"The body's chunks are broken: {error}.") from error
    except (ClientDisconnected, OSError) as error:
        raise _cut_off(size, expected, deadline) from error
    if expected is not None and size < expected:
        raise _cut_off(size, expected, deadline)
    return b"".join(chunks)


def _cut_off(size: int, expected: int | None, deadline: float) -> Exception:
    arrived = f"{size} bytes" + ("" if expected is None else f" of {expected}")
    if time.monotonic() >= deadline:
        return RequestTimeoutFault(
            f"The body did not arrive in time: {arrived} did (SAGEMAKER_MODEL_SERVER_TIMEOUT)."
        )
    return BadRequestFault(f"The body was cut off: {arrived} arrived.")
