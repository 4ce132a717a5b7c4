"""One direction of an LSTM by NumPy against the engine's operator, sequence by sequence."""

import numpy as np
import pytest

from object2vec.network.engine import autograd, nd
from object2vec.network.layouts import InSteps
from object2vec.network.recurrence import Recurrence

INPUTS, HIDDEN = 5, 4


def weights(seed=1):
    generator = np.random.default_rng(seed)
    shapes = [(4 * HIDDEN, INPUTS), (4 * HIDDEN, HIDDEN), (4 * HIDDEN,)]
    return [generator.normal(0, 0.5, shape).astype(np.float32) for shape in shapes]


def by_the_engine(tokens, parameters, head):
    """Hidden states (T, H) of one sequence, and the gradients of inputs and weights."""
    arrays = [nd.array(tokens), *map(nd.array, parameters)]
    for array in arrays:
        array.attach_grad()
    with autograd.record():
        parts = [part.reshape((-1,)) for part in arrays[1:]]
        flat = nd.concat(*parts, nd.zeros((4 * HIDDEN,)), dim=0)
        zeros = nd.zeros((1, 1, HIDDEN))
        hidden = nd.RNN(
            arrays[0].expand_dims(1),
            flat,
            zeros,
            zeros,
            state_size=HIDDEN,
            num_layers=1,
            mode="lstm",
        )
    hidden.backward(nd.array(head).expand_dims(1))
    return hidden.asnumpy()[:, 0], [array.grad.asnumpy() for array in arrays]


@pytest.mark.parametrize("lengths", [[1], [4], [3, 3], [5, 1, 0, 2], [2, 7, 7, 1, 3]])
def test_it_is_the_engine_s_operator_on_every_sequence_alone(lengths):
    generator = np.random.default_rng(2)
    parameters = weights()
    steps = InSteps.of(np.array(lengths))
    tokens = generator.normal(size=(sum(lengths), INPUTS)).astype(np.float32)
    head = generator.normal(size=(sum(lengths), HIDDEN)).astype(np.float32)
    rows = steps.token_of_row[: steps.row_count]

    (group,) = steps.groups
    made = Recurrence(tokens[rows], group, *parameters)
    of_inputs = np.empty_like(tokens)
    gradients = made.gradient(head[rows], of_inputs)

    expected = [np.zeros_like(parameter) for parameter in parameters]
    for end, length in zip(np.cumsum(lengths), lengths, strict=True):
        if not length:
            continue
        mine = slice(end - length, end)
        hidden, found = by_the_engine(tokens[mine], parameters, head[mine])
        places = np.argsort(rows)[mine]
        np.testing.assert_allclose(made.hidden[places], hidden, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(of_inputs[places], found[0], rtol=1e-4, atol=1e-5)
        expected = [total + part for total, part in zip(expected, found[1:], strict=True)]
    for gradient, total in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(gradient, total, rtol=1e-3, atol=1e-4)


def test_sums_far_from_zero_saturate_the_gates():
    steps = InSteps.of(np.array([3, 2]))
    inputs = np.array([[1e4], [-1e4], [1e4], [0], [-1e4]], dtype=np.float32)
    parameters = [np.ones((4, 1), dtype=np.float32), np.ones((4, 1), dtype=np.float32)]
    with np.errstate(over="ignore"):
        made = Recurrence(inputs, steps.groups[0], *parameters, np.zeros(4, dtype=np.float32))
        gradients = made.gradient(np.ones((5, 1), dtype=np.float32), None)
    assert np.isfinite(made.hidden).all()
    assert all(np.isfinite(gradient).all() for gradient in gradients)
