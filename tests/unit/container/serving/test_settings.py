"""Environment variables to settings: all faults at once, other names, and what depends on what."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from object2vec.errors import ClientError
from object2vec_container.serving.settings import (
    MEBIBYTE,
    Settings,
    visible_gpus,
)
from object2vec_container.serving.settings_table import SETTINGS, unknown_names


def settings_of(**variables: str) -> Settings:
    return Settings.from_variables(variables)


def message_of(variables: Mapping[str, str]) -> str:
    with pytest.raises(ClientError) as caught:
        Settings.from_variables(variables)
    return str(caught.value)


def test_without_variables_the_defaults_hold() -> None:
    settings = settings_of()
    assert settings == Settings(Path("/opt/ml/model"))
    assert settings.port == 8080
    assert settings.workers is None
    assert settings.payload_bytes == 6 * MEBIBYTE
    assert settings.timeout == 60
    assert not settings.is_multi_model


def test_blanks_alone_are_as_no_value() -> None:
    blank = {each.name: "  " for each in SETTINGS if each.field != "ml_root"}
    assert Settings.from_variables(blank) == settings_of()


def test_every_fault_is_named_at_once_with_what_is_allowed() -> None:
    message = message_of(
        {
            "SAGEMAKER_BIND_TO_PORT": "http",
            "SAGEMAKER_MODEL_SERVER_WORKERS": "0",
            "SAGEMAKER_BATCH": "perhaps",
            "OBJECT2VEC_UNKNOWN_IDS": "drop",
            "SAGEMAKER_CONTAINER_LOG_LEVEL": "loud",
        }
    )
    assert message == (
        "Environment variables are wrong: "
        "SAGEMAKER_BIND_TO_PORT='http' is no whole number; allowed: 1..65535. "
        "SAGEMAKER_MODEL_SERVER_WORKERS='0' is out of range; allowed: 1..256. "
        "OBJECT2VEC_UNKNOWN_IDS='drop' is none of them; allowed: `refuse` or `ignore`. "
        "SAGEMAKER_BATCH='perhaps' is none of them; allowed: `true` or `false`. "
        "SAGEMAKER_CONTAINER_LOG_LEVEL='loud' is no whole number; allowed: `debug`, `info`, "
        "`warning`, `error`, `critical`, or 0..50."
    )


def test_every_setting_but_free_text_refuses_nonsense() -> None:
    checked = [each.name for each in SETTINGS if each.field not in ("ml_root", "host")]
    message = message_of(dict.fromkeys(checked, "nonsense"))
    assert [name for name in checked if f" {name}='nonsense' is " not in message] == []


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("SAGEMAKER_BIND_TO_PORT", 1, 65535),
        ("SAGEMAKER_MODEL_SERVER_WORKERS", 1, 256),
        ("OBJECT2VEC_QUEUE_LENGTH", 1, 1000),
        ("OBJECT2VEC_QUEUE_MB", 1, 1048576),
        ("SAGEMAKER_MAX_PAYLOAD_IN_MB", 0, 1024),
        ("MAX_CONTENT_LENGTH", 1, 2**30),
        ("SAGEMAKER_MODEL_SERVER_TIMEOUT", 1, 3600),
        ("OBJECT2VEC_MODEL_MEMORY_MB", 1, 1048576),
        ("SAGEMAKER_CONTAINER_LOG_LEVEL", 0, 50),
    ],
)
def test_a_number_is_taken_up_to_its_limits_and_not_past_them(
    name: str, low: int, high: int
) -> None:
    for value in (low, high):
        Settings.from_variables({name: f" {value} "})
    for value in (low - 1, high + 1):
        assert f"{name}='{value}' is out of range" in message_of({name: str(value)})


@pytest.mark.parametrize("text", ["1.5", "1e3", "0x10", "8 080", "-", "1" * 5000])
def test_what_is_no_whole_number_is_refused_in_few_words(text: str) -> None:
    message = message_of({"SAGEMAKER_BIND_TO_PORT": text})
    assert "is no whole number" in message
    assert len(message) < 250


def test_other_names_are_read_and_the_first_one_that_is_set_counts() -> None:
    assert settings_of(NUM_WORKERS="3").workers == 3
    assert settings_of(NUM_WORKERS="3", MODEL_SERVER_WORKERS="2").workers == 2
    own = "SAGEMAKER_MODEL_SERVER_WORKERS"
    assert Settings.from_variables({own: "1", "NUM_WORKERS": "x"}).workers == 1
    assert Settings.from_variables({own: " ", "NUM_WORKERS": "4"}).workers == 4
    assert "NUM_WORKERS='x' is no whole number; allowed: 1..256." in message_of(
        {"NUM_WORKERS": "x"}
    )


def test_words_are_read_in_any_case() -> None:
    settings = settings_of(
        SAGEMAKER_MULTI_MODEL="True",
        OBJECT2VEC_UNKNOWN_IDS="IGNORE",
        OBJECT2VEC_LOG_FORMAT="Json",
        OBJECT2VEC_METRICS="OFF",
        SAGEMAKER_CONTAINER_LOG_LEVEL="Warn",
        SAGEMAKER_BATCH_STRATEGY="SingleRecord",
        SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT="Application/JSONLines",
        INFERENCE_PREFERRED_MODE="Embedding",
    )
    assert settings.is_multi_model
    assert settings.ignores_unknown_ids
    assert settings.logs_json
    assert not settings.has_metrics
    assert settings.log_level == 30
    assert settings.batch_strategy == "SINGLE_RECORD"
    assert settings.default_accept == "application/jsonlines"
    assert settings.preferred_mode == "embedding"


def test_the_model_stands_below_the_ml_folder() -> None:
    assert settings_of(OBJECT2VEC_ML_ROOT="/a/b").model_folder == Path("/a/b/model")


def test_threads_follow_the_queue_and_must_outnumber_it() -> None:
    assert settings_of().threads > settings_of().queue_length
    followed = settings_of(OBJECT2VEC_QUEUE_LENGTH="500")
    assert (followed.queue_length, followed.threads) == (500, 532)
    given = settings_of(OBJECT2VEC_QUEUE_LENGTH="5", OBJECT2VEC_THREADS="6")
    assert (given.queue_length, given.threads) == (5, 6)
    message = message_of({"OBJECT2VEC_QUEUE_LENGTH": "6", "OBJECT2VEC_THREADS": "6"})
    assert "OBJECT2VEC_THREADS=6 must be more than OBJECT2VEC_QUEUE_LENGTH=6" in message
    assert "OBJECT2VEC_QUEUE_LENGTH=96" in message_of({"OBJECT2VEC_THREADS": "96"})


def test_too_few_threads_are_named_beside_other_faults() -> None:
    message = message_of({"OBJECT2VEC_THREADS": "9", "SAGEMAKER_BIND_TO_PORT": "0"})
    assert "SAGEMAKER_BIND_TO_PORT='0' is out of range" in message
    assert "OBJECT2VEC_THREADS=9 must be more than OBJECT2VEC_QUEUE_LENGTH=96" in message
    unread = message_of({"OBJECT2VEC_THREADS": "9", "OBJECT2VEC_QUEUE_LENGTH": "x"})
    assert "must be more than" not in unread


def test_a_batch_transform_gets_larger_payloads_and_more_time_unless_told_otherwise() -> None:
    batch = settings_of(SAGEMAKER_BATCH="true")
    assert (batch.payload_bytes, batch.timeout) == (100 * MEBIBYTE, 3600)
    told = settings_of(
        SAGEMAKER_BATCH="true",
        SAGEMAKER_MAX_PAYLOAD_IN_MB="2",
        SAGEMAKER_MODEL_SERVER_TIMEOUT="5",
    )
    assert (told.payload_bytes, told.timeout) == (2 * MEBIBYTE, 5)


def test_the_largest_payload_is_given_in_mebibytes_or_bytes_and_the_former_wins() -> None:
    assert settings_of(SAGEMAKER_MAX_PAYLOAD_IN_MB="0").payload_bytes == 1024 * MEBIBYTE
    assert settings_of(MAX_CONTENT_LENGTH="1000").payload_bytes == 1000
    both = settings_of(MAX_CONTENT_LENGTH="1000", SAGEMAKER_MAX_PAYLOAD_IN_MB="1")
    assert both.payload_bytes == MEBIBYTE
    unlimited = settings_of(MAX_CONTENT_LENGTH="1000", SAGEMAKER_MAX_PAYLOAD_IN_MB="0")
    assert unlimited.payload_bytes == 1024 * MEBIBYTE


def test_the_queue_holds_four_payloads_and_never_less_than_64_mebibytes() -> None:
    assert settings_of().queue_bytes == 64 * MEBIBYTE
    assert settings_of(SAGEMAKER_MAX_PAYLOAD_IN_MB="20").queue_bytes == 80 * MEBIBYTE
    assert settings_of(OBJECT2VEC_QUEUE_MB="3").queue_bytes == 3 * MEBIBYTE


def test_names_that_look_like_settings_get_a_warning_with_the_nearest_one() -> None:
    warnings = unknown_names(
        {
            "OBJECT2VEC_THREDS": "9",
            "OBJECT2VEC_ML_ROOT": "/",
            "PATH": "/bin",
            "OBJECT2VEC_HOSTS_PORT": "7777",  # one of train's
            "OBJECT2VEC_QQQQQQQQQQQQQQQQ": "1",
        }
    )
    assert warnings == [
        "The environment variable OBJECT2VEC_QQQQQQQQQQQQQQQQ is unknown and ignored",
        "The environment variable OBJECT2VEC_THREDS is unknown and ignored; "
        "did you mean OBJECT2VEC_THREADS?",
    ]


def test_the_machine_decides_what_was_left_open() -> None:
    settings = settings_of().for_machine(cpus=4, free_bytes=8000 * MEBIBYTE, gpus=())
    assert settings.workers == 4
    assert settings.concurrent_transforms == 8
    assert settings.model_bytes == 6400 * MEBIBYTE


def test_little_memory_means_fewer_workers_and_never_none() -> None:
    workers = [
        settings_of().for_machine(16, megabytes * MEBIBYTE, ()).workers
        for megabytes in (0, 149, 299, 300, 451, 100_000)
    ]
    assert workers == [1, 1, 1, 2, 3, 16]


def test_gpus_take_one_worker_each_whatever_the_processors() -> None:
    assert settings_of().for_machine(16, 10**12, gpus=("0",)).workers == 1
    assert settings_of().for_machine(2, 10**12, gpus=("0", "1", "2", "3")).workers == 4


def test_what_was_told_is_left_as_it_is() -> None:
    told = settings_of(
        NUM_WORKERS="7", SAGEMAKER_MAX_CONCURRENT_TRANSFORMS="3", OBJECT2VEC_MODEL_MEMORY_MB="5"
    ).for_machine(cpus=2, free_bytes=1, gpus=("0",))
    assert (told.workers, told.concurrent_transforms) == (7, 3)
    assert told.model_bytes == 5 * MEBIBYTE
    zero = settings_of(SAGEMAKER_MAX_CONCURRENT_TRANSFORMS="0").for_machine(2, 10**12, ())
    assert zero.concurrent_transforms == 4


@pytest.mark.parametrize(
    ("megabytes", "transforms"), [("1", 32), ("6", 16), ("60", 1), ("100", 1), ("0", 1)]
)
def test_transforms_at_a_time_carry_no_more_than_100_megabytes(
    megabytes: str, transforms: int
) -> None:
    settings = settings_of(SAGEMAKER_MAX_PAYLOAD_IN_MB=megabytes, NUM_WORKERS="16")
    assert settings.for_machine(1, 10**12, ()).concurrent_transforms == transforms


def test_gpus_are_told_by_their_devices_and_by_the_variable_that_hides_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_gpus(tmp_path) == ()  # this MXNet was built for none
    monkeypatch.setattr(
        "object2vec_container.serving.settings._installed_packages",
        lambda: ["numpy", "mxnet-cu117"],
    )
    assert visible_gpus(tmp_path) == ("0", "1")
    assert visible_gpus(tmp_path / "none") == ()
    for hidden in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert visible_gpus(tmp_path) == ()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1, GPU-8a56a4bc")
    assert visible_gpus(tmp_path) == ("1", "GPU-8a56a4bc")
