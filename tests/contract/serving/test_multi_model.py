"""A multi-model endpoint: models come and go, and every worker agrees on which are there."""

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.contract.serving.server import Answer, Server

from object2vec.data.ragged import RaggedArray
from object2vec.hyperparameters import Hyperparameters
from object2vec.inference.predictor import Predictor
from object2vec.saved_model import ModelWriter

WORKERS = 2
PAIR = {"instances": [{"in0": [1, 2], "in1": [3]}]}


@pytest.fixture
def server(hcnn_folder: Path, tmp_path: Path) -> Iterator[Server]:
    with Server(
        tmp_path,
        tmp_path / "log",
        SAGEMAKER_MULTI_MODEL="true",
        SAGEMAKER_MODEL_SERVER_WORKERS=str(WORKERS),
        OBJECT2VEC_MODEL_MEMORY_MB="300",
    ) as running:
        yield running


def load(server: Server, name: str, url: Path | str) -> Answer:
    body = json.dumps({"model_name": name, "url": str(url)}).encode()
    return server.request("POST", "/models", body, {"Content-Type": "application/json"})


def unload(server: Server, name: str) -> Answer:
    return server.request("DELETE", f"/models/{name}")


def invoke(server: Server, name: str, body: Any = PAIR) -> Answer:
    return server.invoke(body, path=f"/models/{name}/invoke")


def test_a_model_is_loaded_asked_listed_and_unloaded_in_every_worker(
    server: Server, hcnn_folder: Path
) -> None:
    model = hcnn_folder / "model"
    assert server.get("/models").json() == {"models": []}
    assert invoke(server, "mine").status == 404
    assert load(server, "mine", model).status == 200
    described = {"modelName": "mine", "modelUrl": str(model)}
    expected = Predictor.load(model).score(*(RaggedArray.from_rows([r]) for r in ([1, 2], [3])))
    # More requests than workers, each over a connection of its own: every worker gets some.
    for _ in range(10 * WORKERS):
        answer = invoke(server, "mine")
        assert answer.status == 200
        scores = [line["scores"] for line in answer.json()["predictions"]]
        np.testing.assert_allclose(scores, expected, atol=1e-5)
        assert server.get("/models/mine").json() == described
    assert load(server, "mine", model).status == 409
    assert server.get("/models").json() == {"models": [described]}
    assert "object2vec_models_loaded 1.0" in server.get("/metrics").body.decode()
    assert unload(server, "mine").status == 200
    for _ in range(10 * WORKERS):
        assert invoke(server, "mine").status == 404
        assert server.get("/models/mine").status == 404
    assert unload(server, "mine").status == 404
    assert load(server, "mine", model).status == 200
    assert invoke(server, "mine").status == 200


def test_what_is_asked_of_one_kind_of_endpoint_is_404_at_the_other(
    server: Server, hcnn_server: Server
) -> None:
    assert server.invoke(PAIR).status == 404
    assert hcnn_server.get("/models").status == 404


def test_names_are_opaque(server: Server, hcnn_folder: Path) -> None:
    for name in ("a b", "../../etc", "ä", "x" * 200):
        quoted = "".join(f"%{byte:02x}" for byte in name.encode())
        assert load(server, name, hcnn_folder / "model").status == 200
        found = invoke(server, quoted).status
        assert found == (404 if "/" in name else 200), name


def test_the_list_comes_in_pages(server: Server, hcnn_folder: Path) -> None:
    names = [f"model-{number}" for number in range(5)]
    for name in names:
        assert load(server, name, hcnn_folder / "model").status == 200
    listed, token, pages = [], None, 0
    while True:
        query = "?limit=2" + (f"&next_page_token={token}" if token else "")
        answer = server.get(f"/models{query}").json()
        listed += [model["modelName"] for model in answer["models"]]
        pages += 1
        token = answer.get("nextPageToken")
        if token is None:
            break
    assert (listed, pages) == (names, 3)
    assert server.get("/models?next_page_token=%7B").status == 400
    assert server.get("/models?limit=0").status == 400


def test_a_bad_folder_is_refused_with_the_reason(
    server: Server, hcnn_folder: Path, tmp_path: Path
) -> None:
    assert load(server, "none", tmp_path / "nowhere").status == 404
    damaged = tmp_path / "damaged"
    shutil.copytree(hcnn_folder / "model", damaged)
    next(damaged.glob("*.npy")).write_bytes(b"no array")
    answer = load(server, "damaged", damaged)
    assert answer.status == 400
    assert str(damaged) in answer.error["message"]
    assert server.get("/models").json() == {"models": []}
    for body in (b"", b"[]", b"{", b'{"model_name": 1, "url": "x"}', b'{"model_name": "x"}'):
        assert server.request("POST", "/models", body).status == 400


def large_model(folder: Path, megabytes: int) -> None:
    """A model whose tables take so much; its numbers are never looked at."""
    hyperparameters = Hyperparameters.from_strings(
        {
            "enc0_network": "pooled_embedding",
            "enc0_max_seq_len": "4",
            "enc0_vocab_size": str(megabytes * 2**20 // 4 // 64),
            "enc_dim": "64",
            "tied_token_embedding_weight": "true",
            "mlp_dim": "8",
        }
    )
    from object2vec.network import engine
    from object2vec.network.pair_network import PairNetwork

    rows = hyperparameters.enc0.vocab_size
    table = np.random.default_rng(1).random((rows, 64), dtype=np.float32)
    network = PairNetwork(hyperparameters, engine.device(0))
    ModelWriter(folder, hyperparameters, (None, None)).save(
        {"embed_shared_weight": table, **network.values()}, {"epochs": []}
    )


def resident_megabytes(server: Server) -> float:
    """Proportional set size of the server and its workers."""
    total = 0
    for pid in (server.process.pid, *server.workers):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def ask_every_row(server: Server, name: str, rows: int) -> None:
    """Touch every page of the table in every worker."""
    records = [{"in0": [i, i + 64, i + 128, i + 192]} for i in range(1, rows - 200, 256)]
    body = {"instances": records}
    threads = [
        threading.Thread(target=lambda: [invoke(server, name, body) for _ in range(4)])
        for _ in range(WORKERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_memory_is_shared_bounded_and_given_back(
    server: Server, hcnn_folder: Path, tmp_path: Path
) -> None:
    large_model(tmp_path / "large", 128)
    rows = 128 * 2**20 // 4 // 64
    # What the first network of a worker takes, it takes once.
    assert load(server, "small", hcnn_folder / "model").status == 200
    for _ in range(10 * WORKERS):
        assert invoke(server, "small").status == 200
    assert unload(server, "small").status == 200
    before = resident_megabytes(server)
    assert load(server, "first", tmp_path / "large").status == 200
    ask_every_row(server, "first", rows)
    held = resident_megabytes(server)
    # Once for all workers, not once each.
    assert 100 < held - before < 200, (before, held)
    assert load(server, "second", tmp_path / "large").status == 200
    third = load(server, "third", tmp_path / "large")
    assert third.status == 507
    assert "OBJECT2VEC_MODEL_MEMORY_MB" in third.error["message"]
    assert unload(server, "second").status == 200
    assert load(server, "third", tmp_path / "large").status == 200
    assert unload(server, "third").status == 200
    assert unload(server, "first").status == 200
    after = resident_megabytes(server)
    assert after - before < 40, (before, held, after)


def test_unloading_waits_for_requests_under_way_and_they_are_answered(
    server: Server, hcnn_folder: Path
) -> None:
    assert load(server, "busy", hcnn_folder / "model").status == 200
    big = {"instances": PAIR["instances"] * 20_000}
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(invoke(server, "busy", big).status))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    assert unload(server, "busy").status == 200
    for thread in threads:
        thread.join()
    # Those that had begun were answered; one that came after the unloading is told so.
    assert set(answers) <= {200, 404}
    assert 200 in answers


def test_a_replaced_worker_knows_what_is_loaded(server: Server, hcnn_folder: Path) -> None:
    assert load(server, "mine", hcnn_folder / "model").status == 200
    for _ in range(10 * WORKERS):
        assert invoke(server, "mine").status == 200
    victims = server.workers
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while set(server.workers) & set(victims) or len(server.workers) < WORKERS:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert invoke(server, "mine").status == 200
    assert unload(server, "mine").status == 200
