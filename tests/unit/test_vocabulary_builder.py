"""Vocabularies from records: ids by falling frequency, id 0 left for the padding."""

from pathlib import Path

import pytest

from object2vec.cli import main
from object2vec.data.vocabulary import Vocabulary
from object2vec.errors import ClientError, RecordError
from object2vec.vocabulary_builder import build_vocabulary

LINES = (
    '{"label": 1, "in0": ["the", "cat"], "in1": ["the", "dog", 7]}\n'
    "\n"
    '{"label": 0, "in0": ["the", "<pad>"], "in1": ["ape", "dog"]}\n'
)


@pytest.fixture
def records(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    path.write_text(LINES)
    return path


def test_ids_run_from_1_by_falling_frequency_then_alphabet(records: Path) -> None:
    vocabulary = build_vocabulary([records], ("in0", "in1"))
    assert vocabulary.ids_by_token == {"the": 1, "dog": 2, "ape": 3, "cat": 4}


def test_one_field_a_size_and_a_frequency_narrow_it(records: Path) -> None:
    assert build_vocabulary([records], ("in1",), min_frequency=2).ids_by_token == {"dog": 1}
    assert build_vocabulary([records], ("in0",), max_size=1).ids_by_token == {"the": 1}


def test_no_token_left_is_an_error_with_what_was_seen(records: Path) -> None:
    with pytest.raises(ClientError, match=r"occurs 9 times or more .* \(4 different ones were"):
        build_vocabulary([records], ("in0", "in1"), min_frequency=9)


def test_a_line_at_fault_is_named(records: Path) -> None:
    records.write_text(LINES + '{"in0": "the cat"}\n')
    with pytest.raises(RecordError, match=r"line 4, field 'in0': must be a list of strings"):
        build_vocabulary([records], ("in0",))
    records.write_text(LINES + "{\n")
    with pytest.raises(RecordError, match=r"line 4"):
        build_vocabulary([records], ("in0",))


def test_lines_are_those_of_the_reader(records: Path) -> None:
    records.write_bytes(b'{"in0": ["a"],\r"in1": ["b"]}\r\n\n{"in0": "cat"}\n')
    with pytest.raises(RecordError, match="line 3, field 'in0'"):
        build_vocabulary([records], ("in0", "in1"))
    records.write_bytes(b'{"in0": ["a"],\r"in1": ["b"]}\r\n')
    assert build_vocabulary([records], ("in0", "in1")).ids_by_token == {"a": 1, "b": 2}


def test_the_command_writes_a_file_that_training_reads(
    records: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = records.with_name("vocab.json")
    assert main(["vocabulary", str(records), "--output", str(output)]) == 0
    assert capsys.readouterr().out == (
        f"4 tokens in {output}; with it, a vocab_size of 5 or more (id 0 is the padding)\n"
    )
    vocabulary = Vocabulary.read(output, vocab_size=5, side="enc0")
    assert vocabulary.encode(["dog", "zebra", "the"]) == [2, 1]
