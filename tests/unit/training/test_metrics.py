"""Metrics from sums, by hand."""

import math

import numpy as np
import pytest

from object2vec.training.metrics import MetricSums, loss_name


def sums(first, second):
    return np.array([first, second], dtype=np.float32)


def test_classification_over_batches_of_different_size():
    metrics = MetricSums(is_regression=False)
    metrics.add(sums(2.0, 3), 4)
    metrics.add(sums(1.0, 1), 2)
    assert metrics.records == 6
    values = metrics.values()
    assert list(values) == ["perplexity", "cross_entropy", "accuracy"]
    assert values["cross_entropy"] == 0.5
    assert values["accuracy"] == pytest.approx(4 / 6)
    assert values["perplexity"] == pytest.approx(math.exp(0.5))


def test_regression():
    metrics = MetricSums(is_regression=True)
    metrics.add(sums(8.0, 6.0), 4)
    metrics.add(sums(0.0, 0.0), 4)
    assert metrics.values() == {"mean_squared_error": 1.0, "mean_absolute_error": 0.75}


@pytest.mark.parametrize("is_regression", [True, False])
def test_no_record_has_no_metric(is_regression):
    assert all(math.isnan(value) for value in MetricSums(is_regression).values().values())


def test_a_loss_beyond_the_range_of_exp_has_a_finite_perplexity():
    metrics = MetricSums(is_regression=False)
    metrics.add(sums(5000.0, 0), 1)
    assert math.isfinite(metrics.values()["perplexity"])
    assert metrics.values()["cross_entropy"] == 5000.0


@pytest.mark.parametrize("is_regression", [True, False])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stays_so(value, is_regression):
    metrics = MetricSums(is_regression)
    metrics.add(sums(1.0, 1.0), 1)
    metrics.add(sums(value, 1.0), 1)
    assert not math.isfinite(metrics.values()[loss_name(is_regression)])


def test_many_small_batches_do_not_lose_digits():
    metrics = MetricSums(is_regression=True)
    for _ in range(100_000):
        metrics.add(sums(1e-3, 1.0), 1)
    assert metrics.values()["mean_squared_error"] == pytest.approx(1e-3, rel=1e-6)


def test_two_runs_have_sums_of_their_own():
    first, second = MetricSums(True), MetricSums(True)
    first.add(sums(1.0, 1.0), 1)
    assert second.records == 0
    assert not second.sums.any()


def test_the_loss_is_one_of_the_metrics():
    for is_regression, name in ((True, "mean_squared_error"), (False, "cross_entropy")):
        assert loss_name(is_regression) == name
        assert name in MetricSums(is_regression).values()
