"""The three encoders: token embeddings of a batch in, one encoding of width C a record out.

They read embeddings that are zero at padding (`lookup`), and a mask that says where tokens stand.
Padding changes no result: masked positions are zero in every layer's input and are left out of
every maximum. Token tables are not here: they are arrays, see `tables`. The CPU trains the sequence
encoders another way, see `packed_encoders`.
"""

from typing import Any

from object2vec.hyperparameters import EncoderHyperparameters
from object2vec.network.dropout import make_dropout
from object2vec.network.engine import gluon

# Below every activation, above the overflow of float32 sums.
_MASKED = 1e30


class PooledEmbedding(gluon.HybridBlock):
    """Mean of the token embeddings; the mean itself is made by the lookup."""

    def __init__(self, dropout: float, prefix: str) -> None:
        super().__init__(prefix=prefix)
        with self.name_scope():
            self.dropout = make_dropout(dropout)

    def hybrid_forward(self, F: Any, pooled: Any) -> Any:  # noqa: D102
        return self.dropout(pooled)  # (N, C)


class HierarchicalCNN(gluon.HybridBlock):
    """Stacked convolutions of kept length; the encoding is every layer's maximum over time.

    Conneau et al. 2017 (arXiv:1705.02364), section 3.3.4. ReLU makes every activation at least 0,
    so a masked position, set to 0, is never above a maximum, and an empty sequence encodes to 0.

    Args:
        filters: Filters of every layer; their sum is the width of the encoding.
        width: Filter width; an even one takes (width - 1) // 2 zeros on the left.
        token_dim: Width E of a token embedding.
        dropout: Probability between two layers.
        prefix: Prefix of the parameters' names.
    """

    def __init__(
        self, filters: tuple[int, ...], width: int, token_dim: int, dropout: float, prefix: str
    ) -> None:
        super().__init__(prefix=prefix)
        self.width = width
        self.is_even = width % 2 == 0
        with self.name_scope():
            self.convolutions = gluon.nn.HybridSequential(prefix="")
            inputs = token_dim
            for layer, outputs in enumerate(filters):
                self.convolutions.add(
                    gluon.nn.Conv1D(
                        outputs,
                        width,
                        padding=width // 2,
                        in_channels=inputs,
                        prefix=f"conv{layer}_",
                    )
                )
                inputs = outputs
            self.dropout = make_dropout(dropout)

    def hybrid_forward(self, F: Any, tokens: Any, mask: Any) -> Any:
        """Encode (N, T, E) under a mask (N, T) to (N, C)."""
        mask = F.expand_dims(mask, axis=1)  # (N, 1, T)
        states = F.transpose(tokens, axes=(0, 2, 1))  # (N, E, T)
        maxima = []
        for layer, convolution in enumerate(self.convolutions):
            if layer:
                states = self.dropout(states)  # (N, C_l, T)
            states = convolution(states)  # (N, C_l, T), one longer for an even width
            if self.is_even:
                states = F.slice_axis(states, axis=2, begin=1, end=None)  # (N, C_l, T)
            states = F.broadcast_mul(F.relu(states), mask)  # (N, C_l, T)
            # The gradient of F.max goes to every place of a maximum, once too often for each of
            # the equal values that repeated tokens have; this one goes to the first.
            places = F.BlockGrad(F.argmax(states, axis=2))  # (N, C_l)
            maxima.append(F.pick(states, places, axis=2))  # (N, C_l)
        return F.concat(*maxima, dim=1)  # (N, C)


class LSTMDirection(gluon.HybridBlock):
    """One LSTM layer in one direction, over sequences of time-major layout.

    The fused bidirectional operator gives padding-dependent results on the CPU, so a direction is
    an operator of its own, and the caller turns the sequences around.
    """

    # In which order the engine's recurrent operator takes the weights, end to end.
    ORDER = ("i2h_weight", "h2h_weight", "i2h_bias", "h2h_bias")

    def __init__(self, input_dim: int, hidden: int, prefix: str) -> None:
        super().__init__(prefix=prefix)
        self.hidden = hidden
        shapes = {
            "i2h_weight": (4 * hidden, input_dim),
            "h2h_weight": (4 * hidden, hidden),
            "i2h_bias": (4 * hidden,),
            "h2h_bias": (4 * hidden,),
        }
        with self.name_scope():
            for name, shape in shapes.items():
                setattr(self, name, self.params.get(name, shape=shape))

    def hybrid_forward(self, F: Any, states: Any, zeros: Any, **weights: Any) -> Any:
        """Return the hidden states (T, N, H) of inputs (T, N, I); `zeros` is (1, N, H)."""
        flat = F.concat(*(F.reshape(weights[name], shape=(-1,)) for name in self.ORDER), dim=0)
        return F.RNN(
            states, flat, zeros, zeros, state_size=self.hidden, num_layers=1, mode="lstm"
        )  # (T, N, H)


class BiLSTM(gluon.HybridBlock):
    """Stacked bidirectional LSTMs; the encoding is the last layer's maximum over time.

    Conneau et al. 2017 (arXiv:1705.02364), section 3.3.2. The backward direction begins at each
    sequence's own last token. An empty sequence encodes to 0.

    Args:
        layers: Number of layers.
        enc_dim: Width C of the encoding, two directions of C / 2 units.
        token_dim: Width E of a token embedding.
        dropout: Probability between two layers.
        prefix: Prefix of the parameters' names.
    """

    def __init__(
        self, layers: int, enc_dim: int, token_dim: int, dropout: float, prefix: str
    ) -> None:
        super().__init__(prefix=prefix)
        self.hidden = enc_dim // 2
        with self.name_scope():
            self.directions = gluon.nn.HybridSequential(prefix="")
            for layer in range(layers):
                for name in ("forward", "backward"):
                    inputs = enc_dim if layer else token_dim
                    self.directions.add(LSTMDirection(inputs, self.hidden, f"lstm{layer}_{name}_"))
            self.dropout = make_dropout(dropout)

    def hybrid_forward(self, F: Any, tokens: Any, mask: Any, lengths: Any, zeros: Any) -> Any:
        """Encode (N, T, E) under a mask (N, T), lengths (N,) and zeros (1, N, H) to (N, C)."""
        states = F.transpose(tokens, axes=(1, 0, 2))  # (T, N, E)

        def turned(sequences: Any) -> Any:
            return F.SequenceReverse(sequences, lengths, use_sequence_length=True)

        for layer in range(len(self.directions) // 2):
            if layer:
                states = self.dropout(states)  # (T, N, C)
            forward = self.directions[2 * layer](states, zeros)  # (T, N, H)
            backward = turned(self.directions[2 * layer + 1](turned(states), zeros))  # (T, N, H)
            states = F.concat(forward, backward, dim=2)  # (T, N, C)
        offset = F.expand_dims(F.transpose((mask - 1) * _MASKED), axis=2)  # (T, N, 1)
        maxima = F.max(F.broadcast_add(states, offset), axis=0)  # (N, C)
        has_tokens = F.max(mask, axis=1, keepdims=True)  # (N, 1)
        return F.broadcast_mul(maxima, has_tokens)  # (N, C)


def filters_per_layer(enc_dim: int, layers: int) -> tuple[int, ...]:
    """Return the filters of every hcnn layer; the first layers take what does not divide.

    Example:
        >>> filters_per_layer(18, 4)
        (5, 5, 4, 4)
    """
    return tuple(enc_dim // layers + (layer < enc_dim % layers) for layer in range(layers))


def make_encoder(
    encoder: EncoderHyperparameters, enc_dim: int, dropout: float, prefix: str
) -> gluon.HybridBlock:
    """Return the encoder that the hyperparameters describe, its parameters not yet set."""
    if encoder.network == "pooled_embedding":
        return PooledEmbedding(dropout, prefix)
    if encoder.network == "hcnn":
        filters = filters_per_layer(enc_dim, encoder.layers)
        return HierarchicalCNN(
            filters, encoder.cnn_filter_width, encoder.token_embedding_dim, dropout, prefix
        )
    return BiLSTM(encoder.layers, enc_dim, encoder.token_embedding_dim, dropout, prefix)
