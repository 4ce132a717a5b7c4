"""The sequence encoders over packed sequences: how the CPU trains them.

The same mathematics as `encoders`, with the same parameters, over layouts that hold hardly anything
but tokens. A pass computes the encodings, keeps what their gradient needs, and then hands that
gradient back: to the parameters, and to the embeddings it was given. Convolutions are the engine's,
its tape running between NumPy's maxima; recurrences are NumPy's.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from object2vec.network.blocks import for_blocks
from object2vec.network.dropout import DropoutMasks
from object2vec.network.encoders import BiLSTM, HierarchicalCNN, LSTMDirection
from object2vec.network.engine import autograd, from_numpy, host_view, mx, nd
from object2vec.network.engine_settings import available_cpus
from object2vec.network.layouts import InLine, InSteps
from object2vec.network.lookup import SideInput
from object2vec.network.maxima import RectifiedMaximum, SequenceMaximum
from object2vec.network.recurrence import Recurrence

Floats = npt.NDArray[np.float32]


# Of fewer sequences, products of matrices are small and slow.
_LEAST_SEQUENCES = 16


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
        masks: Dropout in training, when the gradient will be asked for; None in scoring.
    """

    def __init__(
        self,
        encoder: HierarchicalCNN,
        part: SideInput,
        embeddings: Any,
        masks: DropoutMasks | None,
    ) -> None:
        is_training = masks is not None
        line, mask = part.layout, part.mask
        assert isinstance(line, InLine)
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._maxima: list[RectifiedMaximum] = []
        self._masks: list[Floats | None] = []
        states = embeddings
        for layer, convolution in enumerate(encoder.convolutions):
            with autograd.record() if is_training else autograd.pause():
                # The embeddings come a row a token, all other states a column a token.
                values = states if layer else nd.expand_dims(nd.transpose(states), axis=0)
                values = convolution(values)  # (1, C_l, L), one longer for an even width
                if encoder.is_even:
                    values = nd.slice_axis(values, axis=2, begin=1, end=None)  # (1, C_l, L)
            found = RectifiedMaximum(host_view(values)[0], mask, line.starts, line.slots)
            if is_training:
                self._inputs.append(states)
                self._outputs.append(values)
            self._maxima.append(found)
            if layer == len(encoder.convolutions) - 1:
                break
            drop = masks.draw(found.states.shape) if masks else None  # (C_l, L)
            self._masks.append(drop)
            kept = found.states if drop is None else found.states * drop
            states = from_numpy(kept[None], mx.cpu())  # (1, C_l, L)
            if is_training:
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
                of_states, drop = host_view(self._inputs[layer].grad)[0], self._masks[layer - 1]
                if drop is not None:
                    of_states *= drop  # (C_l, L)
            end = start


class RecurrentPass(PackedPass):
    """Stacked bidirectional LSTMs over sequences in steps.

    Args:
        encoder: Whose parameters are used.
        part: How the batch is laid out.
        embeddings: (2 R, E), on the engine.
        masks: Dropout in training; None in scoring.
    """

    def __init__(
        self, encoder: BiLSTM, part: SideInput, embeddings: Any, masks: DropoutMasks | None
    ) -> None:
        steps = part.layout
        assert isinstance(steps, InSteps)
        self._embeddings = embeddings
        self._steps = steps
        self._layers: list[_RecurrentLayer] = []
        self._masks: list[Floats | None] = []
        both = host_view(embeddings)
        ahead, back = both[: steps.row_count], both[steps.row_count :]
        directions = list(encoder.directions)
        while directions:
            layer = _RecurrentLayer(directions[:2], steps, (ahead, back))
            self._layers.append(layer)
            directions = directions[2:]
            if directions:
                mask = masks.draw((steps.row_count, 2 * encoder.hidden)) if masks else None
                self._masks.append(mask)
                turned = layer.hidden[1].take(steps.mirrored, axis=0)
                ahead = np.concatenate([layer.hidden[0], turned], axis=1)  # (R, C)
                if mask is not None:
                    ahead *= mask
                back = ahead.take(steps.mirrored, axis=0)  # (R, C)
        rows = steps.row_of_token if part.kept is None else steps.row_of_token[part.kept]
        self._maxima = [
            SequenceMaximum(hidden, places, part.kept_counts)
            for hidden, places in zip(
                self._layers[-1].hidden, (rows, steps.mirrored[rows]), strict=True
            )
        ]
        self.encodings = np.concatenate([found.maxima for found in self._maxima], axis=1)  # (N, C)

    def backward(self, gradient: Floats) -> None:  # noqa: D102
        steps = self._steps
        halves = np.split(gradient, 2, axis=1)  # (N, H), (N, H)
        of_hidden = [found.gradient(half) for found, half in zip(self._maxima, halves, strict=True)]
        for number in reversed(range(len(self._layers))):
            layer = self._layers[number]
            if not number:
                layer.backward(of_hidden, self._of_embeddings())
                break
            of_ahead, of_back = (np.empty_like(inputs) for inputs in layer.inputs)
            layer.backward(of_hidden, (of_ahead, of_back))
            of_ahead += of_back.take(steps.mirrored, axis=0)
            mask = self._masks[number - 1]
            if mask is not None:
                of_ahead *= mask
            of_forward, of_turned = np.split(of_ahead, 2, axis=1)
            of_hidden = [
                np.ascontiguousarray(of_forward),
                of_turned.take(steps.mirrored, axis=0),
            ]

    def _of_embeddings(self) -> tuple[Floats, Floats] | None:
        """Return where the gradient of both halves goes; None where the table is frozen."""
        if self._embeddings.grad is None:
            return None
        both, count = host_view(self._embeddings.grad), self._steps.row_count
        # A batch without a token has a row that no group writes.
        both[...] = 0
        return both[:count], both[count:]


class _RecurrentLayer:
    """Both directions of a layer; every direction and group is the work of one processor.

    Attributes:
        inputs: Of both directions, (R, I) each.
        hidden: The hidden states of both directions, (R, H) each.
    """

    def __init__(
        self,
        directions: Sequence[LSTMDirection],
        steps: InSteps,
        inputs: tuple[Floats, Floats],
    ) -> None:
        self.inputs = inputs
        self._directions = directions
        self._weights = [
            [host_view(getattr(each, name).data()) for name in each.ORDER] for each in directions
        ]
        shape = (steps.row_count, directions[0].hidden)
        self.hidden = [np.zeros(shape, dtype=np.float32) for _ in directions]
        self._tasks = [
            (number, group, slice(group.first, group.first + group.row_count))
            for group in steps.groups
            for number in range(len(directions))
        ]
        self._done: list[Recurrence | None] = [None] * len(self._tasks)

        def run(tasks: slice) -> None:
            number, group, rows = self._tasks[tasks.start]
            input_weight, hidden_weight, input_bias, hidden_bias = self._weights[number]
            done = Recurrence(
                inputs[number][rows], group, input_weight, hidden_weight, input_bias + hidden_bias
            )
            self.hidden[number][rows] = done.hidden
            self._done[tasks.start] = done

        for_blocks(len(self._tasks), 1, run)

    def backward(
        self, of_hidden: Sequence[Floats], of_inputs: tuple[Floats, Floats] | None
    ) -> None:
        """Set the parameters' gradients, and write those of the inputs where they are asked for."""
        made: list[tuple[Floats, Floats, Floats] | None] = [None] * len(self._tasks)

        def run(tasks: slice) -> None:
            number, _, rows = self._tasks[tasks.start]
            done = self._done[tasks.start]
            assert done is not None
            target = None if of_inputs is None else of_inputs[number][rows]
            made[tasks.start] = done.gradient(of_hidden[number][rows], target)

        for_blocks(len(self._tasks), 1, run)
        for number, direction in enumerate(self._directions):
            found = [
                of_task
                for (owner, _, _), of_task in zip(self._tasks, made, strict=True)
                if owner == number and of_task is not None
            ]
            # The input's weights, the hidden states', and the one gradient of both biases.
            for name, place in zip(direction.ORDER, (0, 1, 2, 2), strict=True):
                gradient = host_view(getattr(direction, name).grad())
                gradient[...] = sum(of_task[place] for of_task in found)


def packed_layout(
    encoder: HierarchicalCNN | BiLSTM, lengths: npt.NDArray[np.int64]
) -> InLine | InSteps:
    """Return how an encoder's sequences of these lengths, shape (N,), are packed."""
    if isinstance(encoder, BiLSTM):
        # With both directions, a task for every processor that gets sequences enough.
        groups = min(available_cpus() // 2, len(lengths) // _LEAST_SEQUENCES)
        return InSteps.of(lengths, max(1, groups))
    # What a filter reaches past a sequence's end is zero.
    return InLine.of(lengths, gap=encoder.width // 2)


def begin_pass(
    encoder: HierarchicalCNN | BiLSTM,
    part: SideInput,
    embeddings: Any,
    masks: DropoutMasks | None,
) -> PackedPass:
    """Encode one side's packed embeddings, (rows of its layout, E) on the engine.

    Args:
        encoder: Whose parameters are used.
        part: How the batch is laid out.
        embeddings: Of the rows of its layout.
        masks: Dropout in training; None in scoring.
    """
    made = RecurrentPass if isinstance(encoder, BiLSTM) else ConvolutionPass
    return made(encoder, part, embeddings, masks)
