"""The Flask application: paths to what answers them, and every failure to one form of answer."""

import base64
import binascii
import logging
import math
import re
import time
import uuid
from dataclasses import dataclass
from typing import Any

import orjson
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from object2vec.data.record_check import describe
from object2vec.errors import shorten
from object2vec_container.serving.access_log import log_request
from object2vec_container.serving.admission import Admission
from object2vec_container.serving.content_types import JSON
from object2vec_container.serving.engine import Engine, EngineDiedError
from object2vec_container.serving.http_errors import (
    BadRequestFault,
    HTTPFault,
    TooLargeFault,
    UnavailableFault,
)
from object2vec_container.serving.invocation import Invocation, Invoker, read_body
from object2vec_container.serving.models import Models, trim_memory
from object2vec_container.serving.settings import MEBIBYTE, Settings
from object2vec_container.serving.shelf import Entry, page
from object2vec_container.serving.shelved_models import ShelvedModels
from object2vec_container.serving.telemetry import Telemetry

logger = logging.getLogger(__name__)

# A step of the engine is some milliseconds; one that takes so long will never end.
STUCK_SECONDS = 120
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
# What a body of so many bytes was read into is given back to the machine at once: the C library
# would keep it, for each thread anew.
_LARGE_BODY = 1 << 16
_PAGE = 100
_LARGEST_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Service:
    """What a worker serves with.

    Attributes:
        settings: How to serve, what the machine decides filled in.
        engine: The thread that computes.
        models: What is loaded.
        admission: Bounds what is under way.
        telemetry: Counts.
    """

    settings: Settings
    engine: Engine
    models: Models
    admission: Admission
    telemetry: Telemetry


def create_app(service: Service) -> Flask:
    """Return the application of one worker."""
    app = Flask("object2vec", static_folder=None)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # or it answers with redirections
    _observe(app, service)
    _map_failures(app)
    _add_probes(app, service)
    invoker = Invoker(
        service.settings, service.engine, service.models, service.admission, service.telemetry
    )

    def invoke(name: str | None = None) -> Response:
        told: Invocation = invoker.invoke(request, name)
        g.facts.update(
            records=told.records,
            queue_ms=_milliseconds(told.queue_seconds),
            engine_ms=_milliseconds(told.engine_seconds),
        )
        if not told.body and not told.records and request.content_length in (None, 0):
            return Response(status=204)
        return Response(told.body, content_type=told.content_type)

    app.add_url_rule("/invocations", "invocations", invoke, methods=["POST"])
    if isinstance(service.models, ShelvedModels):
        app.add_url_rule("/models/<name>/invoke", "invoke", invoke, methods=["POST"])
        _add_models(app, service.models)
    return app


def _observe(app: Flask, service: Service) -> None:
    """Give every request an id, a line in the log and its place in the metrics."""

    @app.before_request
    def begin() -> None:
        sent = request.headers.get("X-Request-Id", "")
        g.began = time.monotonic()
        g.request_id = sent if _REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex
        g.facts = {}

    @app.after_request
    def end(response: Response) -> Response:
        seconds = time.monotonic() - g.began
        path = request.url_rule.rule if request.url_rule else "other"
        response.headers["X-Request-Id"] = g.request_id
        service.telemetry.count_request(path, response.status_code, seconds)
        log_request(
            {
                "request_id": g.request_id,
                "method": request.method if request.url_rule else None,
                "path": path,
                "status": response.status_code,
                "bytes_in": request.content_length,
                "bytes_out": response.content_length,
                **g.facts,
                "total_ms": _milliseconds(seconds),
            },
            logging.DEBUG if path == "/ping" and response.status_code == 200 else logging.INFO,
        )
        # By now nothing holds the records any more, not even a failure's traceback.
        if (request.content_length or 0) > _LARGE_BODY:
            trim_memory()
        return response


def _map_failures(app: Flask) -> None:
    """The one place that maps an error to a status and a body."""

    @app.errorhandler(Exception)
    def answer_failure(error: Exception) -> Response:
        if isinstance(error, EngineDiedError):
            error = UnavailableFault("The worker lost its engine and is replaced. Try again.")
        if isinstance(error, HTTPFault):
            return _failure(
                error.status,
                error.fault_name,
                str(error),
                headers=error.headers,
                record=error.record,
                field=error.field,
            )
        if isinstance(error, HTTPException):
            return _answer_http_exception(error)
        logger.error("Request %s failed:", g.request_id, exc_info=error)
        return _failure(
            500,
            "AlgorithmError",
            f"The request failed by a defect of the server, which has logged it under the id "
            f"{g.request_id}. Please report it with that part of the log.",
        )


def _answer_http_exception(error: HTTPException) -> Response:
    status = error.code or 500
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    if status == 404:
        message = (
            f"There is nothing at {shorten(request.path)}. Paths are /ping, /invocations, "
            "/execution-parameters, /metrics and, on a multi-model endpoint, /models."
        )
    elif status == 405:
        allowed = headers.get("Allow", "")
        message = f"{shorten(request.path)} takes {allowed}, not {shorten(request.method)}."
    else:
        message = error.description or error.name
    return _failure(status, "ClientError", message, headers=headers)


def _failure(
    status: int,
    fault_name: str,
    message: str,
    *,
    headers: dict[str, str] | None = None,
    record: int | None = None,
    field: str | None = None,
) -> Response:
    # A message may quote what was sent, lone surrogates too.
    text = message.encode("utf-8", "backslashreplace").decode()
    error: dict[str, Any] = {"code": status, "type": fault_name, "message": text}
    if record is not None:
        error["record"] = record
    if field is not None:
        error["field"] = field
    error["request_id"] = g.request_id
    g.facts.update(error=fault_name, record=record)
    return Response(orjson.dumps({"error": error}), status, headers, content_type=JSON)


def _add_probes(app: Flask, service: Service) -> None:
    @app.get("/ping")
    def ping() -> Response:
        if service.engine.is_dead or service.engine.step_seconds > STUCK_SECONDS:
            raise UnavailableFault("The worker lost its engine and is being replaced.")
        if not service.models.is_ready:
            raise UnavailableFault("The model is being loaded.")
        return Response(status=200)

    @app.get("/execution-parameters")
    def execution_parameters() -> Response:
        settings = service.settings
        return _json(
            {
                "MaxConcurrentTransforms": settings.concurrent_transforms,
                "BatchStrategy": settings.batch_strategy,
                "MaxPayloadInMB": max(1, min(100, settings.payload_bytes // MEBIBYTE)),
            }
        )

    if service.telemetry.is_on:

        @app.get("/metrics")
        def metrics() -> Response:
            text, content_type = service.telemetry.exposition(service.models.count)
            return Response(text, content_type=content_type)


def _add_models(app: Flask, models: ShelvedModels) -> None:
    @app.post("/models")
    def load() -> Response:
        name, url = _read_loading()
        models.load(name, url)
        return _json({"modelName": name, "modelUrl": url})

    @app.get("/models")
    def list_all() -> Response:
        limit = request.args.get("limit", str(_PAGE))
        is_number = limit.isascii() and limit.isdigit() and len(limit) < 9
        if not (is_number and 1 <= int(limit) <= _LARGEST_PAGE):
            raise BadRequestFault(f"limit is {shorten(limit)}, must be 1..{_LARGEST_PAGE}.")
        token = request.args.get("next_page_token")
        after = None if token is None else _decode_token(token)
        entries, last = page(models.entries(), after, int(limit))
        answer: dict[str, Any] = {"models": [_described(entry) for entry in entries]}
        if last is not None:
            answer["nextPageToken"] = base64.urlsafe_b64encode(last.encode()).decode()
        return _json(answer)

    @app.get("/models/<name>")
    def describe(name: str) -> Response:
        return _json(_described(models.entry(name)))

    @app.delete("/models/<name>")
    def unload(name: str) -> Response:
        entry = models.entry(name)
        models.unload(name)
        return _json(_described(entry))


def _read_loading() -> tuple[str, str]:
    """Return the name and the folder of a model that is to be loaded."""
    example = '{"model_name": "mine", "url": "/opt/ml/models/mine/model"}'
    try:
        body = orjson.loads(read_body(request, MEBIBYTE, math.inf))
    except TooLargeFault as fault:
        raise TooLargeFault(f"The body is larger than {MEBIBYTE} bytes; send {example}.") from fault
    except orjson.JSONDecodeError as error:
        raise BadRequestFault(f"The body is not JSON ({error}); send {example}.") from error
    values = [body.get(key) if isinstance(body, dict) else None for key in ("model_name", "url")]
    for key, value in zip(("model_name", "url"), values, strict=True):
        if not isinstance(value, str) or not value or "\0" in value:
            raise BadRequestFault(
                f"{key}: {describe(value)}, must be a text without NUL; send {example}.", field=key
            )
    return str(values[0]), str(values[1])


def _decode_token(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise BadRequestFault(
            f"next_page_token is {shorten(token)}, must be the nextPageToken of a former answer."
        ) from error


def _described(entry: Entry) -> dict[str, str]:
    return {"modelName": entry.name, "modelUrl": entry.url}


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), content_type=JSON)


def _milliseconds(seconds: float) -> float:
    return round(1000 * seconds, 2)
