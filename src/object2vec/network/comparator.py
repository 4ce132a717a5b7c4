"""The comparison of two encodings, and the layers from it to the output."""

from typing import Any

from object2vec.hyperparameters import Hyperparameters
from object2vec.network.dropout import make_dropout
from object2vec.network.engine import gluon


class Comparator(gluon.HybridBlock):
    """The operators of comparator_list, in its order, side by side.

    hadamard: e0 * e1; concat: e0, e1; abs_diff: |e0 - e1|.
    """

    def __init__(self, operators: tuple[str, ...]) -> None:
        super().__init__(prefix="")
        self.operators = operators

    def width(self, enc_dim: int) -> int:
        """Return the width of the comparison of two encodings of width `enc_dim`."""
        return enc_dim * sum(2 if name == "concat" else 1 for name in self.operators)

    def hybrid_forward(self, F: Any, left: Any, right: Any) -> Any:
        """Compare two encodings (N, C): (N, width)."""
        parts = []
        for name in self.operators:
            if name == "hadamard":
                parts.append(left * right)
            elif name == "concat":
                parts += [left, right]
            else:
                parts.append(F.abs(left - right))
        return F.concat(*parts, dim=1) if len(parts) > 1 else parts[0]


class Scorer(gluon.HybridBlock):
    """Comparator, MLP and output layer: two encodings in, one row of outputs a pair."""

    def __init__(self, hyperparameters: Hyperparameters) -> None:
        super().__init__(prefix="")
        width = hyperparameters.mlp_dim
        self.activation = hyperparameters.mlp_activation
        with self.name_scope():
            self.comparator = Comparator(hyperparameters.comparator_list)
            inputs = self.comparator.width(hyperparameters.enc_dim)
            self.mlp = gluon.nn.HybridSequential(prefix="")
            for layer in range(hyperparameters.mlp_layers):
                self.mlp.add(gluon.nn.Dense(width, in_units=inputs, prefix=f"mlp_fc{layer}_"))
                if self.activation != "linear":
                    self.mlp.add(gluon.nn.Activation(self.activation))
                self.mlp.add(make_dropout(hyperparameters.dropout))
                inputs = width
            outputs = 1 if hyperparameters.is_regression else hyperparameters.num_classes
            self.output_layer = gluon.nn.Dense(outputs, in_units=inputs, prefix="output_layer_")

    @property
    def dense_layers(self) -> list[gluon.nn.Dense]:
        """Those of the MLP and the output layer; the first takes the comparison."""
        hidden = [layer for layer in self.mlp if isinstance(layer, gluon.nn.Dense)]
        return [*hidden, self.output_layer]

    def hybrid_forward(self, F: Any, left: Any, right: Any) -> Any:
        """Score encodings (N, C): logits (N, classes), or predictions (N, 1)."""
        return self.output_layer(self.mlp(self.comparator(left, right)))


class Objective(gluon.HybridBlock):
    """Loss and metric sums of a batch of scored pairs.

    softmax: cross-entropy; mean_squared_error: half the squared error, whose gradient is that of
    the original's regression output (prediction - label).
    """

    def __init__(self, is_regression: bool) -> None:
        super().__init__(prefix="")
        self._is_regression = is_regression

    def hybrid_forward(self, F: Any, outputs: Any, labels: Any) -> Any:
        """Return the mean loss (1,) of outputs (N, K), labels (N,), and the metric sums (2,).

        The sums are cross-entropy and correct answers, or squared and absolute errors.
        """
        if self._is_regression:
            errors = F.reshape(outputs, shape=(-1,)) - labels  # (N,)
            squared = F.square(errors)
            sums = F.stack(F.sum(squared), F.sum(F.abs(errors)))
            return F.mean(squared) / 2, F.BlockGrad(F.reshape(sums, shape=(-1,)))
        losses = -F.pick(F.log_softmax(outputs, axis=1), labels, axis=1)  # (N,)
        correct = F.argmax(outputs, axis=1) == labels  # (N,)
        sums = F.stack(F.sum(losses), F.sum(correct))
        return F.mean(losses), F.BlockGrad(F.reshape(sums, shape=(-1,)))
