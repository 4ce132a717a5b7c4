"""A job's map of strings becomes the checked, resolved record that everything else reads."""

import dataclasses

import pytest

from object2vec.hyperparameter_table import HYPERPARAMETERS, KVSTORES
from object2vec.hyperparameters import Hyperparameters, Note

GOOD: dict[str, object] = {"enc0_max_seq_len": "10", "enc0_vocab_size": "100"}

PLATFORM = {"_kvstore": "device", "_num_gpus": "auto", "_num_kv_servers": "auto"}

RATING: dict[str, object] = PLATFORM | {
    "bucket_width": "0",
    "early_stopping_patience": "3",
    "early_stopping_tolerance": "0.01",
    "enc0_cnn_filter_width": "3",
    "enc0_layers": "auto",
    "enc0_max_seq_len": "1",
    "enc0_network": "pooled_embedding",
    "enc0_token_embedding_dim": "300",
    "enc0_vocab_size": "944",
    "enc1_layers": "auto",
    "enc1_max_seq_len": "1",
    "enc1_network": "pooled_embedding",
    "enc1_token_embedding_dim": "300",
    "enc1_vocab_size": "1684",
    "enc_dim": "1024",
    "epochs": "20",
    "learning_rate": "0.001",
    "mini_batch_size": "64",
    "mlp_activation": "tanh",
    "mlp_dim": "256",
    "mlp_layers": "1",
    "num_classes": "2",
    "optimizer": "adam",
    "output_layer": "mean_squared_error",
}

RECOMMENDATION = RATING | {
    "enc_dim": "2048",
    "mini_batch_size": "2048",
    "mlp_activation": "relu",
    "mlp_dim": "1024",
    "output_layer": "softmax",
}

DOCUMENTS: dict[str, object] = PLATFORM | {
    "bucket_width": "0",
    "dropout": "0.4",
    "early_stopping_patience": "2",
    "early_stopping_tolerance": "0.01",
    "enc0_layers": "auto",
    "enc0_max_seq_len": "50",
    "enc0_network": "pooled_embedding",
    "enc0_pretrained_embedding_file": "",
    "enc0_token_embedding_dim": "300",
    "enc0_vocab_size": "267522",
    "enc1_network": "enc0",
    "enc_dim": "300",
    "epochs": "20",
    "learning_rate": "0.01",
    "mini_batch_size": "512",
    "mlp_activation": "relu",
    "mlp_dim": "512",
    "mlp_layers": "2",
    "num_classes": "2",
    "optimizer": "adam",
    "output_layer": "softmax",
    "weight_decay": "0",
    "negative_sampling_rate": "3",
    "tied_token_embedding_weight": "true",
    "comparator_list": "hadamard",
    "token_embedding_storage_type": "row_sparse",
}

# Configurations that users of the original are known to have run.
SNLI: dict[str, object] = PLATFORM | {
    "enc0_network": "hcnn",
    "enc0_max_seq_len": "82",
    "enc0_vocab_size": "43541",
    "enc0_token_embedding_dim": "300",
    "enc0_vocab_file": "snli-vocab.json",
    "enc0_pretrained_embedding_file": "glove.840B.300d.txt",
    "enc0_freeze_pretrained_embedding": "True",
    "enc1_network": "enc0",
    "enc_dim": "8192",
    "mini_batch_size": "256",
    "epochs": "20",
    "learning_rate": "0.0004",
    "num_classes": "3",
}
GENRES: dict[str, object] = {
    "enc0_network": "hcnn",
    "enc0_layers": "2",
    "enc0_cnn_filter_width": "2",
    "enc0_max_seq_len": "500",
    "enc0_vocab_size": "40000",
    "enc0_token_embedding_dim": "300",
    "enc0_vocab_file": "vocab.json",
    "enc0_pretrained_embedding_file": "glove.840B.300d.txt",
    "enc1_network": "hcnn",
    "enc1_layers": "1",
    "enc1_cnn_filter_width": "1",
    "enc1_max_seq_len": "2",
    "enc1_vocab_size": "20",
    "enc1_token_embedding_dim": "10",
    "enc_dim": "4096",
    "mlp_layers": "2",
    "mlp_activation": "relu",
    "mini_batch_size": "256",
    "bucket_width": "10",
}
TIED_BILSTM: dict[str, object] = {
    "enc0_network": "bilstm",
    "enc0_max_seq_len": "10",
    "enc0_token_embedding_dim": "10",
    "enc0_vocab_size": "2097152",
    "enc_dim": "10",
    "tied_token_embedding_weight": "True",
    "dropout": "0.2",
    "mini_batch_size": "4096",
    "output_layer": "mean_squared_error",
}
TINY: dict[str, object] = {
    "enc0_max_seq_len": "1",
    "enc0_vocab_size": "10",
    "enc1_network": "hcnn",
    "enc1_max_seq_len": "1",
    "enc1_vocab_size": "20",
    "output_layer": "mean_squared_error",
    "early_stopping_patience": "2",
    "padding_id": "none",
}
CONFIGURATIONS = {
    "rating": RATING,
    "recommendation": RECOMMENDATION,
    "documents": DOCUMENTS,
    "snli": SNLI,
    "genres": GENRES,
    "tied bilstm": TIED_BILSTM,
    "ten users": TINY,
}


def read(**strings: object) -> Hyperparameters:
    return Hyperparameters.from_strings(GOOD | strings)


def messages(hyperparameters: Hyperparameters, level: str) -> list[str]:
    return [note.message for note in hyperparameters.notes if note.level == level]


class TestValues:
    def test_the_two_required_values_give_the_original_s_defaults(self) -> None:
        record = read()
        assert record.enc0.max_seq_len == 10
        assert record.enc0.vocab_size == 100
        assert record.enc0.network == "hcnn"
        assert record.enc0.layers == 4
        assert record.enc0.cnn_filter_width == 3
        assert record.enc0.token_embedding_dim == 300
        assert record.enc0.vocab_file is None
        assert record.enc0.pretrained_embedding_file is None
        assert record.enc0.freeze_pretrained_embedding is True
        assert record.enc1 == record.enc0
        assert record.encoders == (record.enc0, record.enc1)
        others = dataclasses.asdict(record)
        del others["enc0"], others["enc1"]
        assert others == {
            "enc_dim": 4096,
            "mini_batch_size": 32,
            "epochs": 30,
            "early_stopping_patience": 3,
            "early_stopping_tolerance": 0.01,
            "dropout": 0.0,
            "weight_decay": 0.0,
            "bucket_width": 0,
            "num_classes": 2,
            "mlp_layers": 2,
            "mlp_dim": 512,
            "mlp_activation": "linear",
            "output_layer": "softmax",
            "optimizer": "adam",
            "learning_rate": 0.0004,
            "negative_sampling_rate": 0,
            "comparator_list": ("hadamard", "concat", "abs_diff"),
            "tied_token_embedding_weight": False,
            "token_embedding_storage_type": "dense",
            "padding_id": 0,
            "seed": None,
            "weight_averaging": True,
            "num_gpus": None,
            "kvstore": "auto_gpu",
            "num_kv_servers": None,
            "tuning_objective_metric": "",
            "notes": (),
        }

    @pytest.mark.parametrize(
        "value", ["64", " 64 ", "+64", '"64"', '"\\"64\\""', "64.0", "6.4e1", 64, 64.0]
    )
    def test_a_whole_number_is_read_however_it_is_sent(self, value: object) -> None:
        assert read(mini_batch_size=value).mini_batch_size == 64

    @pytest.mark.parametrize("value", ["0.5", ".5", "5e-1", "5E-01", '"0.5"', " 0.5", 0.5])
    def test_a_number_is_read_however_it_is_sent(self, value: object) -> None:
        assert read(dropout=value).dropout == 0.5

    @pytest.mark.parametrize("value", ["1", "1.", 1, "1e0"])
    def test_a_number_may_be_whole(self, value: object) -> None:
        assert read(learning_rate=value).learning_rate == 1.0

    @pytest.mark.parametrize("value", ["True", "true", "TRUE", '"True"', " true ", True])
    def test_true_is_read_in_any_case(self, value: object) -> None:
        assert read(tied_token_embedding_weight=value).tied_token_embedding_weight is True

    @pytest.mark.parametrize("value", ["False", "false", '"false"', False])
    def test_false_is_read_in_any_case(self, value: object) -> None:
        record = read(enc0_freeze_pretrained_embedding=value)
        assert record.enc0.freeze_pretrained_embedding is False

    @pytest.mark.parametrize("value", ["sgd", '"sgd"', '"\\"sgd\\""', " sgd\n"])
    def test_a_word_is_read_without_blanks_and_quotes(self, value: object) -> None:
        assert read(optimizer=value).optimizer == "sgd"

    @pytest.mark.parametrize(
        "value",
        [
            "abs_diff, hadamard",
            "abs_diff,hadamard",
            " abs_diff ,  hadamard ",
            '"abs_diff, hadamard"',
            '["abs_diff", "hadamard"]',
            '"[\\"abs_diff\\", \\"hadamard\\"]"',
            ["abs_diff", "hadamard"],
        ],
    )
    def test_a_comparator_list_keeps_its_order(self, value: object) -> None:
        assert read(comparator_list=value).comparator_list == ("abs_diff", "hadamard")

    @pytest.mark.parametrize("value", ["", '""', " "])
    def test_an_empty_file_name_is_no_file(self, value: object) -> None:
        assert read(enc0_vocab_file=value).enc0.vocab_file is None

    def test_a_file_name_may_hold_dots_and_dashes(self) -> None:
        record = read(enc0_vocab_file="snli-vocab.v1_2.json")
        assert record.enc0.vocab_file == "snli-vocab.v1_2.json"

    def test_words_beside_numbers_stand_for_none_in_any_case(self) -> None:
        record = read(padding_id="None", seed="RANDOM", _num_gpus="Auto", enc0_layers="AUTO")
        assert (record.padding_id, record.seed, record.num_gpus) == (None, None, None)
        assert record.enc0.layers == 4

    def test_numbers_beside_words_are_read(self) -> None:
        record = read(padding_id="7", seed="42", _num_gpus="0", _num_kv_servers="2")
        assert (record.padding_id, record.seed) == (7, 42)
        assert (record.num_gpus, record.num_kv_servers) == (0, 2)

    def test_the_wider_of_documentation_and_sdk_holds(self) -> None:
        record = read(mlp_layers="0", negative_sampling_rate="5000", enc0_layers="1")
        assert record.mlp_layers == 0
        assert record.negative_sampling_rate == 5000
        assert record.enc0.layers == 1

    @pytest.mark.parametrize("kvstore", KVSTORES)
    def test_every_known_key_value_store_is_taken(self, kvstore: str) -> None:
        assert read(_kvstore=kvstore).kvstore == kvstore

    def test_the_record_and_its_encoders_are_frozen(self) -> None:
        record = read()
        with pytest.raises(dataclasses.FrozenInstanceError):
            record.epochs = 1  # type: ignore[misc]
        with pytest.raises(dataclasses.FrozenInstanceError):
            record.enc0.layers = 1  # type: ignore[misc]


class TestKnownConfigurations:
    @pytest.mark.parametrize("strings", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
    def test_it_is_read_without_a_warning_and_survives_a_round_trip(
        self, strings: dict[str, object]
    ) -> None:
        record = Hyperparameters.from_strings(strings)
        assert messages(record, "WARNING") == []
        assert Hyperparameters.from_strings(record.as_strings()) == record

    def test_rating_is_regression_with_token_vectors_as_wide_as_the_encoding(self) -> None:
        record = Hyperparameters.from_strings(RATING)
        assert record.is_regression
        assert record.enc0.token_embedding_dim == record.enc1.token_embedding_dim == 1024
        assert record.enc0.layers == record.enc1.layers == 1
        override = (
            "Inconsistent enc_dim and token_embedding_dim found for token-embedding-encoder: "
            "1024 vs 300. Setting token embedding dim to be 1024"
        )
        assert messages(record, "INFO") == [
            override,
            override,
            "num_classes is ignored: output_layer is mean_squared_error",
        ]

    def test_the_document_run_ties_two_equal_encoders(self) -> None:
        record = Hyperparameters.from_strings(DOCUMENTS)
        assert record.tied_token_embedding_weight
        assert record.enc1 == record.enc0
        assert record.enc1.network == "pooled_embedding"
        assert record.comparator_list == ("hadamard",)
        assert record.token_embedding_storage_type == "row_sparse"
        assert record.notes == ()

    def test_encoders_of_their_own_keep_their_own_values(self) -> None:
        record = Hyperparameters.from_strings(GENRES)
        assert (record.enc0.layers, record.enc1.layers) == (2, 1)
        assert (record.enc0.max_seq_len, record.enc1.max_seq_len) == (500, 2)
        assert (record.enc0.token_embedding_dim, record.enc1.token_embedding_dim) == (300, 10)
        assert record.enc1.vocab_file is None
        assert record.bucket_width == 10


class TestRulesAndNotes:
    @pytest.mark.parametrize(
        ("network", "layers"), [("hcnn", 4), ("bilstm", 1), ("pooled_embedding", 1)]
    )
    def test_auto_layers_depend_on_the_network(self, network: str, layers: int) -> None:
        assert read(enc0_network=network).enc0.layers == layers

    def test_layers_of_a_pooled_encoder_are_ignored_with_a_note(self) -> None:
        record = read(enc0_network="pooled_embedding", enc_dim="300", enc0_layers="3")
        assert record.enc0.layers == 1
        assert messages(record, "INFO") == [
            "enc0_layers 3 is ignored: pooled_embedding has none",
        ]

    def test_the_override_of_the_token_width_is_noted_in_the_original_s_words(self) -> None:
        record = read(enc0_network="pooled_embedding", enc_dim="100")
        assert record.enc0.token_embedding_dim == record.enc1.token_embedding_dim == 100
        assert record.notes == (
            Note(
                "INFO",
                "Inconsistent enc_dim and token_embedding_dim found for "
                "token-embedding-encoder: 100 vs 300. Setting token embedding dim to be 100",
            ),
        )

    @pytest.mark.parametrize("width", ["2048", 2048, "2048.0"])
    def test_a_pooled_token_width_above_the_range_is_taken_when_it_is_enc_dim(
        self, width: object
    ) -> None:
        record = read(
            enc0_network="pooled_embedding",
            enc_dim="2048",
            enc0_token_embedding_dim=width,
            enc1_token_embedding_dim=width,
        )
        assert record.enc0.token_embedding_dim == 2048
        assert record.notes == ()

    def test_values_of_enc1_that_differ_are_ignored_with_a_warning_each(self) -> None:
        record = read(
            enc1_vocab_size="3",
            enc1_max_seq_len="10",
            enc1_layers="2",
            enc1_vocab_file="v.json",
            enc1_network="enc0",
        )
        assert record.enc1 == record.enc0
        assert messages(record, "WARNING") == [
            "enc1_vocab_size '3' is ignored: enc1_network is enc0, "
            "so enc1 takes enc0_vocab_size '100'",
            "enc1_layers '2' is ignored: enc1_network is enc0, so enc1 takes enc0_layers 'auto'",
            "enc1_vocab_file 'v.json' is ignored: enc1_network is enc0, "
            "so enc1 takes enc0_vocab_file ''",
        ]

    def test_row_sparse_sets_the_bucket_width_to_zero_with_a_warning(self) -> None:
        record = read(token_embedding_storage_type="row_sparse", bucket_width="10")
        assert record.bucket_width == 0
        assert messages(record, "WARNING") == [
            "bucket_width 10 is set to 0: token_embedding_storage_type row_sparse works "
            "without buckets"
        ]

    @pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "adam"])
    def test_row_sparse_takes_the_optimizers_that_update_lazily(self, optimizer: str) -> None:
        record = read(token_embedding_storage_type="row_sparse", optimizer=optimizer)
        assert record.optimizer == optimizer

    def test_an_odd_enc_dim_is_refused_for_bilstm_alone(self) -> None:
        assert read(enc_dim="101").enc_dim == 101
        assert read(enc_dim="102", enc0_network="bilstm").enc_dim == 102

    def test_the_smallest_hcnn_has_a_filter_in_every_layer(self) -> None:
        record = read(enc_dim="4", enc0_layers="4")
        assert record.enc_dim >= record.enc0.layers

    def test_tied_tables_may_differ_before_the_override_by_enc_dim(self) -> None:
        record = read(
            tied_token_embedding_weight="true",
            enc_dim="64",
            enc0_network="pooled_embedding",
            enc1_network="bilstm",
            enc1_max_seq_len="3",
            enc1_vocab_size="100",
            enc1_token_embedding_dim="64",
        )
        assert record.enc0.token_embedding_dim == record.enc1.token_embedding_dim == 64

    def test_freezing_without_a_file_is_noted(self) -> None:
        record = read(enc0_freeze_pretrained_embedding="True")
        assert record.notes == (
            Note(
                "INFO",
                "enc0_freeze_pretrained_embedding has no effect: "
                "enc0_pretrained_embedding_file is not given",
            ),
        )

    def test_a_dropout_of_one_is_warned_of(self) -> None:
        assert messages(read(dropout="1"), "WARNING") == [
            "dropout 1.0 drops every value: the network cannot learn"
        ]

    def test_names_of_the_platform_are_ignored_and_named(self) -> None:
        record = read(
            sagemaker_program="train.py", _kfold="3", sagemaker_region='"eu-west-1"', _num_gpu="1"
        )
        assert record == read()
        assert messages(record, "INFO") == [
            "Names of the platform are ignored: "
            "_kfold, _num_gpu, sagemaker_program, sagemaker_region"
        ]

    def test_a_tuning_job_s_objective_is_kept(self) -> None:
        record = read(_tuning_objective_metric="validation:accuracy")
        assert record.tuning_objective_metric == "validation:accuracy"
        assert record.notes == ()

    def test_an_unknown_objective_is_warned_of(self) -> None:
        (warning,) = messages(read(_tuning_objective_metric="validation:auc"), "WARNING")
        assert warning.startswith(
            "the tuning objective 'validation:auc' is no metric of this algorithm, which logs "
        )

    def test_notes_do_not_count_in_a_comparison(self) -> None:
        assert read(sagemaker_job_name="one") == read(sagemaker_job_name="two", _x="3")


class TestAsStrings:
    def test_every_name_of_the_table_is_there_as_a_string(self) -> None:
        strings = read().as_strings()
        assert list(strings) == list(HYPERPARAMETERS)
        assert all(isinstance(value, str) for value in strings.values())

    def test_values_are_written_as_a_job_sends_them(self) -> None:
        strings = read(learning_rate="1e-5", padding_id="none").as_strings()
        assert strings["learning_rate"] == "1e-05"
        assert strings["padding_id"] == "none"
        assert strings["seed"] == "random"
        assert strings["_num_gpus"] == "auto"
        assert strings["comparator_list"] == "hadamard, concat, abs_diff"
        assert strings["tied_token_embedding_weight"] == "False"
        assert strings["enc0_vocab_file"] == ""
        assert strings["enc1_vocab_size"] == "100"
