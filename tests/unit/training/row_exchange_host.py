"""A worker of a test of the row exchange."""

import json
import os
import sys
import time

import numpy as np

from object2vec.network.engine import mx
from object2vec.training.row_exchange import RowExchange


def given(rank: int, workers: int, step: int, most: int, vocab: int, width: int):
    """What a host gives at a step; the last host has nothing at every other step."""
    generator = np.random.default_rng([rank, step])
    count = int(generator.integers(1, most + 1))
    if step % 2 and rank == workers - 1:
        count = 0
    ids = generator.choice(vocab, count, replace=False)
    return ids, generator.standard_normal((count, width), dtype=np.float32)


def main() -> None:
    rank, out = int(sys.argv[1]), sys.argv[2]
    most, vocab, width, steps = map(int, sys.argv[3:7])
    kv = mx.kv.create("dist_sync")
    # As the engine's Trainer does: keys from 0 on the same store.
    kv.init(0, mx.nd.ones((3,)))
    workers = int(os.environ["DMLC_NUM_WORKER"])
    exchange = RowExchange(kv, rank, workers)
    results, taken = {}, []
    for step in range(steps):
        flat = np.full(300_000, rank + 1, dtype=np.float32)
        rows = {
            table: given(rank, workers, 2 * step + table, most, vocab, width) for table in (0, 1)
        }
        began = time.perf_counter()
        if step < 2:
            summed = {table: exchange.exchange(table, *rows[table]) for table in rows}
            results[f"flat{step}"] = flat[:0]
        else:
            total, summed = exchange.exchange_step(flat, rows)
            results[f"flat{step}"] = total[::1000]
        taken.append(time.perf_counter() - began)
        for table, (union, gradient) in summed.items():
            results[f"ids{2 * step + table}"] = union
            results[f"rows{2 * step + table}"] = gradient
        kv.push(0, mx.nd.ones((3,)))
        kv.pull(0, out=(pulled := mx.nd.zeros((3,))))
        results[f"dense{step}"] = pulled.asnumpy()
    np.savez(f"{out}/{rank}.npz", **results)
    sys.stdout.write(json.dumps({"median_ms": 1000 * float(np.median(taken[4:]))}) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
