"""The server's interface as an OpenAPI document, for clients that are made by machines.

Everything the application can answer stands in it. Broken HTTP never reaches the application:
gunicorn answers it 400 or closes the connection, in a form of its own.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import object2vec
from object2vec_container.serving.content_types import CONTENT_TYPES, JSON, JSON_LINES

Object: TypeAlias = dict[str, Any]

_REQUEST_ID = "[A-Za-z0-9._:-]{1,64}"
_NO_NUL = r"^[^\u0000]+$"

_DESCRIPTION = """\
Scores of pairs and embeddings of single objects, under the contract of SageMaker's hosting and \
batch transform. The paths under /models answer on a multi-model endpoint only \
(SAGEMAKER_MULTI_MODEL=true), where /invocations answers 404.

Every failure has the one form ErrorAnswer. A request that is no HTTP is answered 400 by the HTTP \
server itself, as text, or its connection is closed."""

_BODY = """\
At most SAGEMAKER_MAX_PAYLOAD_IN_MB, as sent and as unpacked. Content-Encoding may be gzip. The \
Content-Type's parameter infer_max_seqlens=20,10 says how many tokens of in0 and of in1 are kept. \
In JSON Lines, every record of the list stands on a line of its own. Without a Content-Type the \
body's own look decides. An empty body is answered 204."""

# Status to what it means and the headers that come with it beside X-Request-Id.
_FAILURES: Mapping[int, tuple[str, tuple[str, ...]]] = {
    400: ("The request is not as it must be; the record and the field at fault are named.", ()),
    404: ("There is no such path or model.", ()),
    405: ("The path does not take the method.", ("Allow",)),
    406: ("No answer can have a form that Accept asks for.", ()),
    408: ("The body did not arrive in time.", ()),
    409: ("The model is loaded already.", ()),
    413: ("The body is larger than the limit, as sent or as unpacked.", ()),
    415: ("The Content-Type or the Content-Encoding is not read.", ()),
    500: ("A defect of the server, which has logged it.", ()),
    503: ("Not ready, busy, or not done in time: come again.", ("Retry-After",)),
    507: ("There is no memory for one more model.", ()),
}


def document() -> Object:
    """Return the OpenAPI 3.1 document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Object2Vec",
            "version": object2vec.__version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://localhost:8080"}],
        "tags": [
            {"name": "platform", "description": "What the platform asks."},
            {"name": "predictions", "description": "Scores and embeddings."},
            {"name": "models", "description": "Models of a multi-model endpoint."},
        ],
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "parameters": _parameters(),
            "headers": _headers(),
            "responses": {
                f"Failure{status}": _failure(status, text, headers)
                for status, (text, headers) in _FAILURES.items()
            },
        },
    }


def _paths() -> Object:
    entry = _answer("The model.", JSON, "Model")
    name = [_reference("parameters", "name")]
    return {
        "/ping": {
            "get": _operation(
                "platform",
                "ping",
                "Whether requests can be answered: the model is loaded and warm.",
                {"200": _empty("They can.")},
                (405, 500, 503),
            )
        },
        "/invocations": {
            "post": _invocation("invocations", "Scores or embeddings, from the one model.")
        },
        "/execution-parameters": {
            "get": _operation(
                "platform",
                "executionParameters",
                "How a batch transform should call the server.",
                {"200": _answer("The parameters.", JSON, "ExecutionParameters")},
                (405, 500),
            )
        },
        "/metrics": {
            "get": _operation(
                "platform",
                "metrics",
                "Prometheus' metrics of all workers; 404 with OBJECT2VEC_METRICS=off.",
                {"200": _answer("The metrics.", "text/plain", "Metrics")},
                (404, 405, 500),
            )
        },
        "/models": {
            "post": {
                **_operation(
                    "models",
                    "loadModel",
                    "Load a model; the answer comes when it can be asked.",
                    {"200": entry},
                    (400, 404, 405, 409, 413, 500, 503, 507),
                ),
                "requestBody": {"required": True, "content": _content(JSON, "Loading")},
            },
            "get": {
                **_operation(
                    "models",
                    "listModels",
                    "The models that are loaded, by name.",
                    {"200": _answer("A page of them.", JSON, "ModelPage")},
                    (400, 404, 405, 500),
                ),
                "parameters": [
                    _reference("parameters", each)
                    for each in ("limit", "next_page_token", "X-Request-Id")
                ],
            },
        },
        "/models/{name}": {
            "parameters": name,
            "get": _operation(
                "models",
                "describeModel",
                "One model.",
                {"200": entry},
                (404, 405, 500),
            ),
            "delete": _operation(
                "models",
                "unloadModel",
                "Unload a model; the answer comes when its memory is given back.",
                {"200": entry},
                (404, 405, 500, 503),
            ),
        },
        "/models/{name}/invoke": {
            "parameters": name,
            "post": _invocation("invokeModel", "Scores or embeddings, from a model by its name."),
        },
    }


def _invocation(identifier: str, summary: str) -> Object:
    schemas = {each: "Records" if each in JSON_LINES else "Instances" for each in CONTENT_TYPES}
    answers = {each: "Answers" if each in JSON_LINES else "Predictions" for each in CONTENT_TYPES}
    operation = _operation(
        "predictions",
        identifier,
        summary,
        {
            "200": {
                **_empty("An answer a record, in their order; the form follows Accept."),
                "content": _contents(answers),
            },
            "204": _empty("The request's body was empty."),
        },
        (400, 404, 405, 406, 408, 413, 415, 500, 503),
    )
    body = {"description": _BODY, "required": False, "content": _contents(schemas)}
    return {**operation, "requestBody": body}


def _operation(
    tag: str, identifier: str, summary: str, answers: Object, failures: tuple[int, ...]
) -> Object:
    return {
        "tags": [tag],
        "operationId": identifier,
        "summary": summary,
        "parameters": [_reference("parameters", "X-Request-Id")],
        "responses": {
            **answers,
            **{str(status): _reference("responses", f"Failure{status}") for status in failures},
        },
    }


def _reference(kind: str, name: str) -> Object:
    return {"$ref": f"#/components/{kind}/{name}"}


def _content(content_type: str, schema: str) -> Object:
    return {content_type: {"schema": _reference("schemas", schema)}}


def _contents(schemas: Mapping[str, str]) -> Object:
    merged: Object = {}
    for content_type, schema in schemas.items():
        merged |= _content(content_type, schema)
    return merged


def _empty(description: str, *headers: str) -> Object:
    names = ("X-Request-Id", *headers)
    return {
        "description": description,
        "headers": {name: _reference("headers", name) for name in names},
    }


def _answer(description: str, content_type: str, schema: str) -> Object:
    return {**_empty(description), "content": _content(content_type, schema)}


def _failure(status: int, description: str, headers: tuple[str, ...]) -> Object:
    return {**_empty(description, *headers), "content": _content(JSON, "ErrorAnswer")}


def _headers() -> Object:
    return {
        "X-Request-Id": {
            "description": "The request's own id, or one that was made for it.",
            "required": True,
            "schema": {"type": "string", "pattern": f"^{_REQUEST_ID}$"},
        },
        "Retry-After": {
            "description": "Seconds after which to come again.",
            "required": True,
            "schema": {"type": "integer", "minimum": 1},
        },
        "Allow": {
            "description": "The methods that the path takes.",
            "required": True,
            "schema": {"type": "string"},
        },
    }


def _parameters() -> Object:
    return {
        "X-Request-Id": {
            "name": "X-Request-Id",
            "in": "header",
            "description": f"An id that the answer and the log bear; another than {_REQUEST_ID} "
            "is replaced.",
            "schema": {"type": "string"},
        },
        "name": {
            "name": "name",
            "in": "path",
            "required": True,
            "description": "The model's name, as it was loaded.",
            "schema": {"type": "string", "minLength": 1},
        },
        "limit": {
            "name": "limit",
            "in": "query",
            "description": "How many models a page lists at most.",
            "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
        },
        "next_page_token": {
            "name": "next_page_token",
            "in": "query",
            "description": "The nextPageToken of the former page.",
            "schema": {"type": "string"},
        },
    }


def _object(required: tuple[str, ...], **properties: Object) -> Object:
    return {"type": "object", "required": list(required), "properties": properties}


def _list(name: str) -> Object:
    return {"type": "array", "items": _reference("schemas", name)}


def _schemas() -> Object:
    text: Object = {"type": "string"}
    numbers: Object = {"type": "array", "items": {"type": "number"}}
    tokens = _list("Token")
    return {
        "Token": {
            "description": "An id below the model's vocab_size, written as an integer; a string "
            "where the model was trained with a vocabulary.",
            "anyOf": [{"type": "integer", "minimum": 0}, text],
        },
        "Record": {
            **_object((), in0=tokens, in1=tokens),
            "description": "Both sides ask for scores, one side for its embedding; other keys are "
            "not looked at.",
            "anyOf": [{"required": ["in0"]}, {"required": ["in1"]}],
            "example": {"in0": [10, 7], "in1": [4]},
        },
        "Records": _list("Record"),
        "Instances": _object(("instances",), instances=_list("Record")),
        "Answer": {
            "oneOf": [
                {**_object(("scores",), scores=numbers), "additionalProperties": False},
                {**_object(("embeddings",), embeddings=numbers), "additionalProperties": False},
            ]
        },
        "Answers": _list("Answer"),
        "Predictions": {
            **_object(("predictions",), predictions=_list("Answer")),
            "additionalProperties": False,
        },
        "ExecutionParameters": _object(
            ("MaxConcurrentTransforms", "BatchStrategy", "MaxPayloadInMB"),
            MaxConcurrentTransforms={"type": "integer", "minimum": 1, "maximum": 100},
            BatchStrategy={"enum": ["MULTI_RECORD", "SINGLE_RECORD"]},
            MaxPayloadInMB={"type": "integer", "minimum": 1, "maximum": 100},
        ),
        "Metrics": text,
        "Loading": _object(
            ("model_name", "url"),
            model_name={**text, "pattern": _NO_NUL},
            url={**text, "pattern": _NO_NUL, "description": "The model's folder."},
        ),
        "Model": _object(("modelName", "modelUrl"), modelName=text, modelUrl=text),
        "ModelPage": _object(("models",), models=_list("Model"), nextPageToken=text),
        "ErrorAnswer": {**_object(("error",), error=_error()), "additionalProperties": False},
    }


def _error() -> Object:
    return {
        **_object(
            ("code", "type", "message", "request_id"),
            code={"description": "The status.", "enum": list(_FAILURES)},
            type={
                "description": "Whose fault it is: the request's, the server's, the machine's.",
                "enum": ["ClientError", "AlgorithmError", "PlatformError"],
            },
            message={"type": "string", "minLength": 1},
            record={"description": "The record at fault.", "type": "integer", "minimum": 0},
            field={"description": "The field at fault.", "type": "string"},
            request_id={"type": "string", "pattern": f"^{_REQUEST_ID}$"},
        ),
        "additionalProperties": False,
    }
