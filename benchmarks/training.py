"""Training speed: the real `train` beside a peer, on the same files, in turn.

    .venv/bin/python benchmarks/training.py WORKLOADS OUT [--peer "PYTHON SCRIPT"] [--runs 5]

WORKLOADS holds a folder a workload, with hyperparameters.json and train/*.jsonl. Every run trains
one epoch without validation; what counts is records per second of the training loop: making of
batches, forward, backward, update. The peer is a command that takes the same two files and prints
JSON lines with records_per_second. Runs alternate, medians are compared. OUT gets results.json and
table.md.

The limits of the machine are measured too: a product of large matrices for arithmetic, a copy of a
large array for memory traffic. The share of the first is what the multiply-adds of the dense
layers, forward and backward, would take of it; that of the second, what reading and writing the
numbers that a step cannot avoid would take: the embeddings of all tokens and their gradients, and
of every parameter in the batch its value, gradient and optimizer state. Numbers in the processor's
caches move faster than a copy of memory, so either share is a measure of size, not a bound.
"""

import argparse
import json
import os
import re
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import running_program

_THROUGHPUT = re.compile(r"train throughput=([0-9.e+]+) records/second")


@dataclass
class Measured:
    """What was measured of one workload.

    Attributes:
        ours: Records per second, a run each.
        peers: The same of the peer.
        megabytes: Peak resident memory of our runs in MiB.
        peer_megabytes: The same of the peer's.
        multiply_adds: Of the dense layers, a record, forward.
        moved_bytes: What a record's part of a step reads and writes at least.
    """

    ours: list[float] = field(default_factory=list)
    peers: list[float] = field(default_factory=list)
    megabytes: float = 0.0
    peer_megabytes: float = 0.0
    multiply_adds: float = 0.0
    moved_bytes: float = 0.0


def main() -> int:
    """Run all workloads and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("workloads", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--peer", type=shlex.split, default=[])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--peer-seconds", type=float, default=20.0, help="a run of the peer")
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    folders = sorted(
        path.parent
        for path in options.workloads.glob("*/hyperparameters.json")
        if not options.only or path.parent.name in options.only
    )
    results: dict[str, Measured] = {folder.name: Measured() for folder in folders}
    limits = measure_limits()
    for number in range(options.runs):
        for folder in folders:
            measured = results[folder.name]
            _run_ours(folder, measured)
            if options.peer:
                _run_peer(folder, options.peer, options.peer_seconds, measured)
            print(number, folder.name, measured.ours[-1], measured.peers[-1:], flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    told = {name: asdict(measured) for name, measured in results.items()}
    (options.out / "results.json").write_text(
        json.dumps({"machine": _machine(), "limits": limits, "workloads": told}, indent=1) + "\n"
    )
    text = table(results, limits)
    (options.out / "table.md").write_text(text)
    print(text)
    return 0


def measure_limits() -> dict[str, float]:
    """Return multiply-adds and copied bytes a second that this machine can do."""
    a = np.ones((2000, 2000), dtype=np.float32)
    products = min(_seconds(lambda: a @ a) for _ in range(5))
    source = np.ones(2**26, dtype=np.float32)
    target = np.empty_like(source)
    copies = min(_seconds(lambda: np.copyto(target, source)) for _ in range(5))
    return {"multiply_adds": 2000**3 / products, "copied_bytes": 2 * source.nbytes / copies}


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def _run_ours(folder: Path, measured: Measured) -> None:
    with tempfile.TemporaryDirectory() as root:
        job = Path(root)
        (job / "input" / "config").mkdir(parents=True)
        (job / "input" / "data").mkdir()
        (job / "input" / "data" / "train").symlink_to((folder / "train").resolve())
        hyperparameters = json.loads((folder / "hyperparameters.json").read_text())
        hyperparameters.update(epochs="1", seed="1")
        path = job / "input" / "config" / "hyperparameters.json"
        path.write_text(json.dumps(hyperparameters))
        train = Path(sys.executable).with_name("train")
        done = running_program.run([str(train)], {**os.environ, "OBJECT2VEC_ML_ROOT": root})
        measured.megabytes = max(measured.megabytes, done.resident)
        measured.ours.append(float(_THROUGHPUT.findall(done.log)[-1]))
        if not measured.multiply_adds:  # the same in every run
            manifest = json.loads((job / "model" / "model.json").read_text())
            _count(folder, hyperparameters, manifest, measured)


def _run_peer(folder: Path, peer: list[str], seconds: float, measured: Measured) -> None:
    (train,) = (folder / "train").glob("*.jsonl")
    command = [*peer, str(folder / "hyperparameters.json"), str(train), "--epochs", "1"]
    done = running_program.run([*command, "--max-seconds", str(seconds)], os.environ)
    measured.peer_megabytes = max(measured.peer_megabytes, done.resident)
    measured.peers.append(json.loads(done.log.splitlines()[-1])["records_per_second"])


def _count(
    folder: Path,
    hyperparameters: dict[str, str],
    manifest: dict[str, object],
    measured: Measured,
) -> None:
    """Count what a record costs: multiply-adds are weights times the positions they meet."""
    arrays = manifest["arrays"]
    assert isinstance(arrays, dict)
    records = [
        json.loads(line)
        for path in (folder / "train").glob("*.jsonl")
        for line in path.read_text().splitlines()
    ]
    lengths = [float(np.mean([len(each[side]) for each in records])) for side in ("in0", "in1")]
    batch_size = int(hyperparameters["mini_batch_size"])
    distinct = _distinct_tokens(records, batch_size, "embed_shared_weight" in arrays)
    parameters = 0.0
    for name, entry in arrays.items():
        shape = entry["shape"]
        if name.startswith("embed_"):
            tables = (0, 1) if name == "embed_shared_weight" else (int(name == "embed_1_weight"),)
            # Forward and back: each token's embedding is read once, and written once.
            measured.moved_bytes += 4 * 2 * sum(lengths[side] for side in tables) * shape[1]
            parameters += distinct[tables[0]] * shape[1]
            continue
        parameters += float(np.prod(shape))
        if len(shape) > 1:
            side = {"source": 0, "target": 1}.get(name.split("_")[0])
            times = 1.0 if side is None else lengths[side]
            measured.multiply_adds += times * float(np.prod(shape))
    # Adam: value, gradient and two states are read, all but the gradient written.
    measured.moved_bytes += 4 * 7 * parameters / batch_size


def _distinct_tokens(
    records: list[dict[str, list[int]]], batch_size: int, is_tied: bool
) -> list[float]:
    """Return the distinct tokens of a batch in each table, in the mean over some batches."""
    generator = np.random.default_rng(1)
    counts = []
    for _ in range(10):
        chosen = [records[place] for place in generator.integers(0, len(records), batch_size)]
        sides = [{token for each in chosen for token in each[side]} for side in ("in0", "in1")]
        counts.append([len(sides[0] | sides[1])] if is_tied else [len(side) for side in sides])
    return [float(count) for count in np.mean(counts, axis=0)]


def table(results: dict[str, Measured], limits: dict[str, float]) -> str:
    """Return the table in Markdown."""
    lines = [
        "| workload | records/s | the peer's | ratio | lowest..highest of the runs | peak MiB "
        "| the peer's | of the matrix product's limit | of the copy's limit |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, measured in results.items():
        ours = statistics.median(measured.ours)
        peer = statistics.median(measured.peers) if measured.peers else float("nan")
        arithmetic = 3 * measured.multiply_adds * ours / limits["multiply_adds"]
        traffic = measured.moved_bytes * ours / limits["copied_bytes"]
        lines.append(
            f"| {name} | {ours:,.0f} | {peer:,.0f} | {ours / peer:.2f} "
            f"| {min(measured.ours):,.0f}..{max(measured.ours):,.0f} "
            f"| {measured.megabytes:,.0f} | {measured.peer_megabytes:,.0f} "
            f"| {arithmetic:.0%} | {traffic:.0%} |"
        )
    return "\n".join(lines) + "\n"


def _machine() -> str:
    text = Path("/proc/cpuinfo").read_text()
    names = re.findall(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return f"{len(os.sched_getaffinity(0))} processors, {names[0] if names else 'unknown'}"


if __name__ == "__main__":
    sys.exit(main())
