"""How fast a channel is read, and how much memory that takes beside the arrays it makes.

    python benchmarks/reading.py                      # made records of SNLI's size
    python benchmarks/reading.py --snli FOLDER        # the sentences in s1.*, s2.*, labels.*
    python benchmarks/reading.py --kind ids --gzip    # single ids, as of users and films, packed

Each measurement is a process of its own, so that its highest memory is its own.
"""

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import TypeAlias

import numpy as np

from object2vec.data.records import PairRecords, read_channel
from object2vec.data.vocabulary import Vocabulary
from object2vec.hyperparameters import Hyperparameters

Pair: TypeAlias = tuple[int, Sequence[int | str], Sequence[int | str]]

SNLI_VOCAB_SIZE = 43_540
# Mean and standard deviation of the sentence lengths of SNLI's two sides.
SNLI_LENGTHS = ((14.0, 6.0), (8.0, 3.0))
CLASSES = ("entailment", "contradiction", "neutral")


def main() -> None:
    """Write the records, then read them in two further processes: for time, and for memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--kind", choices=("sentences", "ids", "strings"), default="sentences")
    parser.add_argument("--snli", type=Path, help="folder of SNLI's s1.*, s2.*, labels.*")
    parser.add_argument("--gzip", action="store_true", help="write the records packed")
    parser.add_argument("--measure", choices=("time", "memory"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.folder, options.measure, options.kind)
        return
    with tempfile.TemporaryDirectory() as folder:
        pairs: Iterable[Pair] = (
            read_snli(options.snli) if options.snli else make_pairs(options.kind)
        )
        write(Path(folder), pairs, options.records, options.gzip)
        for what in ("time", "memory"):
            command = [sys.executable, __file__, "--measure", what, "--folder", folder]
            subprocess.run([*command, "--kind", options.kind], check=True)


def measure(folder: Path, what: str, kind: str) -> None:
    """Read the channel below `folder` and print what it took."""
    words = {f"word{token_id}": token_id for token_id in range(SNLI_VOCAB_SIZE)}
    vocabulary = Vocabulary(words) if kind == "strings" else None
    hyperparameters = Hyperparameters.from_strings(
        {"enc0_max_seq_len": "50", "enc0_vocab_size": str(SNLI_VOCAB_SIZE), "num_classes": "3"}
    )

    def read() -> PairRecords:
        return read_channel(folder / "train", "train", hyperparameters, (vocabulary, vocabulary))

    if what == "memory":
        Path("/proc/self/clear_refs").write_text("5")  # Forget the highest memory so far.
        before = resident_bytes("VmRSS")
        records = read()
        resident = resident_bytes("VmHWM") - before
        arrays = records.nbytes
        del records
        tracemalloc.start()
        read()
        traced = tracemalloc.get_traced_memory()[1]
        print(f"arrays {arrays / 1e6:.1f} MB")
        print(f"highest memory, resident {resident / 1e6:.1f} MB: {resident / arrays:.2f} times")
        print(f"highest memory, traced   {traced / 1e6:.1f} MB: {traced / arrays:.2f} times")
        return
    rates = []
    for _ in range(3):
        begin, begin_cpu = time.perf_counter(), time.process_time()
        records = read()
        seconds = time.process_time() - begin_cpu
        rates.append(len(records) / seconds)
        print(
            f"{len(records)} records: {len(records) / (time.perf_counter() - begin):,.0f} a second "
            f"of wall time, {rates[-1]:,.0f} a second of one core, "
            f"{records.summary.bytes_read / seconds / 1e6:.0f} MB/s"
        )
    print(f"best {max(rates):,.0f} records a second of one core")


def resident_bytes(what: str) -> int:
    """Return this process's memory now (`VmRSS`) or at its highest (`VmHWM`), from Linux."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == what:
            return int(value.split()[0]) * 1024
    raise LookupError(what)


def make_pairs(kind: str) -> Iterator[Pair]:
    """Make labelled pairs without end; ids fall off as words do."""
    generator = np.random.default_rng(11)
    while True:
        sides = []
        for mean, deviation in SNLI_LENGTHS if kind != "ids" else ((1.0, 0.0), (1.0, 0.0)):
            lengths = np.clip(generator.normal(mean, deviation, 10_000).round(), 1, 82).astype(int)
            ids = generator.zipf(1.2, lengths.sum()) % (SNLI_VOCAB_SIZE - 1) + 1
            tokens = [f"word{token_id}" for token_id in ids] if kind == "strings" else ids.tolist()
            ends = lengths.cumsum().tolist()
            starts = [0, *ends[:-1]]
            sides.append([tokens[a:b] for a, b in zip(starts, ends, strict=True)])
        yield from zip(generator.integers(0, 3, 10_000).tolist(), *sides, strict=True)


def read_snli(folder: Path) -> Iterable[Pair]:
    """Number the words of SNLI's sentences by their frequency, and repeat its pairs for ever."""
    pairs = []
    for part in ("dev", "test"):
        columns = (
            (folder / f"{name}.{part}").read_text(encoding="utf-8").splitlines()
            for name in ("labels", "s1", "s2")
        )
        pairs += list(zip(*columns, strict=True))
    counts: dict[str, int] = {}
    for _, left, right in pairs:
        for word in (left + " " + right).split():
            counts[word] = counts.get(word, 0) + 1
    ids = {word: 1 + rank for rank, word in enumerate(sorted(counts, key=counts.__getitem__)[::-1])}
    return cycle(
        [
            (CLASSES.index(label), [ids[w] for w in left.split()], [ids[w] for w in right.split()])
            for label, left, right in pairs
            if label in CLASSES
        ]
    )


def write(folder: Path, pairs: Iterable[Pair], count: int, is_packed: bool) -> None:
    """Write `count` pairs as the channel `train` below `folder`."""
    (folder / "train").mkdir()
    path = folder / "train" / ("part.jsonl.gz" if is_packed else "part.jsonl")
    begin = time.perf_counter()
    with gzip.open(path, "wt", 1) if is_packed else path.open("w") as stream:
        stream.writelines(
            json.dumps({"label": label, "in0": in0, "in1": in1}) + "\n"
            for label, in0, in1 in islice(pairs, count)
        )
    size = path.stat().st_size
    print(f"wrote {count} records, {size / 1e6:.0f} MB, in {time.perf_counter() - begin:.1f} s")


if __name__ == "__main__":
    main()
