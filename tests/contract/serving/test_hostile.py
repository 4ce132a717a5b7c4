"""What nobody should send: it is refused soon and in the one form, and leaves no trace behind.

The requests are made in `hostile_requests.py` and sent as bytes, so that nothing mends them.
"""

import hashlib
import http.client
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from tests.contract.serving.hostile_bodies import GOOD
from tests.contract.serving.hostile_requests import (
    HostileRequest,
    compose,
    corpus,
    models_corpus,
)
from tests.contract.serving.server import Answer, Server

from object2vec_container.serving.openapi import document

SECONDS = 5
GROWTH_BYTES = 200e6
PING_SECONDS = 0.2
SLOW_BYTES = 4  # one a second
# RFC 9112 asks for it where a transfer coding is unknown; the HTTP server answers it by itself.
UNKNOWN_CODING = 501

ServerMaker = Callable[..., Server]


@pytest.fixture
def make_server(hcnn_folder: Path, tmp_path: Path) -> Iterator[ServerMaker]:
    """A maker of servers of this test alone, two workers each."""
    with ExitStack() as stack:

        def make(**variables: str) -> Server:
            variables = {"SAGEMAKER_MODEL_SERVER_WORKERS": "2", **variables}
            server = stack.enter_context(Server(hcnn_folder, tmp_path / "log", **variables))
            deadline = time.monotonic() + 20
            while len(server.workers) < 2 and time.monotonic() < deadline:
                time.sleep(0.05)
            return server

        yield make


def send(server: Server, hostile: HostileRequest) -> Answer | None:
    """Return the answer; None where the connection was closed without one."""
    with server.connect(SECONDS) as connection:
        with suppress(OSError):  # the server may have closed it before it has all
            connection.sendall(hostile.raw)
            if hostile.is_cut:
                connection.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(connection, method=hostile.raw[:4].decode("latin-1"))
        try:
            response.begin()
            body = response.read()
        except TimeoutError as error:
            raise AssertionError("no answer") from error
        except (http.client.HTTPException, OSError):
            return None
    names = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, names, body)


def check(hostile: HostileRequest, answer: Answer | None) -> None:
    """Assert that an answer is as it must be."""
    if answer is None:
        assert not hostile.is_http, "closed without an answer"
        return
    assert b"Traceback" not in answer.body
    if "x-request-id" not in answer.headers:
        assert not hostile.is_http, f"{answer.status}, but not by the application"
        assert answer.status < 500 or answer.status == UNKNOWN_CODING
    elif answer.status >= 300:
        assert answer.status < 500
        error = answer.error
        shape = document()["components"]["schemas"]["ErrorAnswer"]["properties"]["error"]
        assert set(shape["required"]) <= set(error) <= set(shape["properties"])
        assert error["type"] == "ClientError"
        assert error["message"]
        assert len(error["message"]) < 4000
        assert all(isinstance(error[name], str) for name in {"field", "message"} & set(error))
        assert isinstance(error.get("record", 0), int)


def send_all(server: Server, requests: Iterable[HostileRequest]) -> tuple[int, list[str]]:
    """Return how many distinct requests were sent, and what went wrong."""
    digests, faults = set(), []
    for hostile in requests:
        digests.add(hashlib.sha256(hostile.raw).digest())
        began = time.monotonic()
        try:
            check(hostile, send(server, hostile))
        except AssertionError as error:
            faults.append(f"{hostile.name}: {str(error).splitlines()[0]}")
        seconds = time.monotonic() - began
        if seconds > SECONDS:
            faults.append(f"{hostile.name}: {seconds:.1f} s")
    return len(digests), faults


def private_bytes(server: Server) -> int:
    """The memory that the workers share with nobody."""
    files = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in server.workers]
    lines = [line for text in files for line in text.splitlines() if line.startswith("Private_")]
    return sum(int(line.split()[1]) * 1024 for line in lines)


def good_answer(server: Server) -> Answer:
    answer = server.invoke(GOOD)
    assert answer.status == 200
    return answer


@pytest.mark.parametrize(
    "step", [pytest.param(1, id="all", marks=pytest.mark.faults), pytest.param(5, id="every fifth")]
)
def test_hostile_requests_are_refused_and_leave_no_trace(
    make_server: ServerMaker, step: int
) -> None:
    server = make_server()
    # The first answer is prepared in every worker, whichever comes first.
    answers = {good_answer(server).body for _ in range(20)}
    workers, memory = server.workers, private_bytes(server)

    count, faults = send_all(server, itertools.islice(corpus(), 0, None, step))

    assert not faults, "\n".join(faults)
    assert count > 1500 / step
    assert server.get("/ping").status == 200
    assert answers == {good_answer(server).body for _ in range(20)}
    assert server.workers == workers, "a worker was replaced"
    assert "AlgorithmError" not in server.log
    assert private_bytes(server) - memory < GROWTH_BYTES


def test_hostile_requests_to_a_multi_model_endpoint_are_refused(
    make_server: ServerMaker, hcnn_folder: Path
) -> None:
    server = make_server(SAGEMAKER_MULTI_MODEL="true")
    folder = str(hcnn_folder / "model")
    assert server.invoke({"model_name": "mine", "url": folder}, path="/models").status == 200
    good = server.invoke(GOOD, path="/models/mine/invoke")
    workers = server.workers

    count, faults = send_all(server, models_corpus(folder))

    assert not faults, "\n".join(faults)
    assert count > 300
    assert server.get("/ping").status == 200
    assert server.get("/models/mine").status == 200
    assert server.invoke(GOOD, path="/models/mine/invoke").body == good.body
    assert server.workers == workers, "a worker was replaced"
    assert "AlgorithmError" not in server.log


@pytest.mark.faults
def test_many_hostile_requests_at_once_do_no_harm_to_good_ones(make_server: ServerMaker) -> None:
    server = make_server()
    good = good_answer(server)
    faults: list[str] = []
    shares = [list(corpus())[start::32] for start in range(4)]
    threads = [
        threading.Thread(target=lambda share=share: faults.extend(send_all(server, share)[1]))
        for share in shares
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert good_answer(server).body == good.body
    assert not faults, "\n".join(faults)


def ping_seconds(server: Server) -> float:
    began = time.monotonic()
    assert server.get("/ping").status == 200
    time.sleep(0.02)
    return time.monotonic() - began - 0.02


@pytest.mark.faults
def test_silent_and_slow_clients_do_not_keep_ping_waiting(make_server: ServerMaker) -> None:
    server = make_server()
    with ExitStack() as stack:
        silent = [stack.enter_context(server.connect(SECONDS)) for _ in range(200)]
        raw = compose(GOOD)
        head = raw.index(b"\r\n\r\n") + 4
        slow = [(stack.enter_context(server.connect(SECONDS)), raw) for _ in range(10)]
        for _ in range(10):  # slow with their body only
            connection = stack.enter_context(server.connect(SECONDS))
            connection.sendall(raw[:head])
            slow.append((connection, raw[head:]))
        seconds: list[float] = []
        for step in range(SLOW_BYTES):
            began = time.monotonic()
            for connection, rest in slow:
                connection.sendall(rest[step : step + 1])
            while time.monotonic() < began + 1:
                seconds.append(ping_seconds(server))
        # One outlier is the machine's, which other tests may share.
        assert sorted(seconds)[-2] < PING_SECONDS, sorted(seconds)[-5:]
        for connection, rest in slow:
            connection.sendall(rest[SLOW_BYTES:])
            response = http.client.HTTPResponse(connection)
            response.begin()
            assert response.status == 200
            assert json.loads(response.read())["predictions"]
        silent[0].sendall(raw)
        assert silent[0].recv(12) == b"HTTP/1.1 200"
