"""How the cost of a training grows: with the number of records, and with the vocabulary.

    .venv/bin/python benchmarks/growth.py OUT                                    # all sizes
    .venv/bin/python benchmarks/growth.py OUT --records 10000 --vocabularies     # one small size

Every size is a run of the real `train` on made records, one epoch, a process of its own: in0 has 2
ids, in1 has 4, drawn evenly. Network and batches are small, so that the loop itself is seen. OUT
gets results.json and table.md.

Memory is told in three numbers. Peak RSS counts pages of mapped files too, which the system takes
away where memory is short; "own memory" is what it cannot take away (Anonymous of smaps_rollup,
looked at four times a second). Beside them stand tables and optimizer states as the hyperparameters
have them; the mean of the weights takes the tables' size once more.
"""

import argparse
import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import running_program

_MEBIBYTE = 2**20
_LENGTHS = (2, 4)  # ids of in0 and in1
_WRITTEN_AT_ONCE = 100_000
_STATES = {"adam": 2, "adagrad": 1, "rmsprop": 1, "adadelta": 2, "sgd": 0}
_READ = re.compile(r"Channel 'train': (\d+) records from .* in ([0-9.]+) s")
_THROUGHPUT = re.compile(r"train throughput=([0-9.e+]+) records/second")
_SPEED = re.compile(r"([0-9.]+) samples/sec")
_IN_FILES = re.compile(r"([0-9,]+) MiB of the records stand in files")

_NETWORK = {
    "enc0_network": "pooled_embedding",
    "enc0_max_seq_len": str(max(_LENGTHS)),
    "mlp_dim": "16",
    "mlp_layers": "1",
    "mini_batch_size": "256",
    "tied_token_embedding_weight": "true",
    "token_embedding_storage_type": "row_sparse",
    "optimizer": "adam",
    "epochs": "1",
    "seed": "1",
}


@dataclass(frozen=True)
class Run:
    """What one run took.

    Attributes:
        records: Records of the train channel.
        vocabulary: Rows of the one table.
        dimension: Numbers a row.
        seconds: The whole program.
        cpu: Processor seconds of the whole program, which other programs disturb less.
        read: Records read a second.
        trained: Records trained a second, over the epoch, snapshots of the weights among it.
        step: The same as the median over every hundred batches, so without them.
        rss: Highest resident memory in MiB, pages of files among it.
        own: Highest memory in MiB that no file stands behind.
        in_files: MiB of records that stood in files.
        model: MiB of table and optimizer states, by the hyperparameters.
        mean: MiB of the mean of the weights.
    """

    records: int
    vocabulary: int
    dimension: int
    seconds: float
    cpu: float
    read: float
    trained: float
    step: float
    rss: float
    own: float
    in_files: float
    model: float
    mean: float


def main() -> int:
    """Run all sizes and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--records", type=int, nargs="*", default=[10**4, 10**5, 10**6, 10**7])
    parser.add_argument(
        "--vocabularies", type=int, nargs="*", default=[10**4, 10**5, 10**6, 3 * 10**6]
    )
    parser.add_argument("--vocabulary-records", type=int, default=500_000)
    parser.add_argument("--dimension", type=int, default=100, help="of the vocabularies' runs")
    parser.add_argument("--runs", type=int, default=1, help="of every size, in turn")
    parser.add_argument("--data-memory", type=int, help="OBJECT2VEC_DATA_MEMORY_MB of train")
    parser.add_argument("--limit", type=int, help="MiB of own memory that train may have at all")
    options = parser.parse_args()
    variables = dict(os.environ)
    if options.data_memory is not None:
        variables["OBJECT2VEC_DATA_MEMORY_MB"] = str(options.data_memory)
    sizes = [(count, 10**4, 16) for count in options.records]
    sizes += [
        (options.vocabulary_records, each, options.dimension) for each in options.vocabularies
    ]
    every: list[list[Run]] = [[] for _ in sizes]
    for _ in range(options.runs):
        for size, done in zip(sizes, every, strict=True):
            done.append(run(*size, variables, options.limit))
            print(json.dumps(asdict(done[-1])), flush=True)
    runs = [middle(done) for done in every]
    options.out.mkdir(parents=True, exist_ok=True)
    told = {
        "machine": _machine(),
        "options": vars(options),
        "runs": [asdict(each) for each in runs],
    }
    (options.out / "results.json").write_text(json.dumps(told, indent=1, default=str) + "\n")
    count = len(options.records)
    text = f"{_machine()}\n\n{table(runs[:count], 'records')}\n{table(runs[count:], 'vocabulary')}"
    (options.out / "table.md").write_text(text)
    print(text)
    return 0


def run(
    records: int, vocabulary: int, dimension: int, variables: dict[str, str], limit: int | None
) -> Run:
    """Write the records, train on them, and return what that took."""
    hyperparameters = {
        **_NETWORK,
        "enc0_vocab_size": str(vocabulary),
        "enc_dim": str(dimension),
    }
    with tempfile.TemporaryDirectory() as root:
        job = Path(root)
        (job / "input" / "config").mkdir(parents=True)
        (job / "input" / "data" / "train").mkdir(parents=True)
        (job / "input" / "config" / "hyperparameters.json").write_text(json.dumps(hyperparameters))
        write_records(job / "input" / "data" / "train" / "part.jsonl", records, vocabulary)
        began = time.perf_counter()
        command = [sys.executable, "-m", "object2vec_container.train"]
        done = running_program.run(command, {**variables, "OBJECT2VEC_ML_ROOT": root}, limit)
        seconds = time.perf_counter() - began
    count, reading = _READ.findall(done.log)[-1]
    trained = float(_THROUGHPUT.findall(done.log)[-1])
    speeds = [float(speed) for speed in _SPEED.findall(done.log)]
    in_files = _IN_FILES.findall(done.log)
    table_size = vocabulary * dimension * 4 / _MEBIBYTE
    return Run(
        records=int(count),
        vocabulary=vocabulary,
        dimension=dimension,
        seconds=seconds,
        cpu=done.cpu,
        read=int(count) / max(float(reading), 0.01),  # the log rounds to hundredths
        trained=trained,
        step=statistics.median(speeds) if speeds else trained,
        rss=done.resident,
        own=done.own,
        in_files=float(in_files[-1].replace(",", "")) if in_files else 0.0,
        model=table_size * (1 + _STATES[hyperparameters["optimizer"]]),
        mean=table_size,
    )


def middle(runs: Sequence[Run]) -> Run:
    """Return the median of every time of equal runs, and the highest of their memory."""
    medians = {
        name: statistics.median(getattr(each, name) for each in runs)
        for name in ("seconds", "cpu", "read", "trained", "step")
    }
    highest = {name: max(getattr(each, name) for each in runs) for name in ("rss", "own")}
    return replace(runs[0], **medians, **highest)


def write_records(path: Path, count: int, vocabulary: int) -> None:
    """Write made records; ids have blanks before them, so that all lines are of one length."""
    chance = np.random.default_rng(count)
    width = len(str(vocabulary - 1))
    blank = " " * width
    lists = ["[" + ",".join([blank] * length) + "]" for length in _LENGTHS]
    template = f'{{"label":0,"in0":{lists[0]},"in1":{lists[1]}}}\n'.encode()
    line = np.frombuffer(template, dtype=np.uint8)
    # The first id of a list stands one behind its bracket, the next one a comma further.
    places = [
        template.index(b"[", template.index(name)) + 1 + number * (width + 1)
        for name, length in zip((b"in0", b"in1"), _LENGTHS, strict=True)
        for number in range(length)
    ]
    with path.open("wb") as stream:
        for start in range(0, count, _WRITTEN_AT_ONCE):
            lines = np.tile(line, (min(_WRITTEN_AT_ONCE, count - start), 1))
            lines[:, template.index(b"0")] += chance.integers(0, 2, len(lines), dtype=np.uint8)
            for place in places:
                lines[:, place : place + width] = _digits(
                    chance.integers(1, vocabulary, len(lines)), width
                )
            stream.write(lines.tobytes())


def _digits(numbers: np.ndarray, width: int) -> np.ndarray:
    """Return numbers as text (N, width), blanks before them."""
    powers = 10 ** np.arange(width - 1, -1, -1)
    digits = (numbers[:, None] // powers % 10 + ord("0")).astype(np.uint8)
    digits[numbers[:, None] < powers] = ord(" ")
    return digits


def table(runs: Sequence[Run], by: str) -> str:
    """Return runs in Markdown, the column `by` first."""
    if not runs:
        return ""
    lines = [
        f"| {by} | read, records/s | trained, records/s | between snapshots | whole program, s "
        "| its CPU, s | table + states, MiB | mean, MiB | records in files, MiB | own memory, MiB "
        "| peak RSS, MiB |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {getattr(each, by):,} | {each.read:,.0f} | {each.trained:,.0f} | {each.step:,.0f} "
        f"| {each.seconds:,.1f} | {each.cpu:,.1f} | {each.model:,.0f} "
        f"| {each.mean:,.0f} | {each.in_files:,.0f} | {each.own:,.0f} | {each.rss:,.0f} |"
        for each in runs
    ]
    return "\n".join(lines) + "\n"


def _machine() -> str:
    text = Path("/proc/cpuinfo").read_text()
    names = re.findall(r"^model name\s*: (.*)$", text, re.MULTILINE)
    gigabytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores of an {names[0] if names else 'unknown'}, {gigabytes:.0f} GB"


if __name__ == "__main__":
    sys.exit(main())
