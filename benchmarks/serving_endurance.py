"""How a server holds out: many requests of random sizes, and a worker killed in the middle.

    .venv/bin/python benchmarks/serving_endurance.py [--requests 100000] [--network bilstm]

Trains a small model with the real `train`, serves it with the real `serve`, and asks from several
client threads. Prints the resident memory of all server processes as it goes, and at the end: how
much it grew after the first 5,000 requests, which requests failed, and the times of /ping.
"""

import argparse
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from running_server import ping, script, serving, workers

VOCAB_SIZE = 5000
MAX_SEQ_LEN = 64
SETTLED = 5000  # requests after which memory should stay where it is


def main() -> int:
    """Run the server and the clients; exit 1 when memory grew by more than 5 % or more failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--network", default="bilstm")
    parser.add_argument("--no-kill", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _train(root, options.network)
        with serving(root) as (server, port):
            return _watch(server, port, options)


def _train(root: Path, network: str) -> None:
    chance = random.Random(1)
    (root / "input" / "config").mkdir(parents=True)
    (root / "input" / "data" / "train").mkdir(parents=True)
    hyperparameters = {
        "enc0_network": network,
        "enc0_max_seq_len": str(MAX_SEQ_LEN),
        "enc0_vocab_size": str(VOCAB_SIZE),
        "enc0_token_embedding_dim": "64",
        "enc_dim": "64",
        "mlp_dim": "64",
        "epochs": "1",
        "seed": "1",
    }
    (root / "input" / "config" / "hyperparameters.json").write_text(json.dumps(hyperparameters))
    lines = [json.dumps({**_record(chance, (0, 1)), "label": n % 2}) for n in range(500)]
    (root / "input" / "data" / "train" / "train.jsonl").write_text("\n".join(lines) + "\n")
    variables = {**os.environ, "OBJECT2VEC_ML_ROOT": str(root)}
    subprocess.run([script("train")], env=variables, check=True, capture_output=True)


def _record(chance: random.Random, sides: tuple[int, ...]) -> dict[str, list[int]]:
    return {
        f"in{side}": [
            chance.randrange(VOCAB_SIZE) for _ in range(chance.randint(0, 2 * MAX_SEQ_LEN))
        ]
        for side in sides
    }


class Clients:
    """Threads that ask until enough requests were made."""

    def __init__(self, port: int, requests: int, count: int) -> None:
        self.port = port
        self.requests = requests
        self.done = 0
        self.failures: list[tuple[int, str]] = []
        self._lock = threading.Lock()
        self.threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(count)]
        for thread in self.threads:
            thread.start()

    def _ask(self, number: int) -> None:
        chance = random.Random(number)
        # Bodies are made beforehand, as making them takes longer than answering.
        bodies = [self._body(chance) for _ in range(400)]
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while True:
            with self._lock:
                if self.done >= self.requests:
                    break
                self.done += 1
                place = self.done
            count, body = chance.choice(bodies)
            try:
                connection.request(
                    "POST", "/invocations", body, {"Content-Type": "application/jsonlines"}
                )
                response = connection.getresponse()
                answer = response.read()
                if response.status != 200 or answer.count(b"\n") != count:
                    self.failures.append((place, f"{response.status} {answer[:200]!r}"))
            except (OSError, http.client.HTTPException) as error:
                self.failures.append((place, repr(error)))
                connection.close()
        connection.close()

    @staticmethod
    def _body(chance: random.Random) -> tuple[int, bytes]:
        count = int(2 ** chance.uniform(0, 6))
        sides = [(0, 1), (0,), (1,)]
        records = [_record(chance, chance.choice(sides)) for _ in range(count)]
        return count, "".join(json.dumps(record) + "\n" for record in records).encode()


def _watch(server: int, port: int, options: argparse.Namespace) -> int:
    clients = Clients(port, options.requests, options.clients)
    settled = 0
    killed_at = 0
    pings: list[float] = []
    step = max(options.requests // 20, 1)
    shown = 0
    began = time.monotonic()
    while any(thread.is_alive() for thread in clients.threads):
        time.sleep(0.2)
        seconds = ping(port)
        if seconds is not None:
            pings.append(seconds)
        if not settled and clients.done >= SETTLED:
            settled = _resident(server)
        if not killed_at and not options.no_kill and clients.done >= options.requests // 2:
            killed_at = clients.done
            os.kill(workers(server)[0], signal.SIGKILL)
        if clients.done >= shown + step:
            shown = clients.done
            print(f"{shown:8d} requests  {_resident(server) / 2**20:7.1f} MiB", flush=True)
    seconds = time.monotonic() - began
    final = _resident(server)
    settled = settled or final
    pings.sort()
    near = [place for place, _ in clients.failures if abs(place - killed_at) <= 200]
    print(
        f"{options.requests} requests in {seconds:.0f} s, {options.requests / seconds:.0f} a second"
    )
    print(
        f"after {SETTLED}: {settled / 2**20:.1f} MiB, at the end {final / 2**20:.1f} MiB: "
        f"{100 * (final / settled - 1):+.1f} %"
    )
    print(
        f"killed a worker after {killed_at}: {len(clients.failures)} requests failed, "
        f"{len(near)} of them then: {clients.failures[:3]}"
    )
    print(
        f"/ping: median {1000 * pings[len(pings) // 2]:.1f} ms, "
        f"99 % {1000 * pings[int(len(pings) * 0.99)]:.1f} ms"
    )
    grew = final > 1.05 * settled
    return int(grew or len(near) != len(clients.failures) or len(near) > options.clients)


def _resident(server: int) -> int:
    """Return the resident bytes of a server and its workers, shared pages once each process."""
    total = 0
    for pid in (server, *workers(server)):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1]) * 1024
    return total


if __name__ == "__main__":
    sys.exit(main())
