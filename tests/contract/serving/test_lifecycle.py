"""How a server starts, loses and replaces workers, and ends."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.contract.serving.server import (
    Answer,
    Server,
    free_port,
    serve_command,
    variables_of,
)

PAIR = {"instances": [{"in0": [1, 2], "in1": [3]}]}
FAULTY_SERVE = Path(__file__).with_name("faulty_serve.py")


def run_serve(ml_root: Path, **variables: str) -> tuple[int, str, float]:
    """Run a `serve` that must end by itself; return exit code, output and seconds."""
    began = time.monotonic()
    done = subprocess.run(
        serve_command(),
        env=variables_of(ml_root, free_port(), **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout, time.monotonic() - began


def copied(hcnn_folder: Path, tmp_path: Path) -> Path:
    root = tmp_path / "ml"
    shutil.copytree(hcnn_folder / "model", root / "model")
    return root


def array_file(root: Path) -> Path:
    return next((root / "model").glob("embed_0_weight-*.npy"))


def remove_model(root: Path) -> str:
    shutil.rmtree(root / "model")
    return f"There is no model folder {root / 'model'}"


def empty_model(root: Path) -> str:
    remove_model(root)
    (root / "model").mkdir()
    return f"{root / 'model' / 'model.json'} is missing"


def truncate_manifest(root: Path) -> str:
    path = root / "model" / "model.json"
    path.write_bytes(path.read_bytes()[:100])
    return f"{path} is not JSON"


def truncate_array(root: Path) -> str:
    path = array_file(root)
    path.write_bytes(path.read_bytes()[:-4])
    return f"{path} has "


def change_array(root: Path) -> str:
    path = array_file(root)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    return f"{path} was changed"


def remove_array(root: Path) -> str:
    path = array_file(root)
    path.unlink()
    return f"{path} is missing"


def make_newer(root: Path) -> str:
    path = root / "model" / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 99}))
    return f"{path} has format version 99"


@pytest.mark.parametrize(
    "damage",
    [
        remove_model,
        empty_model,
        truncate_manifest,
        truncate_array,
        change_array,
        remove_array,
        make_newer,
    ],
)
def test_a_bad_model_folder_ends_serve_with_the_file_and_the_reason(
    hcnn_folder: Path, tmp_path: Path, damage: Any
) -> None:
    root = copied(hcnn_folder, tmp_path)
    expected = damage(root)
    code, output, seconds = run_serve(root)
    assert code == 2
    assert f"ClientError: {expected}" in output
    assert "Traceback" not in output
    assert seconds < 5


def test_wrong_settings_are_all_named_at_start(hcnn_folder: Path) -> None:
    code, output, _ = run_serve(
        hcnn_folder,
        SAGEMAKER_BIND_TO_PORT="70000",
        OBJECT2VEC_QUEUE_LENGTH="many",
        INFERENCE_PREFERRED_MODE="Embeddings",
    )
    assert code == 2
    assert "SAGEMAKER_BIND_TO_PORT='70000' is out of range; allowed: 1..65535" in output
    assert "OBJECT2VEC_QUEUE_LENGTH='many' is no whole number" in output
    assert "INFERENCE_PREFERRED_MODE='Embeddings' is none of them" in output


def test_a_port_that_is_taken_ends_serve(hcnn_folder: Path, hcnn_server: Server) -> None:
    code, output, _ = run_serve(hcnn_folder, SAGEMAKER_BIND_TO_PORT=str(hcnn_server.port))
    assert code == 3
    assert f"PlatformError: Cannot listen at 127.0.0.1:{hcnn_server.port}" in output


def test_a_killed_worker_is_replaced_and_only_its_requests_fail(
    hcnn_folder: Path, tmp_path: Path
) -> None:
    with Server(hcnn_folder, tmp_path / "log", SAGEMAKER_MODEL_SERVER_WORKERS="2") as server:
        before = set(server.workers)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        # The other worker answers all along.
        for _ in range(20):
            assert server.invoke(PAIR).status == 200
        deadline = time.monotonic() + 10
        while len(set(server.workers) - {victim}) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        after = set(server.workers)
        assert victim not in after
        assert len(after) == 2
        for _ in range(20):
            assert server.invoke(PAIR).status == 200


def test_sigterm_answers_what_is_under_way_and_exits_with_0(
    hcnn_folder: Path, tmp_path: Path
) -> None:
    big = {"instances": PAIR["instances"] * 60_000}
    with Server(hcnn_folder, tmp_path / "log", SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        answers: list[Answer] = []
        threads = [
            threading.Thread(target=lambda: answers.append(server.invoke(big))) for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.4)
        assert not answers
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 25
        for thread in threads:
            thread.join()
    assert [answer.status for answer in answers] == [200] * 3
    assert all(len(answer.json()["predictions"]) == 60_000 for answer in answers)


def test_sigterm_with_idle_and_silent_connections_ends_soon(
    hcnn_folder: Path, tmp_path: Path
) -> None:
    with Server(hcnn_folder, tmp_path / "log") as server:
        kept = http.client.HTTPConnection("127.0.0.1", server.port)
        kept.request("GET", "/ping")
        assert kept.getresponse().read() == b""
        with server.connect():
            time.sleep(0.1)
            began = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began < 6
        kept.close()


def test_a_long_connection_is_closed_in_good_order_so_that_workers_share_the_load(
    hcnn_server: Server,
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", hcnn_server.port)
    for number in range(1, 1001):
        connection.request("GET", "/ping")
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b"")
        closes = (response.getheader("Connection") or "").lower() == "close"
        assert closes is (number == 1000), number
    connection.close()


def test_nothing_stays_in_memory_after_the_end(hcnn_folder: Path, tmp_path: Path) -> None:
    with Server(hcnn_folder, tmp_path / "log") as server:
        own = f"object2vec-{server.process.pid}-*"
        assert list(Path("/dev/shm").glob(own))
        assert server.stop() == 0
    assert not list(Path("/dev/shm").glob(own))


def test_ping_is_503_until_the_model_is_warm_and_requests_are_told_to_wait(
    hcnn_folder: Path, tmp_path: Path
) -> None:
    command = [sys.executable, str(FAULTY_SERVE), "load"]
    server = Server(hcnn_folder, tmp_path / "log", command, SAGEMAKER_MODEL_SERVER_WORKERS="1")
    try:
        loading = first_answer(server)
        assert loading.status == 503
        assert loading.error["message"] == "The model is being loaded."
        waiting = server.invoke(PAIR)
        assert waiting.status == 503
        assert int(waiting.headers["retry-after"]) >= 1
        server.await_ready()
        assert server.invoke(PAIR).status == 200
    finally:
        server.__exit__()


def test_a_dead_engine_turns_ping_503_and_the_worker_is_replaced(
    hcnn_folder: Path, tmp_path: Path
) -> None:
    command = [sys.executable, str(FAULTY_SERVE), "die"]
    with Server(
        hcnn_folder, tmp_path / "log", command, SAGEMAKER_MODEL_SERVER_WORKERS="1"
    ) as server:
        (first,) = server.workers
        deadly = {"instances": [{"in0": [11, 11, 11], "in1": [11]}]}
        answer = server.invoke(deadly)
        assert answer.status == 503
        assert "Try again" in answer.error["message"]
        deadline = time.monotonic() + 15
        while server.workers == [first] and time.monotonic() < deadline:
            time.sleep(0.05)
        server.await_ready()
        assert server.workers != [first]
        assert server.invoke(PAIR).status == 200


def test_a_model_that_no_worker_can_load_ends_serve(hcnn_folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(FAULTY_SERVE), "fail"]
    server = Server(hcnn_folder, tmp_path / "log", command)
    try:
        assert server.process.wait(20) == 3
        assert "The model cannot be loaded" in server.log
    finally:
        server.__exit__()


def first_answer(server: Server) -> Answer:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            return server.get("/ping")
        except OSError:
            time.sleep(0.01)
    raise AssertionError(server.log)
