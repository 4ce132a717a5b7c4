"""What the worker processes of a server share: memory with a large model, in total and by process.

    .venv/bin/python benchmarks/serving_memory.py [--megabytes 1024] [--workers 4]

Serves a model whose tables take so much with the real `serve`, has every worker read every row, and
prints proportional set sizes: a page that n processes share counts as 1/n in each.
"""

import argparse
import http.client
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import running_server

from object2vec.hyperparameters import Hyperparameters
from object2vec.network import engine
from object2vec.network.pair_network import PairNetwork
from object2vec.saved_model import ModelWriter

DIMENSIONS = 128
ROWS_A_RECORD = 500


def main() -> int:
    """Print the sizes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--workers", type=int, default=4)
    options = parser.parse_args()
    rows = options.megabytes * 2**20 // 4 // DIMENSIONS
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        began = time.monotonic()
        _write_model(root / "model", rows)
        print(f"wrote a model of {options.megabytes} MiB in {time.monotonic() - began:.1f} s")
        return _serve(root, rows, options.workers)


def _write_model(folder: Path, rows: int) -> None:
    hyperparameters = Hyperparameters.from_strings(
        {
            "enc0_network": "pooled_embedding",
            "enc0_max_seq_len": str(ROWS_A_RECORD),
            "enc0_vocab_size": str(rows),
            "enc_dim": str(DIMENSIONS),
            "enc0_token_embedding_dim": str(DIMENSIONS),
            "tied_token_embedding_weight": "true",
            "mlp_dim": "256",
        }
    )
    network = PairNetwork(hyperparameters, engine.device(0))
    table = np.random.default_rng(1).random((rows, DIMENSIONS), dtype=np.float32)
    ModelWriter(folder, hyperparameters, (None, None)).save(
        {"embed_shared_weight": table, **network.values()}, {"epochs": []}
    )


def _serve(root: Path, rows: int, workers: int) -> int:
    began = time.monotonic()
    with running_server.serving(root, SAGEMAKER_MODEL_SERVER_WORKERS=str(workers)) as (
        server,
        port,
    ):
        print(f"ready after {time.monotonic() - began:.1f} s")
        _show("before requests", server)
        threads = [
            threading.Thread(target=_read_all, args=(port, rows)) for _ in range(3 * workers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        _show("when every worker has read every row", server)
    return 0


def _read_all(port: int, rows: int) -> None:
    """Ask for every row, over a connection that stays with one worker, and for many at once."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    records = [
        {"in0": list(range(start, min(start + ROWS_A_RECORD, rows)))}
        for start in range(0, rows, ROWS_A_RECORD)
    ]
    for start in range(0, len(records), 500):
        body = json.dumps({"instances": records[start : start + 500]})
        connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        assert response.status == 200, response.read()
        response.read()
    connection.close()


def _show(when: str, server: int) -> None:
    children = running_server.workers(server)
    sizes = []
    for pid in (server, *children):
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        fields = dict(line.split(":") for line in text.splitlines()[1:])
        sizes.append(
            tuple(int(fields[key].split()[0]) / 1024 for key in ("Pss", "Rss", "Private_Dirty"))
        )
    total = sum(pss for pss, _, _ in sizes)
    print(f"{when}: {total:.0f} MiB in all (proportional)")
    for name, (pss, rss, private) in zip(("first", *children), sizes, strict=True):
        print(
            f"  process {name:>6}: {pss:7.1f} proportional, {rss:7.1f} resident, "
            f"{private:6.1f} its own"
        )


if __name__ == "__main__":
    sys.exit(main())
