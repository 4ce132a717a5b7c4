"""The ranges and the objective of a tuning job."""

import pytest

from object2vec.algorithm_specification import tuning_ranges
from object2vec.errors import ClientError
from object2vec.hyperparameters import Hyperparameters
from object2vec.launcher.tuning import choose_objective, choose_ranges, tuned_names

BASE = {"enc0_vocab_size": "50", "enc0_max_seq_len": "3"}
POOLED = {**BASE, "enc0_network": "pooled_embedding"}
TWO = {**BASE, "enc1_network": "bilstm", "enc1_vocab_size": "9", "enc1_max_seq_len": "2"}
ENCODER = {"layers", "cnn_filter_width", "token_embedding_dim"}
ALWAYS = {
    *("dropout", "early_stopping_patience", "early_stopping_tolerance", "epochs", "learning_rate"),
    *("mini_batch_size", "mlp_activation", "mlp_dim", "mlp_layers", "optimizer", "weight_decay"),
}


@pytest.mark.parametrize(
    ("strings", "more"),
    [
        (BASE, {"enc_dim", *(f"enc0_{part}" for part in ENCODER)}),
        (POOLED, {"enc_dim"}),
        # bilstm halves enc_dim, so a range of whole numbers would make every other job fail.
        (
            TWO,
            {
                *(f"enc0_{part}" for part in ENCODER),
                "enc1_layers",
                "enc1_token_embedding_dim",
            },
        ),
    ],
    ids=["hcnn", "pooled", "hcnn and bilstm"],
)
def test_all_recommended_ranges_that_count_are_taken(
    strings: dict[str, str], more: set[str]
) -> None:
    ranges = choose_ranges([], strings)
    assert tuned_names(ranges) == ALWAYS | more
    recommended = tuning_ranges()
    for kind, lines in ranges.items():
        assert all(line in recommended[kind] for line in lines)


def test_words_that_make_jobs_fail_are_left_out() -> None:
    ranges = choose_ranges(["optimizer"], {**BASE, "token_embedding_storage_type": "row_sparse"})
    (line,) = ranges["CategoricalParameterRanges"]
    assert set(line["Values"]) == {"adagrad", "adam", "sgd"}


def test_ranges_of_one_s_own() -> None:
    wishes = ["learning_rate=0.001:0.1:Logarithmic", "enc_dim=16:1024", "enc0_layers=1,2"]
    assert choose_ranges(wishes, BASE) == {
        "ContinuousParameterRanges": [
            {
                "Name": "learning_rate",
                "MinValue": "0.001",
                "MaxValue": "0.1",
                "ScalingType": "Logarithmic",
            }
        ],
        "IntegerParameterRanges": [
            {"Name": "enc_dim", "MinValue": "16", "MaxValue": "1024", "ScalingType": "Auto"}
        ],
        "CategoricalParameterRanges": [{"Name": "enc0_layers", "Values": ["1", "2"]}],
    }


@pytest.mark.parametrize(
    ("wish", "strings", "words"),
    [
        ("enc0_vocab_size=5:6", BASE, "is not tunable; these are: dropout"),
        ("enc_dim=9:5", BASE, "the lower first"),
        ("enc_dim=x:y", BASE, "write two numbers"),
        ("enc_dim=4", BASE, "write two numbers"),
        ("enc_dim=4:8:Log", BASE, "Logarithmic"),
        ("enc_dim=4:20000", BASE, r"enc_dim 19999 makes jobs fail. 'enc_dim' should be within"),
        ("enc_dim=4.5:8", BASE, "enc_dim 4.5 makes jobs fail"),
        ("enc_dim", TWO, "'enc_dim' should be even with enc1_network bilstm"),
        ("optimizer=adam", BASE, "has no two values"),
        ("optimizer=adam,adam", BASE, "different words"),
        ("optimizer=adam,lion", BASE, "optimizer lion makes jobs fail"),
        ("enc0_cnn_filter_width", POOLED, r"changes nothing .*only under hcnn"),
        ("enc1_layers", BASE, "enc1_network is enc0"),
    ],
)
def test_ranges_that_would_only_be_seen_in_the_bill_are_refused(
    wish: str, strings: dict[str, str], words: str
) -> None:
    with pytest.raises(ClientError, match=words):
        choose_ranges([wish], strings)


def test_a_name_is_tuned_once() -> None:
    with pytest.raises(ClientError, match="names enc_dim twice"):
        choose_ranges(["enc_dim", "enc_dim=8:16"], BASE)


def test_the_objective_is_the_validation_loss_of_what_is_trained() -> None:
    softmax = Hyperparameters.from_strings(BASE)
    scores = Hyperparameters.from_strings({**BASE, "output_layer": "mean_squared_error"})
    channels = ("train", "validation")
    assert choose_objective(None, softmax, channels) == {
        "Type": "Minimize",
        "MetricName": "validation:cross_entropy",
    }
    assert choose_objective(None, scores, channels)["MetricName"] == "validation:mean_squared_error"
    assert choose_objective("test:accuracy", softmax, ("train", "test")) == {
        "Type": "Maximize",
        "MetricName": "test:accuracy",
    }


@pytest.mark.parametrize(
    ("name", "output_layer", "words"),
    [
        ("validation:accuracy", "mean_squared_error", "is no metric .*validation:mean_squared"),
        ("train:accuracy", "softmax", "is no metric .*validation:accuracy"),
        ("accuracy", "softmax", "is no metric"),
        ("test:accuracy", "softmax", "measured on the channel test.*--test"),
    ],
)
def test_objectives_that_no_job_would_log_are_refused(
    name: str, output_layer: str, words: str
) -> None:
    record = Hyperparameters.from_strings({**BASE, "output_layer": output_layer})
    with pytest.raises(ClientError, match=words):
        choose_objective(name, record, ("train", "validation"))
