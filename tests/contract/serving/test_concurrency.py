"""Many clients at once: each gets its own answer, and /ping stays quick."""

import http.client
import json
import threading
import time
from pathlib import Path

import numpy as np
from tests.contract.serving.server import Server

from object2vec.data.ragged import RaggedArray
from object2vec.inference.predictor import Predictor

CLIENTS = 64
REQUESTS = 12
TOLERANCE = 1e-5


def test_64_clients_with_mixed_requests_get_their_own_answers(
    hcnn_folder: Path, hcnn_server: Server
) -> None:
    predictor = Predictor.load(hcnn_folder / "model")
    faults: list[str] = []
    asked: list[tuple[list[dict[str, list[int]]], list[dict[str, list[float]]]]] = []

    def client(number: int) -> None:
        chance = np.random.default_rng(number)
        connection = http.client.HTTPConnection("127.0.0.1", hcnn_server.port, timeout=60)
        for _ in range(REQUESTS):
            records = []
            for _ in range(int(chance.integers(1, 30))):
                record = {
                    side: chance.integers(0, 12, int(chance.integers(0, 9))).tolist()
                    for side in ("in0", "in1")
                }
                kind = chance.integers(3)
                if kind < 2:
                    del record[f"in{kind}"]
                records.append(record)
            body = json.dumps({"instances": records})
            connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
            if response.status != 200:
                faults.append(f"{response.status} {answer!r}")
            else:
                asked.append((records, json.loads(answer)["predictions"]))
        connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert len(asked) == CLIENTS * REQUESTS
    records = [record for request, _ in asked for record in request]
    answers = [answer for _, request in asked for answer in request]
    for sides, key in (
        (("in0", "in1"), "scores"),
        (("in0",), "embeddings"),
        (("in1",), "embeddings"),
    ):
        chosen = [index for index, record in enumerate(records) if tuple(record) == sides]
        rows = [RaggedArray.from_rows([records[index][side] for index in chosen]) for side in sides]
        expected = (
            predictor.score(*rows) if len(sides) == 2 else predictor.embed(int(sides[0][2]), *rows)
        )
        found = np.array([answers[index][key] for index in chosen])
        np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def test_ping_answers_quickly_while_every_worker_computes(hcnn_server: Server) -> None:
    """The bound is the contract's own; a queue behind the computation would break it by far."""
    records = [{"in0": [1, 2, 3, 4, 5, 6], "in1": [1, 2, 3]}] * 8000
    body = json.dumps({"instances": records}).encode()
    stop = threading.Event()
    answered: list[int] = []

    def client() -> None:
        while not stop.is_set():
            answered.append(hcnn_server.invoke(body).status)

    threads = [threading.Thread(target=client) for _ in range(8)]
    for thread in threads:
        thread.start()
    times = []
    end = time.monotonic() + 4
    while time.monotonic() < end:
        began = time.monotonic()
        assert hcnn_server.get("/ping").status == 200
        times.append(time.monotonic() - began)
        time.sleep(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    assert set(answered) == {200}
    assert np.percentile(times, 99) < 0.2, f"{np.percentile(times, [50, 99, 100])}"
