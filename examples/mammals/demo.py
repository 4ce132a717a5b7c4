"""Train the mammals example with the real `train`, and show in words what it learnt.

    make demo
    .venv/bin/python examples/mammals/demo.py zebra tiger "killer whale"

The job runs in a copy of the ML folder, build/demo, where its log and its model stay.
"""

import argparse
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

EXAMPLE = Path(__file__).parent
DEFAULT_FOLDER = EXAMPLE.parents[1] / "build" / "demo"
NOUNS = ("wolf", "lion", "horse", "dolphin", "bat", "chimpanzee", "kangaroo", "otter")
NEIGHBOURS = 5

METRIC = re.compile(
    r"#quality_metric: host=\S+,(?: epoch=(?P<epoch>\d+),)? (?P<channel>\w+) (?P<name>\w+)"
    r" <(?:loss|score)>=(?P<value>\S+)"
)


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A noun near another one, and the cosine of the angle between their embeddings."""

    noun: str
    cosine: float


class MetricTable:
    """Prints one row an epoch from the log lines of `train`, and keeps the figures of the end."""

    def __init__(self) -> None:
        self.test: dict[str, float] = {}
        self._rows: dict[int, dict[str, float]] = {}

    def read(self, line: str) -> None:
        """Take one log line; lines that are no metric are passed over."""
        found = METRIC.search(line)
        if found is None:
            return
        value = float(found["value"])
        if found["epoch"] is None:
            self.test[found["name"]] = value
            return
        row = self._rows.setdefault(int(found["epoch"]), {})
        row[f"{found['channel']} {found['name']}"] = value
        if len(row) == 4:  # Later lines only repeat it.
            self._print_row(int(found["epoch"]), row)
            row["printed"] = 1.0

    @staticmethod
    def print_heading() -> None:
        """Print the table's heading."""
        print("              train            validation")
        print("  epoch   loss  accuracy     loss  accuracy")

    @staticmethod
    def _print_row(epoch: int, row: dict[str, float]) -> None:
        figures = "    ".join(
            f"{row[f'{channel} cross_entropy']:.3f}   {row[f'{channel} accuracy']:6.1%}"
            for channel in ("train", "validation")
        )
        print(f"  {epoch:5}  {figures}", flush=True)


def train_command() -> list[str]:
    """Return the program `train` of this Python; its module where it is not installed."""
    script = Path(sys.executable).with_name("train")
    if script.is_file():
        return [str(script)]
    return [sys.executable, "-m", "object2vec_container.train"]


def run_train(folder: Path) -> MetricTable:
    """Run `train` over an ML folder, with its log in train.log there.

    Raises:
        DemoError: It failed; the message is the program's own.
    """
    table = MetricTable()
    log_file = folder / "train.log"
    with (
        log_file.open("w", encoding="utf-8") as log,
        subprocess.Popen(
            train_command(),
            env={**os.environ, "OBJECT2VEC_ML_ROOT": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        ) as process,
    ):
        assert process.stdout is not None
        table.print_heading()
        for line in process.stdout:
            log.write(line)
            table.read(line)
    if process.returncode != 0:
        failure = folder / "output" / "failure"
        reason = failure.read_text(encoding="utf-8") if failure.is_file() else "no reason was left"
        raise DemoError(f"train ended with code {process.returncode}: {reason}\nLog: {log_file}")
    return table


def read_embeddings(model_folder: Path) -> tuple[list[str], npt.NDArray[np.float32], int]:
    """Return all N nouns of a model, their embeddings (N, enc_dim), and the model's epoch."""
    # Only now: it loads the engine, which takes a second or two.
    from object2vec.data.ragged import RaggedArray  # noqa: PLC0415
    from object2vec.inference.predictor import Predictor  # noqa: PLC0415

    predictor = Predictor.load(model_folder)
    vocabulary = predictor.vocabularies[0]
    assert vocabulary is not None
    nouns = list(vocabulary.ids_by_token)
    rows = RaggedArray.from_rows([vocabulary.encode([noun]) for noun in nouns])
    return nouns, predictor.embed(0, rows), predictor.model.training["best_epoch"]


def nearest(
    noun: str, nouns: Sequence[str], embeddings: npt.NDArray[np.float32], count: int
) -> list[Neighbour]:
    """Return the `count` nouns whose embeddings point most nearly the way of `noun`'s.

    Args:
        noun: One of `nouns`.
        nouns: N nouns.
        embeddings: Their embeddings (N, C).
        count: How many to return.
    """
    directions = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    itself = nouns.index(noun)
    cosines = directions @ directions[itself]  # (N,)
    cosines[itself] = -np.inf
    return [Neighbour(nouns[i], float(cosines[i])) for i in np.argsort(-cosines)[:count]]


def check_nouns(asked: Sequence[str], nouns: Sequence[str]) -> None:
    """Raise DemoError for a noun that the example does not have."""
    for noun in asked:
        if noun not in nouns:
            near = difflib.get_close_matches(noun, nouns, n=3)
            hint = f"; near it: {', '.join(near)}" if near else ""
            raise DemoError(f"{noun!r} is not a noun of the example{hint}")


def count_labels(channel_file: Path) -> tuple[int, int]:
    """Return how many records a channel's file has, and how many of them are true pairs."""
    lines = channel_file.read_text(encoding="utf-8").splitlines()
    labels = [json.loads(line)["label"] for line in lines]
    return len(labels), sum(labels)


def demonstrate(folder: Path, asked: Sequence[str]) -> None:
    """Train in `folder` and print the figures and the neighbours of the nouns asked for.

    Raises:
        DemoError: The training failed, or a noun is not in the example.
    """
    shutil.copytree(EXAMPLE / "ml", folder, dirs_exist_ok=True)
    data = folder / "input/data"
    vocabulary = json.loads((data / "auxiliary/vocabulary.json").read_text(encoding="utf-8"))
    check_nouns(asked, list(vocabulary))
    pair_count, _ = count_labels(data / "train/train.jsonl")
    test_count, true_count = count_labels(data / "test/test.jsonl")
    print(
        f"WordNet's mammals: {len(vocabulary):,} nouns. Training on {pair_count:,} true pairs, "
        'such as "wolf" and "carnivore",\n'
        "and four times as many false ones, which are drawn anew in every epoch.\n"
    )
    began = time.monotonic()
    table = run_train(folder)
    seconds = time.monotonic() - began
    nouns, embeddings, best_epoch = read_embeddings(folder / "model")
    print(
        f"\nTrained in {seconds:.0f} s. The model is that of epoch {best_epoch}, with the lowest "
        f"validation loss.\nOf {test_count:,} test pairs that training never saw it judges "
        f"{table.test['accuracy']:.1%} rightly, cross-entropy {table.test['cross_entropy']:.3f}\n"
        f"(to call every pair false would be right for {1 - true_count / test_count:.1%}).\n\n"
        "The nearest nouns, by the cosine of their embeddings:"
    )
    width = max(len(noun) for noun in asked)
    for noun in asked:
        found = nearest(noun, nouns, embeddings, NEIGHBOURS)
        print(f"  {noun:{width}}  {', '.join(f'{near.noun} {near.cosine:.2f}' for near in found)}")
    print(f"\nThe model is in {folder / 'model'}, the log beside it.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(
        description="Train the mammals example, print its figures and nearest neighbours."
    )
    parser.add_argument("nouns", nargs="*", help="whose neighbours to print (default: some)")
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help="where to train")
    options = parser.parse_args(arguments)
    try:
        demonstrate(options.folder.absolute(), options.nouns or NOUNS)
    except DemoError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
