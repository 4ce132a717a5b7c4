"""The table holds the built-in algorithm's hyperparameters, ranges and defaults, and no others."""

import subprocess
import sys

import pytest

from object2vec.hyperparameter_table import ENCODER_PARTS, HYPERPARAMETERS, default_strings

# Name without the encoder, as the original's documentation lists it: allowed values and default.
ENCODER = {
    "max_seq_len": ("1 to 5000", None),
    "vocab_size": ("2 to 3000000", None),
    "layers": ("`auto` or 1 to 4", "auto"),
    "cnn_filter_width": ("1 to 9", "3"),
    "token_embedding_dim": ("2 to 1000", "300"),
    "vocab_file": ("a file name of letters, digits, `.`, `_`, `-`, or nothing", ""),
    "pretrained_embedding_file": ("a file name of letters, digits, `.`, `_`, `-`, or nothing", ""),
    "freeze_pretrained_embedding": ("`True`, `False`", "True"),
}
GLOBAL = {
    "bucket_width": ("0 to 100", "0"),
    "comparator_list": (
        "any of `hadamard`, `concat`, `abs_diff`, in any order",
        "hadamard, concat, abs_diff",
    ),
    "dropout": ("0.0 to 1.0", "0.0"),
    "early_stopping_patience": ("1 to 5", "3"),
    "early_stopping_tolerance": ("0.000001 to 0.1", "0.01"),
    "enc_dim": ("4 to 10000", "4096"),
    "epochs": ("1 to 100", "30"),
    "learning_rate": ("0.000001 to 1.0", "0.0004"),
    "mini_batch_size": ("1 to 10000", "32"),
    "mlp_activation": ("`tanh`, `relu`, `linear`", "linear"),
    "mlp_dim": ("2 to 10000", "512"),
    "mlp_layers": ("0 to 10", "2"),
    "negative_sampling_rate": ("0 or more", "0"),
    "num_classes": ("2 to 30", "2"),
    "optimizer": ("`adadelta`, `adagrad`, `adam`, `sgd`, `rmsprop`", "adam"),
    "output_layer": ("`softmax`, `mean_squared_error`", "softmax"),
    "tied_token_embedding_weight": ("`True`, `False`", "False"),
    "token_embedding_storage_type": ("`dense`, `row_sparse`", "dense"),
    "weight_decay": ("0.0 to 10000.0", "0.0"),
}
DOCUMENTED = (
    {f"{side}_{part}": facts for side in ("enc0", "enc1") for part, facts in ENCODER.items()}
    | {
        "enc0_network": ("`hcnn`, `bilstm`, `pooled_embedding`", "hcnn"),
        "enc1_network": ("`enc0`, `hcnn`, `bilstm`, `pooled_embedding`", "enc0"),
    }
    | GLOBAL
)
INTERNAL = {
    "_num_gpus": "auto",
    "_num_kv_servers": "auto",
    "_kvstore": "auto_gpu",
    "_tuning_objective_metric": "",
}
ADDITIONAL = {"padding_id": "0", "seed": "random", "weight_averaging": "True"}

TUNING = {
    "dropout": ("0.0", "1.0"),
    "early_stopping_patience": ("1", "5"),
    "early_stopping_tolerance": ("0.001", "0.1"),
    "enc_dim": ("4", "4096"),
    "enc0_cnn_filter_width": ("1", "5"),
    "enc1_cnn_filter_width": ("1", "5"),
    "enc0_layers": ("1", "4"),
    "enc1_layers": ("1", "4"),
    "enc0_token_embedding_dim": ("5", "300"),
    "enc1_token_embedding_dim": ("5", "300"),
    "epochs": ("4", "20"),
    "learning_rate": ("0.000001", "1.0"),
    "mini_batch_size": ("1", "8192"),
    "mlp_activation": ("tanh", "relu", "linear"),
    "mlp_dim": ("16", "1024"),
    "mlp_layers": ("1", "4"),
    "optimizer": ("adagrad", "adam", "rmsprop", "sgd", "adadelta"),
    "weight_decay": ("0.0", "1.0"),
}


def names_of(*groups: str) -> set[str]:
    return {name for name, line in HYPERPARAMETERS.items() if line.group in groups}


def test_there_are_37_documented_4_internal_and_2_additional_names() -> None:
    documented = set(HYPERPARAMETERS) - names_of("internal", "additional")
    assert len(documented) == 37
    assert documented == set(DOCUMENTED)
    assert names_of("internal") == set(INTERNAL)
    assert names_of("additional") == set(ADDITIONAL)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_documented_name_has_the_documented_values_and_default(name: str) -> None:
    line = HYPERPARAMETERS[name]
    assert (line.kind.allowed, line.default) == DOCUMENTED[name]


def test_the_defaults_of_the_other_names_are_the_original_image_s() -> None:
    defaults = {name: HYPERPARAMETERS[name].default for name in INTERNAL | ADDITIONAL}
    assert defaults == INTERNAL | ADDITIONAL


def test_only_the_first_encoder_s_length_and_vocabulary_are_always_required() -> None:
    required = {name for name, line in HYPERPARAMETERS.items() if line.is_required}
    assert required == {"enc0_max_seq_len", "enc0_vocab_size"}


def test_the_18_tunable_names_have_the_documented_ranges() -> None:
    tunable = {name: line.tuning for name, line in HYPERPARAMETERS.items() if line.tuning}
    assert len(tunable) == 18
    assert tunable == TUNING


@pytest.mark.parametrize("name", sorted(TUNING))
def test_a_tuning_range_lies_within_the_allowed_values(name: str) -> None:
    for value in TUNING[name]:
        HYPERPARAMETERS[name].kind.read(value)


def test_both_encoders_have_the_same_nine_parts() -> None:
    assert len(ENCODER_PARTS) == 9
    for part in ENCODER_PARTS:
        assert f"enc1_{part}" in HYPERPARAMETERS


def test_default_strings_leave_out_only_what_has_no_default() -> None:
    assert set(HYPERPARAMETERS) - set(default_strings()) == {
        "enc0_max_seq_len",
        "enc0_vocab_size",
        "enc1_max_seq_len",
        "enc1_vocab_size",
    }


def test_every_default_reads_and_writes_back() -> None:
    for name, default in default_strings().items():
        kind = HYPERPARAMETERS[name].kind
        assert kind.read(kind.write(kind.read(default))) == kind.read(default)


def test_a_summary_is_one_sentence_on_one_line() -> None:
    for line in HYPERPARAMETERS.values():
        assert line.summary.endswith(".")
        assert "\n" not in line.summary
        assert len(line.summary) <= 100


def test_reading_hyperparameters_needs_neither_numpy_nor_the_engine() -> None:
    program = (
        "import sys; import object2vec.hyperparameters; "
        "sys.exit(any(name in sys.modules for name in ('numpy', 'mxnet')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
