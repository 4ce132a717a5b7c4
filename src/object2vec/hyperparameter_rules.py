"""The rules that join several hyperparameters, and one reading of a job's map through all of them.

A reading collects faults and notes and leaves the resolved values: no `auto`, no `enc0` in place of
a network, enc_dim where pooled_embedding demands it.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from object2vec.errors import shorten, show_name
from object2vec.hyperparameter_table import (
    ENCODER_PARTS,
    HYPERPARAMETERS,
    ROW_SPARSE_OPTIMIZERS,
    SIDES,
)
from object2vec.metric_definitions import METRIC_DEFINITIONS
from object2vec.value_kinds import ValueRefused, plain

AUTO_LAYERS = {"hcnn": 4, "bilstm": 1, "pooled_embedding": 1}


@dataclass(frozen=True, slots=True)
class Note:
    """One line for the log about a value that was overridden or ignored."""

    level: Literal["INFO", "WARNING"]
    message: str


def _is_platform_key(name: str) -> bool:
    """Whether the platform or an SDK put the name there (`sagemaker_program`, `_kfold`)."""
    return name not in HYPERPARAMETERS and name.startswith(("sagemaker_", "_"))


class Reading:
    """One pass over a job's map: the values read, the faults found, the notes to log.

    A rule that needs a value which was refused or is missing stays silent, so that no fault is told
    twice; once no fault is found, `values` is complete and resolved.
    """

    def __init__(self, strings: Mapping[str, object]) -> None:
        self.given = {name: value for name, value in strings.items() if not _is_platform_key(name)}
        self.values: dict[str, Any] = {}
        self.faults: list[str] = []
        self.notes: list[Note] = []
        ignored = [name for name in strings if _is_platform_key(name)]
        if ignored:
            self._note(
                "INFO",
                f"Names of the platform are ignored: {', '.join(map(show_name, sorted(ignored)))}",
            )
        self._refuse_unknown_names()
        self._read_values()
        network = self.values.get("enc1_network")
        # The encoders that have values of their own; enc1 has none when it takes those of enc0.
        self.sides = ("enc0",) if network in (None, "enc0") else SIDES
        self._require_second_encoder()
        self._warn_of_values_that_enc0_replaces()
        for side in self.sides:
            self._resolve_encoder(side)
        if network == "enc0":
            self._copy_first_encoder()
        self._check_tied_table()
        self._check_row_sparse()
        self._check_padding_id()
        self._note_what_has_no_effect()

    def _note(self, level: Literal["INFO", "WARNING"], message: str) -> None:
        self.notes.append(Note(level, message))

    def _has(self, *names: str) -> bool:
        return all(name in self.values for name in names)

    def _refuse_unknown_names(self) -> None:
        for name in self.given:
            if name in HYPERPARAMETERS:
                continue
            fault = f"{shorten(name)} is not a hyperparameter"
            nearest = difflib.get_close_matches(name.strip().lower(), HYPERPARAMETERS, n=1)
            if name == "feature_dim":
                fault += " (the SDK's record_set adds it; pass the channel as an S3 input)"
            elif nearest:
                fault += f"; did you mean '{nearest[0]}'?"
            self.faults.append(fault)

    def _read_values(self) -> None:
        for name, line in HYPERPARAMETERS.items():
            value = self.given.get(name, line.default)
            if value is None and name not in self.given:
                if line.is_required:
                    self.faults.append(f"'{name}' is required ({line.kind.allowed})")
                continue
            try:
                self.values[name] = line.kind.read(value)
            except ValueRefused as refusal:
                width = self._forced_width(name, value)
                if width is None:
                    self.faults.append(f"'{name}' should {refusal}, got {shorten(value)}")
                else:
                    self.values[name] = width

    def _forced_width(self, name: str, value: object) -> object:
        """Return a token width outside its range where pooled_embedding demands that enc_dim."""
        side, _, part = name.partition("_")
        if part != "token_embedding_dim":
            return None
        network, first_network, enc_dim = (
            plain(self.given.get(other, HYPERPARAMETERS[other].default))
            for other in (f"{side}_network", "enc0_network", "enc_dim")
        )
        if (first_network if network == "enc0" else network) != "pooled_embedding":
            return None
        kind = HYPERPARAMETERS["enc_dim"].kind
        try:
            width = kind.read(value)
            return width if width == kind.read(enc_dim) else None
        except ValueRefused:
            return None

    def _require_second_encoder(self) -> None:
        if "enc1" not in self.sides:
            return
        network = self.values["enc1_network"]
        for name in ("enc1_max_seq_len", "enc1_vocab_size"):
            if name not in self.given:
                allowed = HYPERPARAMETERS[name].kind.allowed
                self.faults.append(f"'{name}' is required ({allowed}) with enc1_network {network}")

    def _warn_of_values_that_enc0_replaces(self) -> None:
        if self.values.get("enc1_network") != "enc0":
            return
        for part in ENCODER_PARTS:
            first, second = f"enc0_{part}", f"enc1_{part}"
            if part == "network" or second not in self.given or not self._has(first, second):
                continue
            if self.values[first] != self.values[second]:
                self._note(
                    "WARNING",
                    f"{second} {self._written(second)!r} is ignored: enc1_network is enc0, "
                    f"so enc1 takes {first} {self._written(first)!r}",
                )

    def _written(self, name: str) -> str:
        return HYPERPARAMETERS[name].kind.write(self.values[name])

    def _resolve_encoder(self, side: str) -> None:
        network = self.values.get(f"{side}_network")
        if network is not None and self._has(f"{side}_layers"):
            layers = self.values[f"{side}_layers"]
            if network == "pooled_embedding" and layers not in (None, 1):
                self._note("INFO", f"{side}_layers {layers} is ignored: pooled_embedding has none")
                layers = None
            self.values[f"{side}_layers"] = layers or AUTO_LAYERS[network]
        if network == "pooled_embedding" and self._has("enc_dim", f"{side}_token_embedding_dim"):
            enc_dim, width = self.values["enc_dim"], self.values[f"{side}_token_embedding_dim"]
            if width != enc_dim:
                self._note(
                    "INFO",
                    "Inconsistent enc_dim and token_embedding_dim found for "
                    f"token-embedding-encoder: {enc_dim} vs {width}. "
                    f"Setting token embedding dim to be {enc_dim}",
                )
            self.values[f"{side}_token_embedding_dim"] = enc_dim
        if network == "bilstm" and self.values.get("enc_dim", 0) % 2:
            self.faults.append(
                f"'enc_dim' should be even with {side}_network bilstm (half of it for each "
                f"direction), got '{self.values['enc_dim']}'"
            )
        file, vocabulary = f"{side}_pretrained_embedding_file", f"{side}_vocab_file"
        if self._has(file, vocabulary) and self.values[file] and not self.values[vocabulary]:
            self.faults.append(
                f"'{file}' needs '{vocabulary}', which gives the tokens' ids; "
                f"got {shorten(self.values[file])} without it"
            )

    def _copy_first_encoder(self) -> None:
        for part in ENCODER_PARTS:
            if self._has(f"enc0_{part}"):
                self.values[f"enc1_{part}"] = self.values[f"enc0_{part}"]

    def _check_tied_table(self) -> None:
        if not self.values.get("tied_token_embedding_weight"):
            return
        for part in ("vocab_size", "token_embedding_dim"):
            self._check_tied(part, f"equal enc0_{part} and enc1_{part}")
        if self.values.get("enc0_pretrained_embedding_file") and self.values.get(
            "enc1_pretrained_embedding_file"
        ):
            for part in ("pretrained_embedding_file", "freeze_pretrained_embedding"):
                self._check_tied(part, f"one {part} for both encoders")

    def _check_tied(self, part: str, need: str) -> None:
        first, second = f"enc0_{part}", f"enc1_{part}"
        if self._has(first, second) and self.values[first] != self.values[second]:
            self.faults.append(
                f"'tied_token_embedding_weight' needs {need}, "
                f"got '{self._written(first)}' and '{self._written(second)}'"
            )

    def _check_row_sparse(self) -> None:
        if self.values.get("token_embedding_storage_type") != "row_sparse":
            return
        optimizer = self.values.get("optimizer")
        if optimizer is not None and optimizer not in ROW_SPARSE_OPTIMIZERS:
            self.faults.append(
                f"'optimizer' should be one of {', '.join(ROW_SPARSE_OPTIMIZERS)} with "
                f"token_embedding_storage_type row_sparse, got '{optimizer}'"
            )
        if self.values.get("bucket_width"):
            self._note(
                "WARNING",
                f"bucket_width {self.values['bucket_width']} is set to 0: "
                "token_embedding_storage_type row_sparse works without buckets",
            )
            self.values["bucket_width"] = 0

    def _check_padding_id(self) -> None:
        padding_id = self.values.get("padding_id")
        for side in self.sides:
            vocab_size = self.values.get(f"{side}_vocab_size")
            if padding_id is not None and vocab_size is not None and padding_id >= vocab_size:
                self.faults.append(
                    f"'padding_id' should be 'none' or below {side}_vocab_size {vocab_size}, "
                    f"got '{padding_id}'"
                )

    def _note_what_has_no_effect(self) -> None:
        if "num_classes" in self.given and self.values.get("output_layer") == "mean_squared_error":
            self._note("INFO", "num_classes is ignored: output_layer is mean_squared_error")
        for side in self.sides:
            freeze, file = (
                f"{side}_freeze_pretrained_embedding",
                f"{side}_pretrained_embedding_file",
            )
            if freeze in self.given and self.values.get(freeze) and not self.values.get(file):
                self._note("INFO", f"{freeze} has no effect: {file} is not given")
        if self.values.get("dropout") == 1.0:
            self._note("WARNING", "dropout 1.0 drops every value: the network cannot learn")
        objective = self.values.get("_tuning_objective_metric")
        logged = [metric.name for metric in METRIC_DEFINITIONS]
        if objective and objective not in logged:
            self._note(
                "WARNING",
                f"the tuning objective {shorten(objective)} is no metric of this algorithm, "
                f"which logs {', '.join(logged)}",
            )
