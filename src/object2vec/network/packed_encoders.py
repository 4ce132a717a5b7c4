"""The sequence encoders over packed sequences: how the CPU trains them.

The same mathematics as `encoders`, with the same parameters, over layouts that hold hardly anything
but tokens. A pass computes the encodings, keeps what their gradient needs, and then hands that
gradient back: to the parameters, and to the pieces of embeddings it was given. The engine's tape
runs between the maxima, which are NumPy's.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from object2vec.network.encoders import BiLSTM, HierarchicalCNN, LSTMDirection
from object2vec.network.engine import autograd, from_numpy, host_view, mx, nd
from object2vec.network.layouts import InLine, InSteps, Run
from object2vec.network.lookup import SideInput
from object2vec.network.maxima import RectifiedMaximum, SequenceMaximum

Floats = npt.NDArray[np.float32]


class PackedPass(ABC):
    """One batch's way through a sequence encoder.

    Attributes:
        encodings: (N, C).
    """

    encodings: Floats

    @abstractmethod
    def backward(self, gradient: Floats) -> None:
        """Give the gradient (N, C) of the encodings to parameters and embeddings."""


class ConvolutionPass(PackedPass):
    """A hierarchical CNN over sequences in a line.

    Args:
        encoder: Whose parameters are used.
        part: How the batch is laid out.
        embeddings: (L, E), on the engine.
        is_training: Whether the gradient will be asked for, and dropout drops.
    """

    def __init__(
        self, encoder: HierarchicalCNN, part: SideInput, embeddings: Any, *, is_training: bool
    ) -> None:
        line, mask = part.layout, part.mask
        assert isinstance(line, InLine)
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._maxima: list[RectifiedMaximum] = []
        states = embeddings
        for layer, convolution in enumerate(encoder.convolutions):
            with autograd.record() if is_training else autograd.pause():
                if layer:
                    values = encoder.dropout(states)  # (1, C_l, L)
                else:
                    values = nd.expand_dims(nd.transpose(states), axis=0)  # (1, E, L)
                values = convolution(values)  # (1, C_l, L), one longer for an even width
                if encoder.is_even:
                    values = nd.slice_axis(values, axis=2, begin=1, end=None)  # (1, C_l, L)
            found = RectifiedMaximum(host_view(values)[0], mask, line.starts, line.slots)
            if is_training:
                self._inputs.append(states)
                self._outputs.append(values)
            self._maxima.append(found)
            states = from_numpy(found.states[None], mx.cpu())  # (1, C_l, L)
            if is_training and layer < len(encoder.convolutions) - 1:
                states.attach_grad()
        maxima = np.concatenate([found.maxima for found in self._maxima])  # (C, N)
        self.encodings = np.ascontiguousarray(maxima.T)

    def backward(self, gradient: Floats) -> None:  # noqa: D102
        of_maxima = np.ascontiguousarray(gradient.T)  # (C, N)
        of_states: Floats | None = None
        end = len(of_maxima)
        for layer in reversed(range(len(self._outputs))):
            found = self._maxima[layer]
            start = end - len(found.maxima)
            of_values = found.gradient(of_maxima[start:end], of_states)  # (C_l, L)
            self._outputs[layer].backward(from_numpy(of_values[None], mx.cpu()))
            if layer:
                of_states = host_view(self._inputs[layer].grad)[0]  # (C_l, L)
            end = start


class RecurrentPass(PackedPass):
    """Stacked bidirectional LSTMs over sequences in steps.

    Args:
        encoder: Whose parameters are used.
        part: How the batch is laid out.
        pieces: The embeddings (steps * n, E) of every run, of both halves, on the engine.
        is_training: Whether the gradient will be asked for, and dropout drops.
    """

    def __init__(
        self, encoder: BiLSTM, part: SideInput, pieces: Sequence[Any], *, is_training: bool
    ) -> None:
        steps = part.layout
        assert isinstance(steps, InSteps)
        self._encoder = encoder
        self._flats = [_flat_weights(direction) for direction in encoder.directions]
        if is_training:
            for flat in self._flats:
                flat.attach_grad()
        with autograd.record() if is_training else autograd.pause():
            self._outputs = self._run(steps, pieces)  # forward's runs, then backward's
        rows = steps.row_of_token if part.kept is None else steps.row_of_token[part.kept]
        self._maxima = [
            SequenceMaximum(
                np.concatenate([host_view(output) for output in outputs]), places, part.kept_counts
            )
            for outputs, places in zip(self._outputs, (rows, steps.mirrored[rows]), strict=True)
        ]
        self.encodings = np.concatenate([found.maxima for found in self._maxima], axis=1)

    def _run(self, steps: InSteps, pieces: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """Return the last layer's hidden states (steps * n, H) of every run, of both directions."""
        runs = steps.runs
        ahead, back = pieces[: len(runs)], pieces[len(runs) :]
        layers = len(self._flats) // 2
        hidden = self._encoder.hidden
        for layer in range(layers):
            forward = _run_direction(self._flats[2 * layer], hidden, runs, ahead)
            backward = _run_direction(self._flats[2 * layer + 1], hidden, runs, back)
            if layer < layers - 1:
                ahead, back = self._join(forward, backward, steps)
        return forward, backward

    def _join(
        self, forward: Sequence[Any], backward: Sequence[Any], steps: InSteps
    ) -> tuple[list[Any], list[Any]]:
        """Return the next layer's inputs: what both directions say of a token, in either order."""
        mirrored = from_numpy(steps.mirrored, mx.cpu())
        turned = nd.take(nd.concat(*backward, dim=0), mirrored)  # (R, H)
        states = nd.concat(nd.concat(*forward, dim=0), turned, dim=1)  # (R, C)
        states = self._encoder.dropout(states)
        both = states, nd.take(states, mirrored)
        edges = tuple(run.first for run in steps.runs[1:])
        if not edges:
            return [both[0]], [both[1]]
        return nd.split_v2(both[0], edges), nd.split_v2(both[1], edges)

    def backward(self, gradient: Floats) -> None:  # noqa: D102
        halves = np.split(gradient, 2, axis=1)  # (N, H), (N, H)
        heads: list[Any] = []
        for outputs, found, half in zip(self._outputs, self._maxima, halves, strict=True):
            of_values = found.gradient(half)  # (R, H)
            edges = np.cumsum([len(output) for output in outputs])[:-1]
            heads += [from_numpy(part, mx.cpu()) for part in np.split(of_values, edges)]
        autograd.backward([*self._outputs[0], *self._outputs[1]], heads)
        for flat, direction in zip(self._flats, self._encoder.directions, strict=True):
            _hand_out(host_view(flat.grad), direction)


def _run_direction(flat: Any, hidden: int, runs: Sequence[Run], pieces: Sequence[Any]) -> list[Any]:
    """Return the hidden states of every run, (steps * n, H), of its inputs (steps * n, I)."""
    state = cell = nd.zeros((1, runs[0].sequences, hidden))
    outputs = []
    for run, piece in zip(runs, pieces, strict=True):
        if run.sequences < state.shape[1]:
            state = nd.slice_axis(state, axis=1, begin=0, end=run.sequences)  # (1, n, H)
            cell = nd.slice_axis(cell, axis=1, begin=0, end=run.sequences)  # (1, n, H)
        output, state, cell = nd.RNN(
            piece.reshape((run.steps, run.sequences, -1)),  # (steps, n, I)
            flat,
            state,
            cell,
            state_size=hidden,
            num_layers=1,
            mode="lstm",
            state_outputs=True,
        )
        outputs.append(output.reshape((-1, hidden)))  # (steps * n, H)
    return outputs


def _flat_weights(direction: LSTMDirection) -> Any:
    """Return the direction's weights end to end, as the recurrent operator takes them."""
    parts = [host_view(getattr(direction, name).data()) for name in direction.ORDER]
    return from_numpy(np.concatenate([part.ravel() for part in parts]), mx.cpu())


def _hand_out(flat_gradient: Floats, direction: LSTMDirection) -> None:
    start = 0
    for name in direction.ORDER:
        gradient = host_view(getattr(direction, name).grad())
        part = flat_gradient[start : start + gradient.size]
        gradient[...] = part.reshape(gradient.shape)
        start += gradient.size


def packed_layout(
    encoder: HierarchicalCNN | BiLSTM, lengths: npt.NDArray[np.int64]
) -> InLine | InSteps:
    """Return how an encoder's sequences of these lengths, shape (N,), are packed."""
    if isinstance(encoder, BiLSTM):
        return InSteps.of(lengths)
    # What a filter reaches past a sequence's end is zero.
    return InLine.of(lengths, gap=encoder.width // 2)


def begin_pass(
    encoder: HierarchicalCNN | BiLSTM,
    part: SideInput,
    pieces: Sequence[Any],
    *,
    is_training: bool,
) -> PackedPass:
    """Encode one side's packed embeddings, given in the pieces of its layout."""
    if isinstance(encoder, BiLSTM):
        return RecurrentPass(encoder, part, pieces, is_training=is_training)
    (embeddings,) = pieces
    return ConvolutionPass(encoder, part, embeddings, is_training=is_training)
