"""Every kind of bad hyperparameter is refused, with a message that says what is allowed."""

import pytest

from object2vec.errors import ClientError
from object2vec.hyperparameters import Hyperparameters

GOOD = {"enc0_max_seq_len": "10", "enc0_vocab_size": "100"}
SECOND = {"enc1_network": "hcnn", "enc1_max_seq_len": "5", "enc1_vocab_size": "50"}


def message_of(strings: dict[str, object]) -> str:
    with pytest.raises(ClientError) as caught:
        Hyperparameters.from_strings(strings)
    return str(caught.value)


COMPARATORS = "hadamard, concat, abs_diff"
FILE = "be the name of a file in the auxiliary channel (letters, digits, '.', '_', '-'; no folder)"

BAD: dict[str, tuple[dict[str, object], str]] = {
    # whole numbers
    "below the range": (
        {"num_classes": "1"},
        "'num_classes' should be within range (2, 30), got '1'",
    ),
    "above the range": (
        {"epochs": "101"},
        "'epochs' should be within range (1, 100), got '101'",
    ),
    "zero": (
        {"mini_batch_size": "0"},
        "'mini_batch_size' should be within range (1, 10000), got '0'",
    ),
    "negative": (
        {"mlp_layers": "-1"},
        "'mlp_layers' should be within range (0, 10), got '-1'",
    ),
    "negative without an upper bound": (
        {"negative_sampling_rate": "-3"},
        "'negative_sampling_rate' should be at least 0, got '-3'",
    ),
    "a word for a number without an upper bound": (
        {"negative_sampling_rate": "off"},
        "'negative_sampling_rate' should be a whole number of at least 0, got 'off'",
    ),
    "a word for a whole number": (
        {"enc_dim": "large"},
        "'enc_dim' should be a whole number within range (4, 10000), got 'large'",
    ),
    "a fraction for a whole number": (
        {"mini_batch_size": "32.5"},
        "'mini_batch_size' should be a whole number within range (1, 10000), got '32.5'",
    ),
    "a JSON fraction for a whole number": (
        {"early_stopping_patience": 2.5},
        "'early_stopping_patience' should be a whole number within range (1, 5), got 2.5",
    ),
    "a JSON boolean for a whole number": (
        {"epochs": True},
        "'epochs' should be a whole number within range (1, 100), got True",
    ),
    "a number with underscores": (
        {"enc_dim": "1_024"},
        "'enc_dim' should be a whole number within range (4, 10000), got '1_024'",
    ),
    "a number with a thousands comma": (
        {"mlp_dim": "1,024"},
        "'mlp_dim' should be a whole number within range (2, 10000), got '1,024'",
    ),
    "digits of another script": (
        {"enc_dim": "١٦"},
        "'enc_dim' should be a whole number within range (4, 10000), got '١٦'",
    ),
    "an empty whole number": (
        {"bucket_width": ""},
        "'bucket_width' should be a whole number within range (0, 100), got ''",
    ),
    "null": (
        {"epochs": None},
        "'epochs' should be a whole number within range (1, 100), got None",
    ),
    "a JSON object": (
        {"epochs": {"value": 3}},
        "'epochs' should be a whole number within range (1, 100), got {'value': 3}",
    ),
    "a huge number": (
        {"epochs": "9" * 200},
        f"'epochs' should be within range (1, 100), got '{'9' * 37}...{'9' * 38}'",
    ),
    "a number of five thousand digits": (
        {"epochs": "9" * 5000},
        f"'epochs' should be a whole number within range (1, 100), got '{'9' * 37}...{'9' * 38}'",
    ),
    "sequence too long": (
        {"enc0_max_seq_len": "5001"},
        "'enc0_max_seq_len' should be within range (1, 5000), got '5001'",
    ),
    "vocabulary of one": (
        {"enc0_vocab_size": "1"},
        "'enc0_vocab_size' should be within range (2, 3000000), got '1'",
    ),
    "vocabulary too large": (
        {"enc0_vocab_size": "3000001"},
        "'enc0_vocab_size' should be within range (2, 3000000), got '3000001'",
    ),
    "filter too wide": (
        {"enc0_cnn_filter_width": "10"},
        "'enc0_cnn_filter_width' should be within range (1, 9), got '10'",
    ),
    "token vectors too wide": (
        {"enc0_token_embedding_dim": "1001"},
        "'enc0_token_embedding_dim' should be within range (2, 1000), got '1001'",
    ),
    "pooled token vectors too wide and not enc_dim": (
        {
            "enc0_network": "pooled_embedding",
            "enc0_token_embedding_dim": "2049",
            "enc_dim": "2048",
        },
        "'enc0_token_embedding_dim' should be within range (2, 1000), got '2049'",
    ),
    # a whole number or a word
    "too many layers": (
        {"enc0_layers": "5"},
        "'enc0_layers' should be 'auto' or within range (1, 4), got '5'",
    ),
    "a wrong word for layers": (
        {"enc0_layers": "deep"},
        "'enc0_layers' should be 'auto' or a whole number within range (1, 4), got 'deep'",
    ),
    "a negative number of GPUs": (
        {"_num_gpus": "-1"},
        "'_num_gpus' should be 'auto' or at least 0, got '-1'",
    ),
    "a wrong word for the seed": (
        {"seed": "today"},
        "'seed' should be 'random' or a whole number within range (0, 2147483647), got 'today'",
    ),
    "a seed too large": (
        {"seed": "2147483648"},
        "'seed' should be 'random' or within range (0, 2147483647), got '2147483648'",
    ),
    "a negative padding id": (
        {"padding_id": "-1"},
        "'padding_id' should be 'none' or within range (0, 2999999), got '-1'",
    ),
    "a padding id outside the vocabulary": (
        {"padding_id": "100"},
        "'padding_id' should be 'none' or below enc0_vocab_size 100, got '100'",
    ),
    "a padding id outside the second vocabulary": (
        SECOND | {"padding_id": "50"},
        "'padding_id' should be 'none' or below enc1_vocab_size 50, got '50'",
    ),
    # real numbers
    "a share above one": (
        {"dropout": "1.5"},
        "'dropout' should be within range (0.0, 1.0), got '1.5'",
    ),
    "a learning rate of zero": (
        {"learning_rate": "0"},
        "'learning_rate' should be within range (0.000001, 1.0), got '0'",
    ),
    "a tolerance too small": (
        {"early_stopping_tolerance": "1e-7"},
        "'early_stopping_tolerance' should be within range (0.000001, 0.1), got '1e-7'",
    ),
    "a negative weight decay": (
        {"weight_decay": "-0.1"},
        "'weight_decay' should be within range (0.0, 10000.0), got '-0.1'",
    ),
    "nan": (
        {"learning_rate": "nan"},
        "'learning_rate' should be a number within range (0.000001, 1.0), got 'nan'",
    ),
    "infinity": (
        {"weight_decay": "inf"},
        "'weight_decay' should be a number within range (0.0, 10000.0), got 'inf'",
    ),
    "an exponent that overflows": (
        {"weight_decay": "1e999"},
        "'weight_decay' should be a number within range (0.0, 10000.0), got '1e999'",
    ),
    "a JSON nan": (
        {"dropout": float("nan")},
        "'dropout' should be a number within range (0.0, 1.0), got nan",
    ),
    "a percentage": (
        {"dropout": "40%"},
        "'dropout' should be a number within range (0.0, 1.0), got '40%'",
    ),
    "a decimal comma": (
        {"learning_rate": "0,001"},
        "'learning_rate' should be a number within range (0.000001, 1.0), got '0,001'",
    ),
    # words
    "an unknown optimizer": (
        {"optimizer": "adamw"},
        "'optimizer' should be one of adadelta, adagrad, adam, sgd, rmsprop, got 'adamw'",
    ),
    "a word in another case": (
        {"output_layer": "Softmax"},
        "'output_layer' should be one of softmax, mean_squared_error, got 'Softmax'",
    ),
    "an unknown activation": (
        {"mlp_activation": "gelu"},
        "'mlp_activation' should be one of tanh, relu, linear, got 'gelu'",
    ),
    "enc0 as the first encoder's network": (
        {"enc0_network": "enc0"},
        "'enc0_network' should be one of hcnn, bilstm, pooled_embedding, got 'enc0'",
    ),
    "an unknown second network": (
        {"enc1_network": "lstm"},
        "'enc1_network' should be one of enc0, hcnn, bilstm, pooled_embedding, got 'lstm'",
    ),
    "an unknown storage type": (
        {"token_embedding_storage_type": "sparse"},
        "'token_embedding_storage_type' should be one of dense, row_sparse, got 'sparse'",
    ),
    "an unknown key-value store": (
        {"_kvstore": "redis"},
        "'_kvstore' should be one of auto_gpu, auto_cpu, local, device, nccl, dist, dist_sync, "
        "dist_async, dist_sync_device, dist_async_device, dist_device_sync, dist_device_async, "
        "got 'redis'",
    ),
    "a tuning objective that is no text": (
        {"_tuning_objective_metric": 5},
        "'_tuning_objective_metric' should be a text, got 5",
    ),
    # booleans
    "a number for a boolean": (
        {"tied_token_embedding_weight": "1"},
        "'tied_token_embedding_weight' should be True or False, got '1'",
    ),
    "yes for a boolean": (
        {"enc0_freeze_pretrained_embedding": "yes"},
        "'enc0_freeze_pretrained_embedding' should be True or False, got 'yes'",
    ),
    # the list
    "an unknown comparator": (
        {"comparator_list": "hadamard, cosine"},
        f"'comparator_list' should be a comma-separated list of {COMPARATORS}, "
        "got 'hadamard, cosine'",
    ),
    "an empty comparator list": (
        {"comparator_list": ""},
        f"'comparator_list' should be a comma-separated list of {COMPARATORS}, got ''",
    ),
    "an empty JSON comparator list": (
        {"comparator_list": []},
        f"'comparator_list' should be a comma-separated list of {COMPARATORS}, got []",
    ),
    "a trailing comma": (
        {"comparator_list": "hadamard,"},
        f"'comparator_list' should be a comma-separated list of {COMPARATORS}, got 'hadamard,'",
    ),
    "a broken JSON list": (
        {"comparator_list": '["hadamard"'},
        f"'comparator_list' should be a comma-separated list of {COMPARATORS}, got '[\"hadamard\"'",
    ),
    "a comparator twice": (
        {"comparator_list": "concat,concat"},
        f"'comparator_list' should name each of {COMPARATORS} at most once, got 'concat,concat'",
    ),
    # files
    "a path for a file name": (
        {"enc0_vocab_file": "vocabularies/words.json"},
        f"'enc0_vocab_file' should {FILE}, got 'vocabularies/words.json'",
    ),
    "a blank in a file name": (
        {"enc0_vocab_file": "my words.json"},
        f"'enc0_vocab_file' should {FILE}, got 'my words.json'",
    ),
    "the folder above": (
        {"enc0_vocab_file": ".."},
        "'enc0_vocab_file' should be the name of a file in the auxiliary channel, "
        "not of a folder, got '..'",
    ),
    "a pretrained file without a vocabulary": (
        {"enc0_pretrained_embedding_file": "glove.txt"},
        "'enc0_pretrained_embedding_file' needs 'enc0_vocab_file', which gives the tokens' ids; "
        "got 'glove.txt' without it",
    ),
    # names
    "a name misspelt": (
        {"enc0_layer": "2"},
        "'enc0_layer' is not a hyperparameter; did you mean 'enc0_layers'?",
    ),
    "a name in another case": (
        {"Learning_Rate": "0.1"},
        "'Learning_Rate' is not a hyperparameter; did you mean 'learning_rate'?",
    ),
    "a name like no other": (
        {"xyz": "2"},
        "'xyz' is not a hyperparameter",
    ),
    "the SDK's feature_dim": (
        {"feature_dim": "2"},
        "'feature_dim' is not a hyperparameter (the SDK's record_set adds it; "
        "pass the channel as an S3 input)",
    ),
    # several values together
    "an odd enc_dim for bilstm": (
        {"enc0_network": "bilstm", "enc_dim": "101"},
        "'enc_dim' should be even with enc0_network bilstm (half of it for each direction), "
        "got '101'",
    ),
    "an odd enc_dim for the second encoder's bilstm": (
        SECOND | {"enc1_network": "bilstm", "enc_dim": "101"},
        "'enc_dim' should be even with enc1_network bilstm (half of it for each direction), "
        "got '101'",
    ),
    "row_sparse with an optimizer that cannot": (
        {"token_embedding_storage_type": "row_sparse", "optimizer": "rmsprop"},
        "'optimizer' should be one of sgd, adagrad, adam with token_embedding_storage_type "
        "row_sparse, got 'rmsprop'",
    ),
    "tied tables of different vocabularies": (
        SECOND | {"tied_token_embedding_weight": "True"},
        "'tied_token_embedding_weight' needs equal enc0_vocab_size and enc1_vocab_size, "
        "got '100' and '50'",
    ),
    "tied tables of different widths": (
        SECOND
        | {
            "tied_token_embedding_weight": "True",
            "enc1_vocab_size": "100",
            "enc1_token_embedding_dim": "50",
        },
        "'tied_token_embedding_weight' needs equal enc0_token_embedding_dim and "
        "enc1_token_embedding_dim, got '300' and '50'",
    ),
    "tied tables of different widths after the override by enc_dim": (
        SECOND
        | {
            "tied_token_embedding_weight": "True",
            "enc1_vocab_size": "100",
            "enc1_network": "pooled_embedding",
            "enc_dim": "64",
        },
        "'tied_token_embedding_weight' needs equal enc0_token_embedding_dim and "
        "enc1_token_embedding_dim, got '300' and '64'",
    ),
    "tied tables with two pretrained files": (
        SECOND
        | {
            "tied_token_embedding_weight": "True",
            "enc1_vocab_size": "100",
            "enc0_vocab_file": "v.json",
            "enc1_vocab_file": "v.json",
            "enc0_pretrained_embedding_file": "a.txt",
            "enc1_pretrained_embedding_file": "b.txt",
        },
        "'tied_token_embedding_weight' needs one pretrained_embedding_file for both encoders, "
        "got 'a.txt' and 'b.txt'",
    ),
    "tied tables frozen on one side": (
        SECOND
        | {
            "tied_token_embedding_weight": "True",
            "enc1_vocab_size": "100",
            "enc0_vocab_file": "v.json",
            "enc1_vocab_file": "v.json",
            "enc0_pretrained_embedding_file": "a.txt",
            "enc1_pretrained_embedding_file": "a.txt",
            "enc1_freeze_pretrained_embedding": "False",
        },
        "'tied_token_embedding_weight' needs one freeze_pretrained_embedding for both encoders, "
        "got 'True' and 'False'",
    ),
}


@pytest.mark.parametrize(("strings", "line"), BAD.values(), ids=BAD)
def test_a_bad_value_is_refused_with_one_line(strings: dict[str, object], line: str) -> None:
    assert message_of(GOOD | strings) == f"1 problem in the hyperparameters:\n{line}"


def test_nothing_given_names_both_required_hyperparameters() -> None:
    assert message_of({}) == (
        "2 problems in the hyperparameters:\n"
        "'enc0_max_seq_len' is required (1 to 5000)\n"
        "'enc0_vocab_size' is required (2 to 3000000)"
    )


def test_a_second_network_requires_its_length_and_vocabulary() -> None:
    assert message_of(GOOD | {"enc1_network": "bilstm"}) == (
        "2 problems in the hyperparameters:\n"
        "'enc1_max_seq_len' is required (1 to 5000) with enc1_network bilstm\n"
        "'enc1_vocab_size' is required (2 to 3000000) with enc1_network bilstm"
    )


def test_every_fault_is_told_at_once_unknown_names_first() -> None:
    strings = {
        "enc0_vocab_size": "1",
        "epoch": "3",
        "enc0_network": "bilstm",
        "enc_dim": "5",
        "dropout": "2",
        "optimizer": "rmsprop",
        "token_embedding_storage_type": "row_sparse",
    }
    assert message_of(strings).splitlines() == [
        "6 problems in the hyperparameters:",
        "'epoch' is not a hyperparameter; did you mean 'epochs'?",
        "'enc0_max_seq_len' is required (1 to 5000)",
        "'enc0_vocab_size' should be within range (2, 3000000), got '1'",
        "'dropout' should be within range (0.0, 1.0), got '2'",
        "'enc_dim' should be even with enc0_network bilstm (half of it for each direction), "
        "got '5'",
        "'optimizer' should be one of sgd, adagrad, adam with token_embedding_storage_type "
        "row_sparse, got 'rmsprop'",
    ]


def test_a_refused_value_is_told_once_and_silences_the_rules_that_need_it() -> None:
    strings = GOOD | {
        "enc0_network": "pooled_embedding",
        "enc_dim": "huge",
        "enc0_token_embedding_dim": "huge",
        "tied_token_embedding_weight": "True",
    }
    assert message_of(strings).splitlines() == [
        "2 problems in the hyperparameters:",
        "'enc0_token_embedding_dim' should be a whole number within range (2, 1000), got 'huge'",
        "'enc_dim' should be a whole number within range (4, 10000), got 'huge'",
    ]


def test_an_ignored_value_of_the_second_encoder_is_still_checked() -> None:
    assert message_of(GOOD | {"enc1_vocab_size": "1"}) == (
        "1 problem in the hyperparameters:\n"
        "'enc1_vocab_size' should be within range (2, 3000000), got '1'"
    )


def test_eight_faults_fit_into_a_failure_reason() -> None:
    strings: dict[str, object] = {
        "enc0_max_seq_len": "0",
        "enc0_vocab_size": "1",
        "enc0_layers": "9",
        "mini_batch_size": "zero",
        "optimizer": "adamw",
        "comparator_list": "cosine",
        "tied_token_embedding_weight": "maybe",
        "enc0_vocab_file": "a/b",
    }
    message = message_of(strings)
    assert message.startswith("8 problems in the hyperparameters:\n")
    assert len(message) < 1024
    for name in strings:
        assert f"'{name}'" in message


def test_an_unreadable_value_never_breaks_the_lines() -> None:
    message = message_of(GOOD | {"optimizer": "a\nb" * 100, "na\nme": "1"})
    assert len(message.splitlines()) == 3
    assert all(len(line) < 200 for line in message.splitlines())
