"""The one table of the environment variables that `serve` reads.

Reading, checking and the reference in `docs/` are made from it.
"""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from object2vec.errors import shorten

Parse = Callable[[str], Any]


class SettingFaultError(ValueError):
    """What a value must be, in words that follow the value."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable.

    Attributes:
        field: The field of `Settings` that it sets.
        name: The variable's name.
        allowed: What it may be, in words.
        default: What holds without it, in words.
        text: What it does, in one or two sentences.
        parse: Turns the text into a value; raises SettingFaultError.
        other_names: Names that other containers use for the same; the first one that is set counts.
    """

    field: str
    name: str
    allowed: str
    default: str
    text: str
    parse: Parse
    other_names: tuple[str, ...] = ()


def whole_number(lowest: int, highest: int) -> Parse:
    """Return a reader of whole numbers in a range."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError as error:
            raise SettingFaultError("is no whole number") from error
        if not lowest <= value <= highest:
            raise SettingFaultError("is out of range")
        return value

    return parse


def choice(values: Mapping[str, Any]) -> Parse:
    """Return a reader of words in any case."""

    def parse(text: str) -> Any:
        try:
            return values[text.lower()]
        except KeyError as error:
            raise SettingFaultError("is none of them") from error

    return parse


def log_level(text: str) -> int:
    """Return a level of Python's logging by its number or name."""
    levels = {"debug": 10, "info": 20, "warning": 30, "warn": 30, "error": 40, "critical": 50}
    if text.lower() in levels:
        return levels[text.lower()]
    return int(whole_number(0, 50)(text))


def some_text(text: str) -> str:
    """Return a text as it is."""
    return text


# `train` reads these, from tables of its own.
_OF_TRAIN = ("OBJECT2VEC_HOSTS_", "OBJECT2VEC_DATA_", "OBJECT2VEC_PIPE_")

_SWITCH = choice({"true": True, "1": True, "on": True, "false": False, "0": False, "off": False})
_ON_OFF = "`true` or `false`"

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "ml_root",
        "OBJECT2VEC_ML_ROOT",
        "a folder",
        "`/opt/ml`",
        "The ML folder. The model stands in `model/` below it. `train` reads this variable too.",
        some_text,
    ),
    Setting(
        "host",
        "OBJECT2VEC_HOST",
        "an address of this machine",
        "`0.0.0.0`",
        "Where to listen; `127.0.0.1` keeps other machines out.",
        some_text,
    ),
    Setting(
        "port",
        "SAGEMAKER_BIND_TO_PORT",
        "1..65535",
        "8080",
        "The port to listen on.",
        whole_number(1, 65535),
    ),
    Setting(
        "workers",
        "SAGEMAKER_MODEL_SERVER_WORKERS",
        "1..256",
        "the processors this process may use, fewer where memory is short; 1 on a GPU",
        "Worker processes. Each answers with a network of its own; they share the token tables.",
        whole_number(1, 256),
        ("MODEL_SERVER_WORKERS", "NUM_WORKERS"),
    ),
    Setting(
        "threads",
        "OBJECT2VEC_THREADS",
        "4..1024",
        "the queue's length and 32 more",
        "HTTP threads of a worker: more than the queue holds, so that `/ping` always finds one.",
        whole_number(4, 1024),
    ),
    Setting(
        "queue_length",
        "OBJECT2VEC_QUEUE_LENGTH",
        "1..1000",
        "96",
        "Requests that a worker reads or answers at a time. One more is answered 503 with "
        "Retry-After.",
        whole_number(1, 1000),
    ),
    Setting(
        "queue_megabytes",
        "OBJECT2VEC_QUEUE_MB",
        "1..1048576",
        "four times the largest payload, at least 64",
        "MiB of request bodies that a worker holds at a time; what exceeds it is answered 503.",
        whole_number(1, 1048576),
    ),
    Setting(
        "payload_megabytes",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB",
        "0..1024; 0 means 1024",
        "6; 100 in a batch transform",
        "The largest request body in MiB, as sent and as unpacked from gzip; a larger one is "
        "answered 413. Asynchronous inference sends up to 1024.",
        whole_number(0, 1024),
    ),
    Setting(
        "content_length",
        "MAX_CONTENT_LENGTH",
        "1..1073741824",
        "that of `SAGEMAKER_MAX_PAYLOAD_IN_MB`",
        "The same limit in bytes, as AWS's own containers name it; the former wins.",
        whole_number(1, 2**30),
    ),
    Setting(
        "timeout",
        "SAGEMAKER_MODEL_SERVER_TIMEOUT",
        "1..3600",
        "60; 3600 in a batch transform",
        "Seconds a request may take, its body's arrival included; then it is answered 408 or 503. "
        "Asynchronous inference allows up to 3600.",
        whole_number(1, 3600),
    ),
    Setting(
        "default_accept",
        "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT",
        "`application/json` or `application/jsonlines`",
        "the form of the request",
        "The form of the answer where a request names none, or `*/*`.",
        choice(
            {
                "application/json": "application/json",
                "application/jsonlines": "application/jsonlines",
                "application/x-jsonlines": "application/x-jsonlines",
                "application/jsonl": "application/jsonl",
            }
        ),
    ),
    Setting(
        "ignores_unknown_ids",
        "OBJECT2VEC_UNKNOWN_IDS",
        "`refuse` or `ignore`",
        "`refuse`",
        "An id that is negative or not less than vocab_size: answer 400, or take it for padding.",
        choice({"refuse": False, "ignore": True}),
    ),
    Setting(
        "preferred_mode",
        "INFERENCE_PREFERRED_MODE",
        "`classification` or `embedding`",
        "none",
        "The original puts one of two networks on the GPU by it. Here both share one network, so "
        "it is checked and changes nothing.",
        choice({"classification": "classification", "embedding": "embedding"}),
    ),
    Setting(
        "is_batch",
        "SAGEMAKER_BATCH",
        _ON_OFF,
        "`false`",
        "Set by a batch transform: larger payloads and longer times are allowed.",
        _SWITCH,
    ),
    Setting(
        "batch_strategy",
        "SAGEMAKER_BATCH_STRATEGY",
        "`MULTI_RECORD` or `SINGLE_RECORD`",
        "`MULTI_RECORD`",
        "What `/execution-parameters` answers as BatchStrategy.",
        choice(
            {
                "multi_record": "MULTI_RECORD",
                "multirecord": "MULTI_RECORD",
                "single_record": "SINGLE_RECORD",
                "singlerecord": "SINGLE_RECORD",
            }
        ),
    ),
    Setting(
        "concurrent_transforms",
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS",
        "0..100; 0 means the default",
        "twice the workers, and no more than 100 MB of payloads together",
        "What `/execution-parameters` answers as MaxConcurrentTransforms.",
        whole_number(0, 100),
    ),
    Setting(
        "is_multi_model",
        "SAGEMAKER_MULTI_MODEL",
        _ON_OFF,
        "`false`",
        "Set by a multi-model endpoint: models come and go by `/models`, none is loaded at start.",
        _SWITCH,
    ),
    Setting(
        "model_megabytes",
        "OBJECT2VEC_MODEL_MEMORY_MB",
        "1..1048576",
        "four fifths of the memory that is free at start",
        "MiB that all models of a multi-model endpoint may take; one more is answered 507.",
        whole_number(1, 1048576),
    ),
    Setting(
        "log_level",
        "SAGEMAKER_CONTAINER_LOG_LEVEL",
        "`debug`, `info`, `warning`, `error`, `critical`, or 0..50",
        "`info`",
        "What is logged. At `debug` every `/ping` is.",
        log_level,
    ),
    Setting(
        "logs_json",
        "OBJECT2VEC_LOG_FORMAT",
        "`text` or `json`",
        "`text`",
        "Log lines as text, or one JSON object each.",
        choice({"text": False, "json": True}),
    ),
    Setting(
        "has_metrics",
        "OBJECT2VEC_METRICS",
        "`on` or `off`",
        "`on`",
        "Whether `GET /metrics` answers Prometheus' metrics.",
        choice({"on": True, "off": False, "true": True, "false": False}),
    ),
)


def read_settings(variables: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Return the values that are set, by field, and what is wrong with the others, in words."""
    return read_table(SETTINGS, variables)


def read_table(
    settings: Sequence[Setting], variables: Mapping[str, str]
) -> tuple[dict[str, Any], list[str]]:
    """Do as `read_settings`, for the settings of another table."""
    values: dict[str, Any] = {}
    faults: list[str] = []
    for setting in settings:
        for name in (setting.name, *setting.other_names):
            text = variables.get(name, "").strip()
            if not text:
                continue
            try:
                values[setting.field] = setting.parse(text)
            except SettingFaultError as fault:
                faults.append(f"{name}={shorten(text)} {fault}; allowed: {setting.allowed}.")
            break
    return values, faults


def unknown_names(variables: Mapping[str, str]) -> list[str]:
    """Return the variables that look like settings of this project and are none, in words."""
    known = [setting.name for setting in SETTINGS]
    warnings = []
    for name in sorted(variables):
        if name in known or name.startswith(_OF_TRAIN):
            continue
        if name.startswith("OBJECT2VEC_"):
            nearest = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            warnings.append(f"The environment variable {name} is unknown and ignored{hint}")
    return warnings
