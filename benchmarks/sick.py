"""Quality on SICK: entailment and relatedness, three encoders, with and without GloVe vectors.

    PYTHONPATH=src:container python benchmarks/sick.py SICK.txt glove.6B.50d.txt OUT

Every run is a job of the real program `train` on an ML folder of its own; TRIAL stops it early, and
its saved model is scored on TEST. OUT/runs.jsonl gets a line a run, and runs that stand there are
not run again; OUT/results.json and OUT/table.md are written at the end.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import sick_channels as sick
import sick_report as report

from object2vec.data.ragged import RaggedArray
from object2vec.inference.predictor import Predictor

# The same for all runs. One table for both sides: they speak one language, and there are few
# sentences to learn it from.
_COMMON = {
    "tied_token_embedding_weight": "true",
    "mini_batch_size": "64",
    "epochs": "30",
    "early_stopping_patience": "3",
    "early_stopping_tolerance": "0.001",
}

# Chosen on TRIAL, once an encoder; what else was tried stands in docs/quality.md.
SETTINGS: dict[str, dict[str, str]] = {
    # Its token dimension is enc_dim, and so that of the vectors. Hardly any dropout: on both means
    # apart it widens their difference, which nothing does when the model is used.
    "pooled_embedding": {
        "enc_dim": "50",
        "comparator_list": "hadamard,abs_diff",
        "mlp_layers": "2",
        "mlp_dim": "256",
        "mlp_activation": "tanh",
        "dropout": "0.05",
        "learning_rate": "0.003",
    },
    "hcnn": {
        "enc0_token_embedding_dim": "50",
        "enc_dim": "256",
        "comparator_list": "hadamard,abs_diff",
        "mlp_layers": "1",
        "mlp_dim": "256",
        "mlp_activation": "tanh",
        "dropout": "0.05",
        "learning_rate": "0.002",
        "bucket_width": "4",
    },
    "bilstm": {
        "enc0_token_embedding_dim": "50",
        "enc_dim": "128",
        "comparator_list": "hadamard,abs_diff",
        "mlp_layers": "1",
        "mlp_dim": "256",
        "mlp_activation": "tanh",
        "dropout": "0.2",
        "learning_rate": "0.002",
        "bucket_width": "4",
    },
}


@dataclass(frozen=True)
class Wanted:
    """One run to make."""

    task: str
    encoder: str
    vectors: str
    seed: int


class FailedJobError(Exception):
    """A `train` that did not end well."""


def hyperparameters_of(wanted: Wanted) -> dict[str, str]:
    """Return a run's hyperparameters, without those that follow from data and task."""
    encoder = wanted.encoder
    chosen = _COMMON | SETTINGS[encoder] | {"enc0_network": encoder, "seed": str(wanted.seed)}
    if wanted.vectors != "none":
        chosen["enc0_freeze_pretrained_embedding"] = str(wanted.vectors == "frozen").lower()
    return chosen


def train(folder: Path) -> None:
    """Run the program `train` on an ML folder.

    Raises:
        FailedJobError: It ended with another code than 0.
    """
    done = subprocess.run(
        [sys.executable, "-m", "object2vec_container.train"],
        env={**os.environ, "OBJECT2VEC_ML_ROOT": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    (folder / "log.txt").write_text(done.stdout, encoding="utf-8")
    if done.returncode:
        raise FailedJobError(f"train ended with code {done.returncode}:\n{done.stdout[-3000:]}")


def score(
    predictor: Predictor, pairs: list[sick.Pair], vocabulary: dict[str, int], task: str
) -> dict[str, float]:
    """Return a saved model's figures on some pairs."""
    left, right = (
        RaggedArray.from_rows(
            [
                [vocabulary[word] for word in pair.tokens[side] if word in vocabulary]
                for pair in pairs
            ]
        )
        for side in (0, 1)
    )
    labels = [pair.label(task) for pair in pairs]
    return report.figures(task, predictor.score(left, right), labels)


class Benchmark:
    """SICK and the vectors, read once, and the runs made of them."""

    def __init__(self, sick_file: Path, vectors_file: Path, work: Path) -> None:
        self.channels = sick.read_pairs(sick_file)
        self._vectors_file = vectors_file
        self._work = work
        known = sick.words_with_vectors(vectors_file)
        self._vocabularies = {
            "none": sick.vocabulary_of(self.channels),
            "frozen": sick.vocabulary_of(self.channels, known),
            "trained": sick.vocabulary_of(self.channels, known),
        }

    def run(self, wanted: Wanted) -> tuple[Path, float]:
        """Write an ML folder and train on it: the folder, and the seconds it took."""
        folder = self._work / f"{wanted.task}-{wanted.encoder}-{wanted.vectors}-{wanted.seed}"
        sick.write_ml_folder(
            folder,
            self.channels,
            sick.Job(
                wanted.task,
                self._vocabularies[wanted.vectors],
                None if wanted.vectors == "none" else self._vectors_file,
                hyperparameters_of(wanted),
            ),
        )
        started = time.perf_counter()
        train(folder)
        return folder, time.perf_counter() - started

    def judge(self, wanted: Wanted, folder: Path, seconds: float) -> report.Run:
        """Score a run's saved model."""
        predictor = Predictor.load(folder / "model")
        training = predictor.model.training
        vocabulary = self._vocabularies[wanted.vectors]
        return report.Run(
            wanted.task,
            wanted.encoder,
            wanted.vectors,
            wanted.seed,
            score(predictor, self.channels["validation"], vocabulary, wanted.task),
            score(predictor, self.channels["test"], vocabulary, wanted.task),
            training["best_epoch"],
            len(training["epochs"]),
            seconds,
        )


def main() -> None:
    """Make the runs that are asked for and not yet made, and tell of all."""
    arguments = _parser().parse_args()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    log = out / "runs.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    runs = [report.Run(**json.loads(line)) for line in lines]
    made = {Wanted(run.task, run.encoder, run.vectors, run.seed) for run in runs}
    asked = [
        Wanted(task, encoder, vectors, seed)
        for seed, encoder, task, vectors in product(
            arguments.seeds, arguments.encoders, arguments.tasks, report.VECTORS
        )
    ]
    with tempfile.TemporaryDirectory() as work, ThreadPoolExecutor(arguments.jobs) as pool:
        benchmark = Benchmark(arguments.sick, arguments.vectors, Path(work))
        jobs = {pool.submit(benchmark.run, one): one for one in asked if one not in made}
        for job in as_completed(jobs):
            # Scored here, in one thread: the engine keeps memory for every thread that used it.
            run = benchmark.judge(jobs[job], *job.result())
            runs.append(run)
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(run)) + "\n")
            print(json.dumps(asdict(run)), flush=True)
    _tell(runs, benchmark.channels, out)


def _tell(runs: list[report.Run], channels: dict[str, list[sick.Pair]], out: Path) -> None:
    """Write all results as JSON, and the table as Markdown; print the table."""
    majority = sick.majority_accuracy(channels["test"], channels["train"])
    mean_error = sick.mean_label_error(channels["test"], channels["train"])
    results = {
        "majority_accuracy": majority,
        "mean_label_mean_squared_error": mean_error,
        "pairs": {channel: len(pairs) for channel, pairs in channels.items()},
        "common": _COMMON,
        "settings": SETTINGS,
        "runs": [asdict(run) for run in runs],
    }
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    table = report.table(runs, majority, mean_error)
    (out / "table.md").write_text(table + "\n", encoding="utf-8")
    print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Quality on SICK, as a table.")
    parser.add_argument("sick", type=Path, help="SICK.txt")
    parser.add_argument("vectors", type=Path, help="GloVe's 50-dimensional vectors as text")
    parser.add_argument("out", type=Path, help="folder of the results")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--tasks", nargs="+", choices=sick.TASKS, default=sick.TASKS)
    parser.add_argument("--encoders", nargs="+", choices=report.ENCODERS, default=report.ENCODERS)
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time")
    return parser


if __name__ == "__main__":
    main()
