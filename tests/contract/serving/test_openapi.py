"""The interface's document against the running server: what it says is what is answered.

Requests are made from the document by the hundred, valid ones and broken ones, always the same.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from schemathesis.openapi.loaders import from_dict
from schemathesis.schemas import BaseSchema
from tests.contract.serving.server import Server

from object2vec_container.serving.content_types import CONTENT_TYPES, JSON, JSON_LINES
from object2vec_container.serving.openapi import document

DOCS = Path(__file__).parents[3] / "docs"
VOCAB_SIZE = 12


@schemathesis.serializer(*JSON_LINES)
def write_lines(_: schemathesis.SerializationContext, value: Any) -> bytes:
    # What is no list has no form in JSON Lines; a list in one line is as wrong as it.
    lines = value if isinstance(value, list) else [[value]]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


@schemathesis.deserializer(*JSON_LINES)
def read_lines(_: schemathesis.DeserializationContext, response: schemathesis.Response) -> Any:
    return [json.loads(line) for line in response.content.splitlines()]


def load_schema() -> BaseSchema:
    narrowed = document()
    # What the document cannot know of every model: this one's ids, and that it has no vocabulary.
    narrowed["components"]["schemas"]["Token"] = {
        "type": "integer",
        "minimum": 0,
        "maximum": VOCAB_SIZE - 1,
    }
    generation = {"deterministic": True, "max-examples": 40, "database": "none"}
    settings = {"seed": 20260101, "request-timeout": 10, "generation": generation}
    return from_dict(narrowed, config=schemathesis.Config.from_dict(settings))


schema = load_schema()


@schema.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    # JSON Schema takes 5.0 for an integer; the server has ids written as integers.
    if isinstance(body, dict):
        return {key: map_body(context, value) for key, value in body.items()}
    if isinstance(body, list):
        return [map_body(context, value) for value in body]
    is_whole = isinstance(body, float) and body.is_integer() and abs(body) < VOCAB_SIZE
    return int(body) if is_whole else body


@schema.hook
def map_query(context: schemathesis.HookContext, query: Any) -> Any:
    # Only the server makes these tokens; of any text it says that it never made it.
    token = (query or {}).get("next_page_token")
    if isinstance(token, str):
        query["next_page_token"] = base64.urlsafe_b64encode(token.encode()).decode()
    return query


@schema.hook
def map_path_parameters(context: schemathesis.HookContext, path_parameters: Any) -> Any:
    # Half of all names are the one that is loaded, or nearly every request is answered 404.
    name = (path_parameters or {}).get("name")
    if isinstance(name, str) and len(name) % 2 and context.operation.method != "delete":
        return {**path_parameters, "name": "mine"}
    return path_parameters


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        yield opened


@pytest.fixture(scope="module")
def multi_server(hcnn_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("serve") / "log"
    with Server(hcnn_folder, log, SAGEMAKER_MULTI_MODEL="true") as server:
        loading = {"model_name": "mine", "url": str(hcnn_folder / "model")}
        assert server.invoke(loading, path="/models").status == 200
        yield server


# Paths of the other kind of endpoint are answered 404 whatever is sent.
@schema.exclude(path_regex="^/models").parametrize()
def test_an_endpoint_of_one_model_is_as_documented(
    case: schemathesis.Case, hcnn_server: Server, session: requests.Session
) -> None:
    case.call_and_validate(f"http://127.0.0.1:{hcnn_server.port}", session)


@schema.include(path_regex="^/models").parametrize()
def test_a_multi_model_endpoint_is_as_documented(
    case: schemathesis.Case, multi_server: Server, session: requests.Session
) -> None:
    case.call_and_validate(f"http://127.0.0.1:{multi_server.port}", session)


def test_a_model_s_life_is_as_documented(multi_server: Server, hcnn_folder: Path) -> None:
    base_url = f"http://127.0.0.1:{multi_server.port}"
    loading = {"model_name": "brief", "url": str(hcnn_folder / "model")}
    named = {"path_parameters": {"name": "brief"}}
    asking = {"body": {"instances": [{"in0": [1], "in1": [2, 3]}, {"in1": [4]}]}}
    for path, method, parts, status in (
        ("/models", "POST", {"body": loading}, 200),
        ("/models", "POST", {"body": loading}, 409),
        ("/models", "GET", {"query": {"limit": 1}}, 200),
        ("/models/{name}", "GET", named, 200),
        ("/models/{name}/invoke", "POST", {**named, **asking}, 200),
        ("/models/{name}", "DELETE", named, 200),
        ("/models/{name}", "DELETE", named, 404),
    ):
        media_type = JSON if "body" in parts else None
        case = schema[path][method].Case(**parts, media_type=media_type)
        assert case.call_and_validate(base_url).status_code == status, (path, method)


@pytest.mark.parametrize("accept", [*CONTENT_TYPES, "*/*", "text/html"])
def test_every_form_of_an_answer_is_as_documented(hcnn_server: Server, accept: str) -> None:
    for media_type in CONTENT_TYPES:
        records = [{"in0": [1], "in1": [2, 3]}, {"in1": [4]}]
        body = {"instances": records} if media_type == JSON else records
        case = schema["/invocations"]["POST"].Case(body=body, media_type=media_type)
        answer = case.call_and_validate(
            f"http://127.0.0.1:{hcnn_server.port}", headers={"Accept": accept}
        )
        assert answer.status_code == (406 if accept == "text/html" else 200)


def test_docs_openapi_json_is_a_valid_document() -> None:
    from_dict(json.loads((DOCS / "openapi.json").read_text())).validate()
