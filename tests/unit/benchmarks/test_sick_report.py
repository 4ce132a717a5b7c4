"""Figures of scores, and the table of runs."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest


def run_of(sick_report: ModuleType, task: str, seed: int, test: dict[str, float]) -> Any:
    return sick_report.Run(task, "hcnn", "frozen", seed, {}, test, 2, 7, 1.5)


def test_accuracy_counts_the_likeliest_class(sick_report: ModuleType) -> None:
    scores = np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7], [0.3, 0.4, 0.3]], dtype=np.float32)
    assert sick_report.figures("entailment", scores, [0, 2, 0])["accuracy"] == pytest.approx(2 / 3)


def test_relatedness_is_told_as_pearson_and_squared_error(sick_report: ModuleType) -> None:
    scores = np.array([[1], [2], [3], [5]], dtype=np.float32)
    labels = [1.0, 2.5, 2.0, 5.0]
    figures = sick_report.figures("relatedness", scores, labels)
    assert figures["mean_squared_error"] == pytest.approx((0.25 + 1) / 4)
    centred = scores[:, 0] - scores.mean(), np.array(labels) - np.mean(labels)
    expected = (centred[0] @ centred[1]) / np.sqrt(
        (centred[0] ** 2).sum() * (centred[1] ** 2).sum()
    )
    assert figures["pearson"] == pytest.approx(expected)


def test_several_seeds_show_their_mean_and_range(sick_report: ModuleType) -> None:
    runs = [
        run_of(sick_report, "entailment", 1, {"accuracy": 0.70}),
        run_of(sick_report, "entailment", 2, {"accuracy": 0.73}),
        run_of(sick_report, "relatedness", 1, {"pearson": 0.8, "mean_squared_error": 0.4}),
    ]
    table = sick_report.table(runs, 0.567, 1.019).splitlines()
    assert "| majority, mean label | - | 56.7 | - | 1.019 | - |" in table
    assert "| hcnn | GloVe, frozen | 71.5 (70.0..73.0) | 0.800 | 0.400 | 2 + 1 |" in table
    assert "| bilstm | random | - | - | - | 0 + 0 |" in table
