"""The comparison by NumPy against the engine's graph of the same layers, values and gradients."""

import numpy as np
import pytest
from tests.unit.network.small import hyperparameters, random_network

from object2vec.network.comparison import Comparison, Encodings
from object2vec.network.engine import autograd, host_view, mx, nd

OPERATORS = ["hadamard", "concat", "abs_diff", "abs_diff,hadamard", "hadamard,concat,abs_diff"]
N, C = 12, 6


def numbers(*shape, seed):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def sides(kind):
    """Encodings of N records on both sides: each its own, some shared, most shared."""
    if kind == "own":
        return Encodings(numbers(N, C, seed=1)), Encodings(numbers(N, C, seed=2))
    generator = np.random.default_rng(3)
    distinct = 11 if kind == "few shared" else 4
    made = []
    for seed in (1, 2):
        # One that no record has, as a tied table's rows of the other side.
        places = generator.integers(0, distinct - 1, N)
        made.append(Encodings(numbers(distinct, C, seed=seed), places))
    return made[0], made[1]


@pytest.mark.parametrize("kind", ["own", "few shared", "shared"])
@pytest.mark.parametrize("operators", OPERATORS)
@pytest.mark.parametrize("mlp_layers", [0, 1])
def test_it_is_the_graph_s_first_layer(operators, kind, mlp_layers):
    chosen = hyperparameters(
        enc0_network="pooled_embedding", comparator_list=operators, mlp_layers=mlp_layers
    )
    scorer = random_network(chosen).scorer
    first = scorer.dense_layers[0]
    left, right = sides(kind)
    assert left.are_shared == (kind == "shared")
    head = numbers(N, first.weight.shape[0], seed=5)

    given = [nd.array(side.of_records()) for side in (left, right)]
    for array in given:
        array.attach_grad()
    with autograd.record():
        expected = first(scorer.comparator(*given))
    expected.backward(nd.array(head))
    expected_weight, expected_bias = (p.grad().asnumpy() for p in (first.weight, first.bias))

    made = Comparison(
        chosen.comparator_list,
        host_view(first.weight.data()),
        host_view(first.bias.data()),
        left,
        right,
    )
    np.testing.assert_allclose(made.outputs, expected.asnumpy(), rtol=1e-4, atol=1e-5)
    of_weight, of_bias = np.full_like(expected_weight, 9), np.full_like(expected_bias, 9)
    gradients = made.gradient(head, of_weight, of_bias)
    np.testing.assert_allclose(of_weight, expected_weight, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(of_bias, expected_bias, rtol=1e-4, atol=1e-5)
    for side, gradient, array in zip((left, right), gradients, given, strict=True):
        of_records = array.grad.asnumpy()
        if side.places is not None:
            sums = np.zeros_like(side.values)
            np.add.at(sums, side.places, of_records)
            of_records = sums
        np.testing.assert_allclose(gradient, of_records, rtol=1e-4, atol=1e-5)


def test_many_numbers_are_summed_as_few_are(monkeypatch):
    places = np.array([3, 0, 1, 3, 2, 2, 3])
    encodings = Encodings(numbers(4, C, seed=1), places)
    of_records = numbers(len(places), C, seed=2)
    few = encodings.sum_over_records(of_records)
    monkeypatch.setattr("object2vec.network.comparison._FEW", 0)
    np.testing.assert_allclose(encodings.sum_over_records(of_records), few, rtol=1e-5, atol=1e-6)


def test_a_view_of_the_engine_s_memory_outlives_its_array():
    view = host_view(nd.ones((300, 300), ctx=mx.cpu()) * 7)
    for _ in range(20):  # would take the memory, were it free
        nd.zeros((300, 300)).wait_to_read()
    assert (view == 7).all()
    array = nd.zeros((2, 3))
    host_view(array)[1, 2] = 5
    assert array.asnumpy()[1, 2] == 5
