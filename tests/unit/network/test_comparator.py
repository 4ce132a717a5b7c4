"""Comparator, MLP, output layer and objective against the plain statement."""

from itertools import permutations

import numpy as np
import pytest
from tests.unit.network.reference import ReferenceNetwork, compare, softmax
from tests.unit.network.small import hyperparameters, random_network

from object2vec.network.comparator import Comparator, Objective, Scorer
from object2vec.network.engine import autograd, mx, nd

OPERATORS = ("hadamard", "concat", "abs_diff")
LISTS = [chosen for count in (1, 2, 3) for chosen in permutations(OPERATORS, count)]


def encodings(count: int = 7, enc_dim: int = 6) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    left, right = generator.normal(size=(2, count, enc_dim)).astype(np.float32)
    return left, right


@pytest.mark.parametrize("operators", LISTS, ids="-".join)
def test_comparison_is_every_operator_in_order(operators):
    left, right = encodings()
    comparator = Comparator(operators)
    made = comparator(nd.array(left), nd.array(right)).asnumpy()
    expected = [compare(*pair, operators) for pair in zip(left, right, strict=True)]
    np.testing.assert_allclose(made, expected, atol=1e-6)
    assert made.shape == (7, comparator.width(6))


def test_comparison_by_hand():
    made = Comparator(("abs_diff", "hadamard", "concat"))(nd.array([[1, -2]]), nd.array([[3, 4]]))
    assert made.asnumpy().tolist() == [[2, 6, 3, -8, 1, -2, 3, 4]]


def scorer_outputs(**given):
    """The engine's outputs and scores, and the plain statement's outputs."""
    chosen = hyperparameters(enc0_network="pooled_embedding", **given)
    network = random_network(chosen, scale=0.4)
    plain = ReferenceNetwork.of(chosen, [], network.values())
    left, right = encodings()
    expected = np.array([plain.outputs(*pair) for pair in zip(left, right, strict=True)])
    arrays = nd.array(left), nd.array(right)
    return network.scorer(*arrays).asnumpy(), network.scores(*arrays).asnumpy(), expected


@pytest.mark.parametrize("operators", LISTS, ids="-".join)
def test_scorer_of_every_comparator_list(operators):
    outputs, _, expected = scorer_outputs(comparator_list=",".join(operators))
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


@pytest.mark.parametrize("activation", ["tanh", "relu", "linear"])
@pytest.mark.parametrize("layers", range(11))
def test_scorer_of_every_depth_and_activation(layers, activation):
    outputs, _, expected = scorer_outputs(mlp_layers=layers, mlp_activation=activation)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


@pytest.mark.parametrize("num_classes", [2, 3, 30])
def test_scores_of_classes_are_probabilities(num_classes):
    _, scores, expected = scorer_outputs(num_classes=num_classes)
    np.testing.assert_allclose(scores, [softmax(row) for row in expected], atol=1e-6)
    np.testing.assert_allclose(scores.sum(axis=1), 1.0, atol=1e-6)
    assert scores.shape == (7, num_classes)


def test_scores_of_regression_are_the_outputs():
    outputs, scores, expected = scorer_outputs(output_layer="mean_squared_error")
    np.testing.assert_array_equal(scores, outputs)
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    assert scores.shape == (7, 1)


@pytest.mark.parametrize("activation", ["tanh", "relu", "linear"])
def test_dropout_stands_after_every_mlp_layer_linear_ones_too(activation):
    chosen = hyperparameters(
        mlp_layers=1, mlp_dim=400, mlp_activation=activation, dropout=0.5, enc_dim=6
    )
    scorer = random_network(chosen, scale=0.4).scorer
    left, right = (nd.array(array) for array in encodings())
    compared = scorer.comparator(left, right)
    with autograd.record():
        trained = scorer.mlp(compared).asnumpy()
    scored = scorer.mlp(compared).asnumpy()
    active = scored != 0
    dropped = (trained == 0) & active
    assert 0.4 < dropped.sum() / active.sum() < 0.6
    np.testing.assert_allclose(trained[~dropped], 2 * scored[~dropped], rtol=1e-5)


def test_without_mlp_no_dropout_stands_between_comparison_and_output():
    chosen = hyperparameters(mlp_layers=0, dropout=0.5)
    scorer: Scorer = random_network(chosen).scorer
    left, right = (nd.array(array) for array in encodings())
    with autograd.record():
        trained = scorer(left, right).asnumpy()
    np.testing.assert_array_equal(trained, scorer(left, right).asnumpy())


def objective(is_regression, outputs, labels):
    """Loss, sums, and the gradient by the outputs."""
    block = Objective(is_regression)
    block.hybridize()
    outputs = nd.array(outputs)
    outputs.attach_grad()
    with autograd.record():
        loss, sums = block(outputs, nd.array(labels))
    loss.backward()
    return float(loss.asscalar()), sums.asnumpy(), outputs.grad.asnumpy()


def test_cross_entropy_by_hand():
    odds = [[1, 3], [4, 4], [9, 1]]
    loss, sums, slopes = objective(False, np.log(odds), [1, 0, 1])
    losses = [np.log(4 / 3), np.log(2), np.log(10)]
    assert loss == pytest.approx(np.mean(losses), rel=1e-6)
    # Of equal outputs the first is the answer.
    np.testing.assert_allclose(sums, [np.sum(losses), 2], rtol=1e-6)
    np.testing.assert_allclose(
        slopes, np.array([[0.25, -0.25], [-0.5, 0.5], [0.9, -0.9]]) / 3, atol=1e-6
    )


def test_cross_entropy_of_many_classes_and_large_outputs_is_finite():
    loss, sums, slopes = objective(False, [[1000.0, 0.0, -1000.0], [0.0, 0.0, 0.0]], [2, 1])
    assert loss == pytest.approx((2000 + np.log(3)) / 2, rel=1e-6)
    assert sums[1] == 0
    assert np.isfinite(slopes).all()


def test_squared_error_by_hand():
    loss, sums, slopes = objective(True, [[1.0], [2.5], [-3.0], [0.0]], [2.0, 2.0, -1.0, 0.0])
    assert loss == pytest.approx((1 + 0.25 + 4) / 4 / 2)
    np.testing.assert_allclose(sums, [5.25, 3.5])
    # As in a linear regression output layer: the error itself, over the records.
    np.testing.assert_allclose(slopes, np.array([[-1.0], [0.5], [-2.0], [0.0]]) / 4)


@pytest.mark.parametrize("is_regression", [True, False])
def test_objective_of_one_record(is_regression):
    outputs, labels = ([[2.0]], [1.0]) if is_regression else ([[0.0, 0.0]], [1])
    loss, sums, _ = objective(is_regression, outputs, labels)
    assert sums.shape == (2,)
    assert loss == pytest.approx(0.5 if is_regression else np.log(2), rel=1e-5)


def test_scores_do_not_depend_on_the_batch():
    chosen = hyperparameters(mlp_layers=2, mlp_activation="relu")
    network = random_network(chosen)
    left, right = encodings()
    whole = network.scores(nd.array(left), nd.array(right)).asnumpy()
    alone = [
        network.scores(nd.array(left[row : row + 1]), nd.array(right[row : row + 1])).asnumpy()[0]
        for row in range(len(left))
    ]
    np.testing.assert_allclose(whole, alone, atol=1e-6)
    assert network.ctx == mx.cpu()
