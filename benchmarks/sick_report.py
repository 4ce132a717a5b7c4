"""What is told of the runs on SICK: figures of a run, means over seeds, the table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

VECTORS = ("none", "frozen", "trained")
ENCODERS = ("pooled_embedding", "hcnn", "bilstm")
_PUBLISHED = (
    "| published: bag of vectors | pretrained | 78.9 | 0.823 | - | - |",
    "| published: BiLSTM-max pretrained on SNLI | GloVe 840B | 86 | 0.884 | - | - |",
)
_VECTOR_NAMES = {"none": "random", "frozen": "GloVe, frozen", "trained": "GloVe, trained further"}


@dataclass(frozen=True)
class Run:
    """One training and what its saved model scored.

    Attributes:
        task: `entailment` or `relatedness`.
        encoder: `pooled_embedding`, `hcnn` or `bilstm`.
        vectors: `none`, `frozen` or `trained`: what the token table began as.
        seed: The job's seed.
        validation: Figures on TRIAL.
        test: Figures on TEST.
        best_epoch: The epoch that was kept, from 0.
        epochs: Epochs run.
        seconds: The program's whole time.
    """

    task: str
    encoder: str
    vectors: str
    seed: int
    validation: dict[str, float]
    test: dict[str, float]
    best_epoch: int
    epochs: int
    seconds: float


def figures(
    task: str, scores: npt.NDArray[np.float32], labels: Sequence[float]
) -> dict[str, float]:
    """Return accuracy, or Pearson's r and the mean squared error.

    Args:
        task: `entailment` or `relatedness`.
        scores: Class probabilities (N, 3), or predictions (N, 1).
        labels: N labels.
    """
    expected = np.asarray(labels, dtype=np.float64)
    if task == "entailment":
        return {"accuracy": float((scores.argmax(axis=1) == expected).mean())}
    predicted = scores[:, 0].astype(np.float64)
    return {
        "pearson": float(np.corrcoef(predicted, expected)[0, 1]),
        "mean_squared_error": float(((predicted - expected) ** 2).mean()),
    }


def mean_and_spread(runs: Iterable[Run], metric: str, scale: float, digits: int) -> str:
    """Return a figure's mean over runs, and from its lowest to its highest; a dash for no run."""
    values = [run.test[metric] * scale for run in runs]
    if not values:
        return "-"
    mean = f"{sum(values) / len(values):.{digits}f}"
    if len(values) == 1:
        return mean
    return f"{mean} ({min(values):.{digits}f}..{max(values):.{digits}f})"


def table(runs: Sequence[Run], majority: float, mean_error: float) -> str:
    """Return the Markdown table of all runs: a row for every encoder and kind of vectors.

    Args:
        runs: All runs.
        majority: Accuracy of always saying the most frequent class.
        mean_error: Mean squared error of always saying the mean relatedness.
    """
    lines = [
        "| encoder | word vectors | entailment, accuracy % | relatedness, Pearson r "
        "| relatedness, MSE | runs |",
        "|---|---|---|---|---|---|",
        f"| majority, mean label | - | {100 * majority:.1f} | - | {mean_error:.3f} | - |",
        *_PUBLISHED,
    ]
    for encoder in ENCODERS:
        for vectors in VECTORS:
            chosen = [run for run in runs if (run.encoder, run.vectors) == (encoder, vectors)]
            entailment = [run for run in chosen if run.task == "entailment"]
            relatedness = [run for run in chosen if run.task == "relatedness"]
            cells = (
                encoder,
                _VECTOR_NAMES[vectors],
                mean_and_spread(entailment, "accuracy", 100, 1),
                mean_and_spread(relatedness, "pearson", 1, 3),
                mean_and_spread(relatedness, "mean_squared_error", 1, 3),
                f"{len(entailment)} + {len(relatedness)}",
            )
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
