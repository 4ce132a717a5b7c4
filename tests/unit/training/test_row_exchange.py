"""The rows of all hosts, summed for real: a scheduler, servers and workers on this machine."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.unit.training.row_exchange_host import given

PROGRAM = Path(__file__).with_name("row_exchange_host.py")
SERVE = "from object2vec.training.parameter_server import serve; serve(with_optimizer=False)"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def run_hosts(
    folder: Path, workers: int, most: int, vocab: int, width: int, steps: int, servers: int = 2
) -> list[float]:
    """Run the exchange; return every worker's median milliseconds."""
    shared = {
        **os.environ,
        "DMLC_PS_ROOT_URI": "127.0.0.1",
        "DMLC_PS_ROOT_PORT": str(free_port()),
        "DMLC_NODE_HOST": "127.0.0.1",
        "DMLC_NUM_WORKER": str(workers),
        "DMLC_NUM_SERVER": str(servers),
        "OMP_NUM_THREADS": "1",
    }
    roles = ["scheduler", *["server"] * servers, *["worker"] * workers]
    processes = []
    try:
        for number, role in enumerate(roles):
            rank = str(number - 1 - servers)
            work = [PROGRAM, rank, folder, *map(str, (most, vocab, width, steps))]
            processes.append(
                subprocess.Popen(
                    [sys.executable, *(work if role == "worker" else ["-c", SERVE])],
                    env={**shared, "DMLC_ROLE": role},
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
        ended = processes[1 + servers :]
        told = [process.communicate(timeout=120)[0] for process in ended]
        assert [process.returncode for process in ended] == [0] * workers
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    return [json.loads(text)["median_ms"] for text in told]


@pytest.mark.parametrize(
    ("workers", "most", "vocab"), [(2, 40, 60), (3, 3000, 200_000), (2, 1500, 1600)]
)
def test_every_host_gets_the_sum_of_all_rows(
    tmp_path: Path, workers: int, most: int, vocab: int
) -> None:
    steps, width = 6, 5
    run_hosts(tmp_path, workers, most, vocab, width, steps)
    hosts = [np.load(tmp_path / f"{rank}.npz") for rank in range(workers)]
    for host in hosts[1:]:
        for name in hosts[0].files:
            # Equal to the last bit: tables that begin equal must stay equal.
            assert host[name].tobytes() == hosts[0][name].tobytes(), name
    for turn in range(2 * steps):
        expected: dict[int, np.ndarray] = {}
        for rank in range(workers):
            for number, row in zip(*given(rank, workers, turn, most, vocab, width), strict=True):
                expected[int(number)] = expected.get(int(number), 0) + row.astype(np.float64)
        ids = hosts[0][f"ids{turn}"]
        assert ids.tolist() == sorted(expected)
        np.testing.assert_allclose(
            hosts[0][f"rows{turn}"], [expected[number] for number in sorted(expected)], atol=1e-5
        )
    assert set(hosts[0]["flat2"].tolist()) == {workers * (workers + 1) / 2}
    assert hosts[0]["dense0"].tolist() == [workers] * 3
