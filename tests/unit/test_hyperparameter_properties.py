"""What holds of every map of hyperparameters, valid or not."""

from hypothesis import given, settings
from hypothesis import strategies as st

from object2vec.errors import ClientError
from object2vec.hyperparameter_table import COMPARATORS, HYPERPARAMETERS
from object2vec.hyperparameters import Hyperparameters


def encoder_strings(side: str) -> st.SearchStrategy[dict[str, object]]:
    names = st.from_regex(r"[A-Za-z0-9_-]{1,8}\.txt", fullmatch=True)
    return st.fixed_dictionaries(
        {
            f"{side}_max_seq_len": st.integers(1, 5000).map(str),
            f"{side}_vocab_size": st.integers(2, 3_000_000).map(str),
            f"{side}_network": st.sampled_from(["hcnn", "bilstm", "pooled_embedding"]),
        },
        optional={
            f"{side}_layers": st.sampled_from(["auto", "1", "2", "3", "4"]),
            f"{side}_cnn_filter_width": st.integers(1, 9).map(str),
            f"{side}_token_embedding_dim": st.integers(2, 1000).map(str),
            f"{side}_vocab_file": names,
            f"{side}_freeze_pretrained_embedding": st.booleans().map(str),
        },
    )


OTHER_STRINGS = st.fixed_dictionaries(
    {},
    optional={
        "enc_dim": st.integers(2, 5000).map(lambda half: str(2 * half)),
        "dropout": st.floats(0, 1).map(repr),
        "learning_rate": st.floats(1e-6, 1).map(repr),
        "early_stopping_tolerance": st.floats(1e-6, 0.1).map(repr),
        "weight_decay": st.floats(0, 10_000).map(repr),
        "bucket_width": st.integers(0, 100).map(str),
        "negative_sampling_rate": st.integers(0).map(str),
        "comparator_list": st.lists(
            st.sampled_from(COMPARATORS), min_size=1, max_size=3, unique=True
        ).map(",".join),
        "token_embedding_storage_type": st.sampled_from(["dense", "row_sparse"]),
        "padding_id": st.sampled_from(["none", "0", "1"]),
        "seed": st.integers(0, 2**31 - 1).map(str) | st.just("random"),
        "weight_averaging": st.sampled_from(["True", "false"]),
    },
)
VALID = st.builds(
    lambda *parts: {name: value for part in parts for name, value in part.items()},
    encoder_strings("enc0"),
    encoder_strings("enc1"),
    OTHER_STRINGS,
)
ANY_VALUE = st.one_of(
    st.text(max_size=20),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.lists(st.text(max_size=5), max_size=3),
    st.sampled_from(["auto", "none", "enc0", "pooled_embedding", "bilstm", "row_sparse", "true"]),
)


@settings(deadline=None)
@given(VALID)
def test_a_valid_map_survives_the_round_trip(strings: dict[str, object]) -> None:
    record = Hyperparameters.from_strings(strings)
    again = Hyperparameters.from_strings(record.as_strings())
    assert again == record
    assert again.as_strings() == record.as_strings()


@settings(deadline=None)
@given(VALID)
def test_the_resolved_record_keeps_the_network_s_promises(strings: dict[str, object]) -> None:
    record = Hyperparameters.from_strings(strings)
    for encoder in record.encoders:
        assert 1 <= encoder.layers <= 4
        assert encoder.network in ("hcnn", "bilstm", "pooled_embedding")
        if encoder.network == "pooled_embedding":
            assert encoder.token_embedding_dim == record.enc_dim
    if record.token_embedding_storage_type == "row_sparse":
        assert record.bucket_width == 0


@settings(deadline=None)
@given(VALID)
def test_quoting_every_value_once_more_changes_nothing(strings: dict[str, object]) -> None:
    quoted = {name: f' "{value}" ' for name, value in strings.items()}
    assert Hyperparameters.from_strings(quoted) == Hyperparameters.from_strings(strings)


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(st.sampled_from(sorted(HYPERPARAMETERS)) | st.text(), ANY_VALUE))
def test_any_map_at_all_is_read_or_refused_with_a_counted_list(strings: dict[str, object]) -> None:
    try:
        record = Hyperparameters.from_strings(strings)
    except ClientError as error:
        head, *lines = str(error).split("\n")
        assert head.split(" ")[0] == str(len(lines))
        assert len(set(lines)) == len(lines)
    else:
        assert Hyperparameters.from_strings(record.as_strings()) == record
