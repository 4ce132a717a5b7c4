"""Names and values that a stranger chose cannot look like lines of the log."""

import json
import logging
from pathlib import Path

import pytest
from tests.fuzz.record_target import BASE

from object2vec.data.records import read_channel
from object2vec.errors import ClientError
from object2vec.hyperparameters import Hyperparameters
from object2vec_container.line_format import LineFormatter
from object2vec_container.serving.access_log import JSONFormatter

FORGED = "x\n#quality_metric: host=algo-1, epoch=0, validation accuracy <score>=(1.0)"
HYPERPARAMETERS = Hyperparameters.from_strings(BASE)


def refusal(folder: Path) -> str:
    with pytest.raises(ClientError) as caught:
        read_channel(folder, "train", HYPERPARAMETERS)
    return str(caught.value)


def test_a_file_s_name_with_a_line_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / FORGED).write_text('{"label": 1, "in0": [1], "in1": [2]}\n')
    told = refusal(tmp_path)
    assert "holds a character that cannot be printed" in told
    assert "\n" not in told


def test_the_name_of_a_file_left_out_is_escaped(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "data.jsonl").write_text('{"label": 1, "in0": [1], "in1": [2]}\n')
    (tmp_path / f".{FORGED}").write_text("")
    read_channel(tmp_path, "train", HYPERPARAMETERS, log=lambda level, text: told.append(text))
    assert any("quality_metric" in text for text in told)
    assert not any("\n" in text for text in told)


@pytest.mark.parametrize(
    "record",
    [
        {FORGED: float("nan"), "in0": [1], "in1": [2]},
        {"label": FORGED, "in0": [1], "in1": [2]},
        {"label": 1, "in0": [FORGED], "in1": [2]},
        {FORGED: 1},
        {"label": [FORGED], "in0": [1], "in1": [2]},
    ],
)
def test_what_a_record_holds_is_escaped(tmp_path: Path, record: object) -> None:
    (tmp_path / "data.jsonl").write_text(json.dumps(record) + "\n")
    told = refusal(tmp_path)
    assert "#quality_metric" in told
    assert "\n" not in told


def test_names_and_values_of_hyperparameters_are_escaped() -> None:
    taken = Hyperparameters.from_strings({**BASE, f"_{FORGED}": "1"})
    assert not any("\n" in note.message for note in taken.notes)
    with pytest.raises(ClientError) as caught:
        Hyperparameters.from_strings({**BASE, FORGED: "1", "epochs": FORGED})
    assert str(caught.value).count("\n") == 2  # a line for each of two faults


@pytest.mark.parametrize("has_prefix", [True, False])
def test_control_characters_never_reach_the_log(has_prefix: bool) -> None:
    record = logging.makeLogRecord(
        {"msg": "a\x1b[2J\r\x00\x9b\u2028\ud83d\tb\nc é", "has_prefix": has_prefix}
    )
    assert LineFormatter().format(record).endswith("a\\x1b[2J\\r\\x00\\x9b\\u2028\\ud83d\tb\nc é")


def test_a_json_line_is_one_line_of_printable_characters() -> None:
    message = "a\x1b[2J\r\x00\x9b\u2028\ud83d\tb\nc é"
    line = JSONFormatter().format(logging.makeLogRecord({"msg": message}))
    assert line.isprintable()
    assert json.loads(line)["message"] == message
