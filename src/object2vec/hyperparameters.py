"""The hyperparameters of one job as a frozen record.

`Hyperparameters.from_strings` is the only way in: it checks everything, reports every fault at once
and notes what it overrode or ignored. What is allowed stands in `hyperparameter_table`, the rules
that join several values in `hyperparameter_rules`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from object2vec.errors import ClientError
from object2vec.hyperparameter_rules import Note, Reading
from object2vec.hyperparameter_table import ENCODER_PARTS, HYPERPARAMETERS, SIDES

__all__ = ["EncoderHyperparameters", "Hyperparameters", "Note"]


@dataclass(frozen=True, slots=True)
class EncoderHyperparameters:
    """One encoder's hyperparameters, resolved: no `auto`, no `enc0`, enc_dim where it must be."""

    max_seq_len: int
    vocab_size: int
    network: str
    layers: int
    cnn_filter_width: int
    token_embedding_dim: int
    vocab_file: str | None
    pretrained_embedding_file: str | None
    freeze_pretrained_embedding: bool


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """Every hyperparameter of a job, checked and resolved; `notes` do not count in comparisons."""

    enc0: EncoderHyperparameters
    enc1: EncoderHyperparameters
    enc_dim: int
    mini_batch_size: int
    epochs: int
    early_stopping_patience: int
    early_stopping_tolerance: float
    dropout: float
    weight_decay: float
    bucket_width: int
    num_classes: int
    mlp_layers: int
    mlp_dim: int
    mlp_activation: str
    output_layer: str
    optimizer: str
    learning_rate: float
    negative_sampling_rate: int
    comparator_list: tuple[str, ...]
    tied_token_embedding_weight: bool
    token_embedding_storage_type: str
    padding_id: int | None
    seed: int | None
    weight_averaging: bool
    num_gpus: int | None
    kvstore: str
    num_kv_servers: int | None
    tuning_objective_metric: str
    notes: tuple[Note, ...] = field(default=(), compare=False)

    @classmethod
    def from_strings(cls, strings: Mapping[str, object]) -> Self:
        """Read the map of hyperparameters as a job sends it.

        Args:
            strings: Name to value; values are strings, or JSON values where a file holds those.

        Returns:
            The checked record, with its notes for the log.

        Raises:
            ClientError: One error that lists every fault found, one a line.
        """
        reading = Reading(strings)
        if reading.faults:
            raise ClientError(_fault_report(reading.faults))
        record: dict[str, Any] = {
            side: EncoderHyperparameters(
                **{part: reading.values.pop(f"{side}_{part}") for part in ENCODER_PARTS}
            )
            for side in SIDES
        }
        record |= {name.lstrip("_"): value for name, value in reading.values.items()}
        return cls(**record, notes=tuple(reading.notes))

    @property
    def is_regression(self) -> bool:
        """Whether the labels are scores rather than classes."""
        return self.output_layer == "mean_squared_error"

    @property
    def encoders(self) -> tuple[EncoderHyperparameters, EncoderHyperparameters]:
        """Both encoders' hyperparameters, enc0 first."""
        return self.enc0, self.enc1

    def as_strings(self) -> dict[str, str]:
        """Return the complete map of names to strings; reading it again gives an equal record."""
        strings = {}
        for name, line in HYPERPARAMETERS.items():
            side, _, part = name.partition("_")
            if side in SIDES:
                value = getattr(getattr(self, side), part)
            else:
                value = getattr(self, name.lstrip("_"))
            strings[name] = line.kind.write(value)
        return strings


def _fault_report(faults: list[str]) -> str:
    count = f"{len(faults)} problems" if len(faults) > 1 else "1 problem"
    return "\n".join([f"{count} in the hyperparameters:", *faults])
