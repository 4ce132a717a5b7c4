"""A server under load: killed workers, full disks, clients that are slow, idle, or gone."""

import contextlib
import http.client
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.contract.serving.hostile_requests import compose
from tests.contract.serving.server import Server, serve_command
from tests.contract.test_train_faults import NAMESPACE, needs_mounts

pytestmark = pytest.mark.faults

PAIR = {"instances": [{"in0": [1, 2, 3], "in1": [4, 5]}]}
SECONDS = 60
IDLE = 1000
WORKER_KILLS = 20


class Load:
    """Clients that ask all the time, and what they were answered.

    Attributes:
        statuses: How often each status came; 0 counts connections that broke.
        predictions: Every different answer.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self.statuses: Counter[int] = Counter()
        self.predictions: set[bytes] = set()

    def ask(self, ends: threading.Event) -> None:
        while not ends.is_set():
            try:
                answer = self._server.invoke(PAIR)
            except (OSError, http.client.HTTPException):
                self.statuses[0] += 1
                continue
            self.statuses[answer.status] += 1
            if answer.status == 200:
                self.predictions.add(answer.body)


@contextmanager
def load(server: Server, clients: int = 4) -> Iterator[Load]:
    found, ends = Load(server), threading.Event()
    threads = [threading.Thread(target=found.ask, args=(ends,)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        ends.set()
        for thread in threads:
            thread.join()


def test_workers_killed_under_load_cost_their_own_requests_only(
    hcnn_folder: Path, tmp_path: Path
) -> None:
    chance = random.Random(1)
    with Server(hcnn_folder, tmp_path / "log", SAGEMAKER_MODEL_SERVER_WORKERS="2") as server:
        with load(server) as found:
            for _ in range(WORKER_KILLS):
                os.kill(chance.choice(server.workers), signal.SIGKILL)
                time.sleep(chance.uniform(0.1, 1.0))
            deadline = time.monotonic() + 20
            while len(server.workers) < 2 and time.monotonic() < deadline:
                time.sleep(0.1)
            time.sleep(1)
        print(f"{WORKER_KILLS} workers killed: {dict(found.statuses)}")
        # A client has one request under way, so a kill costs no more than there are clients.
        assert found.statuses[0] <= WORKER_KILLS * 4
        assert set(found.statuses) <= {0, 200, 503}
        assert found.statuses[200] > 100
        assert len(found.predictions) == 1
        assert server.invoke(PAIR).status == 200
        assert server.stop() == 0


@needs_mounts
def test_with_its_temporary_folders_full_it_serves_or_says_so_at_the_start(
    hcnn_folder: Path, tmp_path: Path
) -> None:
    # Room for what it makes at its start, then not a byte more.
    script = (
        "mount -t tmpfs -o size=256k tmpfs /dev/shm; mount -t tmpfs -o size=256k tmpfs /tmp/full; "
        "(sleep 6; for folder in /dev/shm /tmp/full; do cat /dev/zero > $folder/filler; done) "
        "2>/dev/null & "
        'exec "$@"'
    )
    Path("/tmp/full").mkdir(exist_ok=True)
    command = [*NAMESPACE, "sh", "-c", script, "sh", *serve_command()]
    with Server(hcnn_folder, tmp_path / "log", command, TMPDIR="/tmp/full") as server:
        expected = server.invoke(PAIR).body
        time.sleep(7)
        big = {"instances": PAIR["instances"] * 50_000}
        for _ in range(3):
            assert server.invoke(PAIR).body == expected
            answer = server.invoke(big)
            assert answer.status == 200
            assert len(answer.json()["predictions"]) == 50_000
        assert server.get("/ping").status == 200
        assert server.stop() == 0


def test_clients_of_one_byte_a_second_and_those_that_go_away_hold_up_nobody(
    hcnn_folder: Path, tmp_path: Path
) -> None:
    raw = compose(json.dumps(PAIR).encode())
    with Server(hcnn_folder, tmp_path / "log") as server, ExitStack() as stack:
        body = raw.index(b"\r\n\r\n") + 4
        slow = [stack.enter_context(server.connect(SECONDS)) for _ in range(50)]
        # A head has ten seconds to arrive, a body as long as its bytes keep coming.
        late = [stack.enter_context(server.connect(SECONDS)) for _ in range(50)]
        for connection in slow:
            connection.sendall(raw[:body])
        with load(server) as found:
            for step in range(10):
                began = time.monotonic()
                for connection in slow:
                    connection.sendall(raw[body + step : body + step + 1])
                for connection in late[: 50 if step < 9 else 0]:
                    connection.sendall(raw[step : step + 1])
                while time.monotonic() < began + 1:
                    # In the midst of the head, of the body, and before the answer.
                    for sent in (20, len(raw) - 5, len(raw)):
                        with server.connect(SECONDS) as gone:
                            gone.sendall(raw[:sent])
                        time.sleep(0.05)
        print(f"50 slow clients, others gone: {dict(found.statuses)}")
        assert set(found.statuses) == {200}
        for connection in slow:
            connection.sendall(raw[body + 10 :])
            assert connection.recv(12) == b"HTTP/1.1 200"
        time.sleep(2)
        for connection in late:
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(12) == b""
        assert server.stop() == 0


def test_a_thousand_idle_connections_leave_room_for_requests(
    hcnn_folder: Path, tmp_path: Path
) -> None:
    raw = compose(json.dumps(PAIR).encode())
    with Server(hcnn_folder, tmp_path / "log") as server, ExitStack() as stack:
        idle = [stack.enter_context(server.connect(SECONDS)) for _ in range(IDLE)]
        with load(server) as found:
            time.sleep(5)
        print(f"{IDLE} idle connections: {dict(found.statuses)}")
        assert set(found.statuses) == {200}
        for connection in idle[:: IDLE // 10]:
            connection.sendall(raw)
            assert connection.recv(12) == b"HTTP/1.1 200"
        assert server.stop() == 0
