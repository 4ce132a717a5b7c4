"""Reading a channel: what is accepted, what is refused with which words, and at what cost."""

import gzip
import json
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from object2vec.data import files
from object2vec.data.array_space import ArraySpace
from object2vec.data.records import PairRecords, read_channel
from object2vec.data.vocabulary import Vocabulary
from object2vec.errors import RecordError
from object2vec.hyperparameters import Hyperparameters

GOOD = b'{"label": 1, "in0": [1, 2], "in1": [1]}\n'


def make_hyperparameters(**changed: str) -> Hyperparameters:
    strings = {
        "enc0_max_seq_len": "5",
        "enc0_vocab_size": "10",
        "enc1_network": "hcnn",
        "enc1_max_seq_len": "4",
        "enc1_vocab_size": "2",
    }
    return Hyperparameters.from_strings(strings | changed)


@pytest.fixture
def channel(tmp_path: Path) -> Path:
    folder = tmp_path / "train"
    folder.mkdir()
    return folder


def read(folder: Path, space: ArraySpace | None = None, **changed: str) -> PairRecords:
    return read_channel(folder, "train", make_hyperparameters(**changed), space=space)


def rows(records: PairRecords) -> list[tuple[float, list[int], list[int]]]:
    return [
        (label, in0.tolist(), in1.tolist())
        for label, in0, in1 in zip(records.labels.tolist(), records.in0, records.in1, strict=True)
    ]


# What is read


def test_a_record_becomes_ids_and_a_label(channel: Path) -> None:
    (channel / "a.jsonl").write_bytes(GOOD + b'{"in1":[],"in0":[9],"label":0.0}\n')
    records = read(channel)
    assert rows(records) == [(1.0, [1, 2], [1]), (0.0, [9], [])]
    assert len(records) == 2
    assert records.labels.dtype == np.float32
    assert records.in0.values.dtype == np.int32
    assert records.summary.in1.empty == 1


@pytest.mark.parametrize(
    "text",
    [
        GOOD + GOOD,
        GOOD + GOOD.rstrip(),
        (GOOD + GOOD).replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + GOOD + GOOD,
        b"\n" + GOOD + b"  \t\r\n\n" + GOOD + b"\n",
        GOOD.replace(b'"label"', b'"more": {"true": [true, null]}, "label"') + GOOD,
        GOOD.replace(b'"label"', b'"label": 0, "label"') + GOOD,
        GOOD.replace(b": 1,", b": 1.0,") + GOOD.replace(b" ", b""),
        GOOD.replace(b'"in0"', b'"\\u0069n0"') + GOOD,
        GOOD.replace(b'"label"', b'"half": "\\ud800", "label"') + GOOD,
    ],
    ids=[
        "plain",
        "no newline at the end",
        "CRLF",
        "byte order mark",
        "blank lines",
        "more fields",
        "a field twice: the last counts",
        "a class as float, no blanks",
        "escaped field name",
        "half a surrogate in a field that is not read",
    ],
)
def test_spellings_of_the_same_two_records(channel: Path, text: bytes) -> None:
    (channel / "a.jsonl").write_bytes(text)
    assert rows(read(channel))[1:] == [(1.0, [1, 2], [1])]
    assert rows(read(channel))[0][1:] == ([1, 2], [1])


def test_blank_lines_are_counted_and_keep_their_numbers(channel: Path) -> None:
    (channel / "a.jsonl").write_bytes(b"\n" + GOOD + b" \r\n")
    assert read(channel).summary.blank_lines == 2
    (channel / "a.jsonl").write_bytes(b"\n" + GOOD + b" \r\n[]\n")
    with pytest.raises(RecordError) as caught:
        read(channel)
    assert caught.value.line == 4


def test_files_are_read_in_sorted_order_at_any_depth(channel: Path) -> None:
    (channel / "deep" / "er").mkdir(parents=True)
    for name, label in (("b.jsonl", 1), ("a.jsonl", 0), ("deep/z", 2), ("deep/er/0.json", 3)):
        (channel / name).write_text(json.dumps({"label": label, "in0": [1], "in1": [1]}))
    records = read(channel, num_classes="4")
    assert records.labels.tolist() == [0, 1, 3, 2]  # a.jsonl, b.jsonl, deep/er/0.json, deep/z
    assert records.summary.files == 4


def test_a_single_file_may_stand_for_the_channel(channel: Path) -> None:
    path = channel / "one.jsonl"
    path.write_bytes(GOOD)
    assert len(read(path)) == 1


def test_gzip_is_known_by_its_first_bytes(channel: Path) -> None:
    (channel / "a.jsonl.gz").write_bytes(gzip.compress(GOOD))
    (channel / "b.jsonl").write_bytes(gzip.compress(GOOD) + gzip.compress(GOOD))
    assert len(read(channel)) == 3


def test_an_empty_file_beside_others_is_no_error(channel: Path) -> None:
    (channel / "a.jsonl").touch()
    (channel / "b.jsonl.gz").touch()
    (channel / "c.jsonl").write_bytes(GOOD)
    assert len(read(channel)) == 1


def test_links_are_followed_once(channel: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.jsonl").write_bytes(GOOD)
    (channel / "link.jsonl").symlink_to(tmp_path / "elsewhere.jsonl")
    (channel / "loop").symlink_to(channel)
    assert len(read(channel)) == 1


def test_any_finite_number_is_a_score(channel: Path) -> None:
    labels = [-3, 0.25, 1e-50, 3.4e38, 2**60]
    (channel / "a.jsonl").write_text(
        "\n".join(json.dumps({"label": label, "in0": [1], "in1": [1]}) for label in labels)
    )
    records = read(channel, output_layer="mean_squared_error")
    assert records.labels.tolist() == [np.float32(label) for label in labels]


def test_the_widest_ids_are_read(channel: Path) -> None:
    (channel / "a.jsonl").write_text('{"label": 0, "in0": [2999999, 1], "in1": [0]}')
    assert read(channel, enc0_vocab_size="3000000").in0.values.tolist() == [2999999, 1]


# What is counted, and said in the log


@pytest.fixture
def log_lines() -> list[tuple[str, str]]:
    return []


def read_logged(folder: Path, lines: list[tuple[str, str]], **changed: str) -> PairRecords:
    return read_channel(
        folder,
        "train",
        make_hyperparameters(**changed),
        log=lambda level, message: lines.append((level, message)),
    )


def test_over_long_sequences_are_cut_and_said_once_a_side(
    channel: Path, log_lines: list[tuple[str, str]]
) -> None:
    line = b'{"label": 1, "in0": [1, 2, 3, 4, 5, 6, 7], "in1": [1, 1, 1, 1, 1]}\n'
    (channel / "a.jsonl").write_bytes(GOOD + line + line)
    records = read_logged(channel, log_lines)
    assert records.in0.lengths.tolist() == [2, 5, 5]
    assert records.in1.lengths.tolist() == [1, 4, 4]
    assert records.summary.in0.truncated == records.summary.in1.truncated == 2
    assert records.summary.in0.longest == 7
    assert log_lines[1:] == [
        (
            "INFO",
            "Channel 'train': 2 of 3 in0 sequences are longer than enc0_max_seq_len=5 and were cut "
            "to it (the longest had 7 ids)",
        ),
        (
            "INFO",
            "Channel 'train': 2 of 3 in1 sequences are longer than enc1_max_seq_len=4 and were cut "
            "to it (the longest had 5 ids)",
        ),
    ]


def test_a_bad_id_past_the_cut_is_still_refused(channel: Path) -> None:
    (channel / "a.jsonl").write_bytes(b'{"label": 1, "in0": [1, 2, 3, 4, 5, 99], "in1": [1]}')
    with pytest.raises(RecordError, match='Vocab id "99"'):
        read(channel)


def test_the_log_says_how_much_was_read(channel: Path, log_lines: list[tuple[str, str]]) -> None:
    (channel / "a.jsonl").write_bytes(GOOD + b"\n" + GOOD)
    records = read_logged(channel, log_lines)
    seconds = f"{records.summary.seconds:.2f}"
    assert log_lines == [
        (
            "INFO",
            f"Channel 'train': 2 records from 1 file(s) in {seconds} s, 4 ids in in0, 2 in in1, "
            "1 blank lines skipped",
        )
    ]
    assert records.summary.bytes_read == 2 * len(GOOD) + 1


def test_padding_ids_are_counted_warned_of_and_dropped_at_both_ends(
    channel: Path, log_lines: list[tuple[str, str]]
) -> None:
    (channel / "a.jsonl").write_bytes(
        b'{"label": 1, "in0": [0, 3, 0, 2, 0], "in1": [0]}\n'
        b'{"label": 1, "in0": [], "in1": [0, 0]}\n'
        b'{"label": 1, "in0": [4], "in1": [1]}\n'
    )
    records = read_logged(channel, log_lines)
    assert rows(records) == [(1.0, [3, 0, 2], []), (1.0, [], []), (1.0, [4], [1])]
    assert records.summary.in0.tokens == 6
    assert records.summary.in0.padding_ids == 3
    assert records.summary.in0.only_padding == 0
    assert records.summary.in1.padding_ids == 3
    assert records.summary.in1.only_padding == 2
    assert [line for line in log_lines if line[0] == "WARNING"] == [
        (
            "WARNING",
            "Channel 'train': the padding id 0 occurs 3 times in in0 and 3 times in in1; it "
            "contributes nothing. If it is a token of yours, set the hyperparameter "
            "padding_id=none.",
        ),
        (
            "WARNING",
            "Channel 'train': WHOLE INPUTS ARE NOTHING BUT PADDING: in0 of 0 and in1 of 2 of 3 "
            "records hold only id 0, so the model learns nothing from them. Set the hyperparameter "
            "padding_id=none if your ids start at 0, or number your tokens from 1.",
        ),
    ]


def test_without_a_padding_id_nothing_is_warned_of(
    channel: Path, log_lines: list[tuple[str, str]]
) -> None:
    (channel / "a.jsonl").write_bytes(b'{"label": 1, "in0": [0], "in1": [0]}\n')
    records = read_logged(channel, log_lines, padding_id="none")
    assert records.summary.in0.padding_ids == 0
    assert [level for level, _ in log_lines] == ["INFO"]


@pytest.mark.parametrize(("content", "level"), [(b"", "INFO"), (b"{}", "WARNING")])
def test_hidden_files_are_left_out_and_named(
    channel: Path, log_lines: list[tuple[str, str]], content: bytes, level: str
) -> None:
    (channel / "_temporary").mkdir()
    for name in (".DS_Store", "_SUCCESS", "part.manifest", "_temporary/0.jsonl"):
        (channel / name).write_bytes(content)
    (channel / "a.jsonl").write_bytes(GOOD)
    assert len(read_logged(channel, log_lines)) == 1
    assert log_lines[0] == (
        level,
        "Channel 'train': 4 file(s) left out, as names with a leading dot or underscore and names "
        "in .manifest are not taken for data: .DS_Store, _SUCCESS, 0.jsonl, part.manifest",
    )


# Token strings


def test_strings_become_ids_and_unknown_ones_are_dropped_and_counted(
    channel: Path, log_lines: list[tuple[str, str]]
) -> None:
    (channel / "a.jsonl").write_bytes(
        b'{"label": 1, "in0": ["cat", "zebra", 7, "dog"], "in1": [1]}\n'
        b'{"label": 0, "in0": ["yak"], "in1": [0]}\n'
        b'{"label": 0, "in0": [3], "in1": [0]}\n'
    )
    vocabulary = Vocabulary({"cat": 1, "dog": 2})
    records = read_channel(
        channel,
        "train",
        make_hyperparameters(padding_id="none"),
        (vocabulary, None),
        lambda level, message: log_lines.append((level, message)),
    )
    assert [row.tolist() for row in records.in0] == [[1, 7, 2], [], [3]]
    assert records.summary.in0.unknown_tokens == 2
    assert log_lines[1:] == [
        (
            "INFO",
            "Channel 'train': 2 token strings of in0 are not in enc0_vocab_file and were left out",
        ),
        ("INFO", "Channel 'train': 1 of 3 in0 sequences are empty"),
    ]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ('"the cat"', '"the cat" is a string; write a list of tokens, such as ["the", "cat"].'),
        ('["cat", true]', "in0[1]: true is a boolean; ids are integers 0..9."),
        ('["cat", 1.5]', "in0[1]: 1.5 is a float; ids are integers 0..9."),
        ('["cat", ["cat"]]', 'in0[1]: ["cat"] is a list; ids are integers 0..9.'),
        ('{"cat": 1}', '{"cat": 1} is an object, must be a list of integer ids.'),
        (
            '["cat", 10]',
            'Inconsistent vocab for in0 found. Vocab id "10" is not less than vocab_size=10. '
            "Ids run from 0 to vocab_size-1=9: raise enc0_vocab_size, or mend the ids.",
        ),
    ],
)
def test_what_is_refused_with_a_vocabulary_too(channel: Path, value: str, problem: str) -> None:
    path = channel / "a.jsonl"
    path.write_text(f'{{"label": 1, "in0": {value}, "in1": [1]}}')
    with pytest.raises(RecordError) as caught:
        read_channel(channel, "train", make_hyperparameters(), (Vocabulary({"cat": 1}), None))
    assert str(caught.value) == f"{path}, line 1, field 'in0': {problem}"


# Bad records


def line(label: str = "1", in0: str = "[1]", in1: str = "[1]") -> bytes:
    return f'{{"label": {label}, "in0": {in0}, "in1": {in1}}}'.encode()


OBJECT_HELP = 'must be an object such as {"label": 1, "in0": [10, 7], "in1": [4]}'
BAD_LINES: list[tuple[str, bytes, str | None, str]] = [
    (
        "cut short",
        b'{"label": 1, "in0": [1]',
        None,
        "is not JSON (Expecting ',' delimiter, column 24): '{\"label\": 1, \"in0\": [1]'",
    ),
    ("words", b"hello", None, "is not JSON (Expecting value, column 1): 'hello'"),
    (
        "single quotes",
        b"{'label': 1}",
        None,
        "is not JSON (Expecting property name enclosed in double quotes, column 2): "
        "\"{'label': 1}\". JSON takes double quotes: write records with json.dumps, not str",
    ),
    (
        "two records on a line",
        b'{"a": 1} {"b": 2}',
        None,
        'more than one JSON value on the line, the second from column 10: \'{"a": 1} {"b": 2}\'',
    ),
    ("a list", b"[1, 2]", None, f"[1, 2] is a list, {OBJECT_HELP}"),
    ("null", b"null", None, f"is null, {OBJECT_HELP}"),
    ("a number", b"3", None, f"3 is an integer, {OBJECT_HELP}"),
    ("nested for ever", b'{"a":' * 2000, None, "is nested too deeply to be a record."),
    (
        "Latin-1",
        b'{"name": "caf\xe9"}',
        None,
        "byte 0xe9 in column 14 is not UTF-8. Write the file as UTF-8.",
    ),
    (
        "a byte order mark inside",
        b"\xef\xbb\xbf{}",
        None,
        "is not JSON (Unexpected UTF-8 BOM (decode using utf-8-sig), column 1): '\\ufeff{}'",
    ),
    (
        "in1 missing",
        b'{"label": 1, "in0": [1], "in2": []}',
        "in1",
        'is missing; the record has "label", "in0", "in2".',
    ),
    (
        "label missing",
        b'{"in0": [1], "in1": [1]}',
        "label",
        'is missing; the record has "in0", "in1".',
    ),
    ("no field at all", b"{}", "in0", "is missing; the record has no field."),
    ("a bare id", line(in0="10"), "in0", "10 is a bare number; write [10] for one token."),
    ("a string", line(in0='"a b"'), "in0", '"a b" is a string, must be a list of integer ids.'),
    ("null for a list", line(in1="null"), "in1", "is null, must be a list of integer ids."),
    (
        "true for a list",
        line(in1="true"),
        "in1",
        "true is a boolean, must be a list of integer ids.",
    ),
    (
        "an object for a list",
        line(in1='{"0": 1}'),
        "in1",
        '{"0": 1} is an object, must be a list of integer ids.',
    ),
    (
        "a boolean id",
        line(in0="[1, true]"),
        "in0",
        "in0[1]: true is a boolean; ids are integers 0..9.",
    ),
    ("a float id", line(in0="[1.5]"), "in0", "in0[0]: 1.5 is a float; ids are integers 0..9."),
    (
        "a whole float id",
        line(in0="[2.0]"),
        "in0",
        "in0[0]: 2.0 is a float; ids are integers: write 2.",
    ),
    ("a null id", line(in0="[null]"), "in0", "in0[0]: is null; ids are integers 0..9."),
    ("a nested list", line(in0="[[1], 2]"), "in0", "in0[0]: [1] is a list; ids are integers 0..9."),
    (
        "a token string",
        line(in0='[1, "cat"]'),
        "in0",
        'in0[1]: "cat" is a string; strings need a vocabulary. Give enc0_vocab_file (a file of '
        "channel auxiliary), or write integer ids.",
    ),
    (
        "an id of vocab_size",
        line(in1="[0, 2]"),
        "in1",
        'Inconsistent vocab for in1 found. Vocab id "2" is not less than vocab_size=2. '
        "Ids run from 0 to vocab_size-1=1: raise enc1_vocab_size, or mend the ids.",
    ),
    (
        "a negative id",
        line(in0="[-1]"),
        "in0",
        'Inconsistent vocab for in0 found. Vocab id "-1" is negative. '
        "Ids run from 0 to vocab_size-1=9: raise enc0_vocab_size, or mend the ids.",
    ),
    (
        "an id past 32 bits",
        line(in0="[4294967297]"),
        "in0",
        'Inconsistent vocab for in0 found. Vocab id "4294967297" is not less than vocab_size=10. '
        "Ids run from 0 to vocab_size-1=9: raise enc0_vocab_size, or mend the ids.",
    ),
    (
        "an id past 64 bits",
        line(in0=f"[{'9' * 60}]"),
        "in0",
        'Inconsistent vocab for in0 found. Vocab id "99999999999999999999... (60 digits)" is not '
        "less than vocab_size=10. "
        "Ids run from 0 to vocab_size-1=9: raise enc0_vocab_size, or mend the ids.",
    ),
    (
        "an id of a book",
        line(in0=f"[{'9' * 6000}]"),
        None,
        "holds a number of thousands of digits.",
    ),
    (
        "a class too high",
        line("2"),
        "label",
        "2 is no class: num_classes=2 allows 0..1. "
        "Raise num_classes, or number the classes from 0.",
    ),
    (
        "a class below 0",
        line("-1"),
        "label",
        "-1 is no class: num_classes=2 allows 0..1. "
        "Raise num_classes, or number the classes from 0.",
    ),
    (
        "half a class",
        line("0.5"),
        "label",
        "0.5 is no class: with output_layer=softmax labels are whole numbers 0..1; "
        "for scores set output_layer=mean_squared_error.",
    ),
    (
        "a class as string",
        line('"1"'),
        "label",
        '"1" is a string, must be a number: write 1 without quotes.',
    ),
    ("a class as word", line('"good"'), "label", '"good" is a string, must be a number.'),
    ("a class as boolean", line("true"), "label", "true is a boolean, must be a number."),
    ("a null label", line("null"), "label", "is null, must be a number."),
    ("a list as label", line("[1]"), "label", "[1] is a list, must be a number."),
    ("NaN as label", line("NaN"), "label", "NaN is not JSON; write a finite number."),
    (
        "Infinity as id",
        line(in1="[-Infinity]"),
        "in1",
        "-Infinity is not JSON; write a finite number.",
    ),
]


@pytest.mark.parametrize(
    ("text", "field", "problem"), [case[1:] for case in BAD_LINES], ids=[c[0] for c in BAD_LINES]
)
def test_a_bad_line_is_refused_with_its_place_and_what_to_do(
    channel: Path, text: bytes, field: str | None, problem: str
) -> None:
    (channel / "a.jsonl").write_bytes(GOOD)
    path = channel / "b.jsonl"
    path.write_bytes(GOOD * 3000 + text + b"\n" + GOOD)
    with pytest.raises(RecordError) as caught:
        read(channel)
    where = f"{path}, line 3001" + (f", field '{field}'" if field else "")
    assert str(caught.value) == f"{where}: {problem}"
    assert (caught.value.file, caught.value.line, caught.value.field) == (str(path), 3001, field)


@pytest.mark.parametrize("label", ["1e39", "-1e400"])
def test_a_score_must_be_finite(channel: Path, label: str) -> None:
    path = channel / "a.jsonl"
    path.write_bytes(line(label))
    with pytest.raises(RecordError) as caught:
        read(channel, output_layer="mean_squared_error")
    shown = {"1e39": "1e+39", "-1e400": "-Infinity"}[label]
    assert str(caught.value) == (
        f"{path}, line 1, field 'label': {shown} does not fit into a 32-bit float, must be finite."
    )


def test_with_one_encoder_for_both_the_size_that_counts_is_named(channel: Path) -> None:
    path = channel / "a.jsonl"
    path.write_bytes(line(in1="[10]"))
    with pytest.raises(RecordError) as caught:
        read(channel, enc1_network="enc0", enc1_vocab_size="50")
    assert str(caught.value) == (
        f"{path}, line 1, field 'in1': Inconsistent vocab for in1 found. "
        'Vocab id "10" is not less than vocab_size=10. Ids run from 0 to vocab_size-1=9: '
        "raise enc1_vocab_size (with enc1_network=enc0: enc0_vocab_size), or mend the ids."
    )


def test_two_halves_of_a_record_do_not_make_one(channel: Path) -> None:
    (channel / "a.jsonl").write_bytes(b'{"label": 1, "in0": [1]\n"in1": [1]}\n')
    with pytest.raises(RecordError, match="line 1: is not JSON"):
        read(channel)


# Round trips

ids0 = st.lists(st.integers(0, 9), max_size=5)
ids1 = st.lists(st.integers(0, 1), max_size=4)


@settings(deadline=None)
@given(
    written=st.lists(st.tuples(st.integers(0, 1), ids0, ids1), min_size=1, max_size=40),
    line_end=st.sampled_from(["\n", "\r\n", "\n\n", "\n \r\n"]),
    is_ended=st.booleans(),
    is_marked=st.booleans(),
    is_packed=st.booleans(),
    parts=st.integers(1, 4),
    block_bytes=st.integers(1, 300),
    separators=st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " :  ")]),
)
def test_whatever_is_written_is_read_back(
    written: list[tuple[int, list[int], list[int]]],
    line_end: str,
    is_ended: bool,
    is_marked: bool,
    is_packed: bool,
    parts: int,
    block_bytes: int,
    separators: tuple[str, str],
) -> None:
    size = -(-len(written) // parts)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for part in range(0, len(written), size):
            text = line_end.join(
                json.dumps({"label": label, "in0": in0, "in1": in1}, separators=separators)
                for label, in0, in1 in written[part : part + size]
            )
            content = (b"\xef\xbb\xbf" if is_marked else b"") + text.encode()
            content += line_end.encode() if is_ended else b""
            path = Path(folder) / f"{part:03}.jsonl"
            path.write_bytes(gzip.compress(content) if is_packed else content)
        patch.setattr(files, "BLOCK_BYTES", block_bytes)
        records = read(Path(folder), padding_id="none")
        in_files = read(Path(folder), space=ArraySpace(memory_bytes=0), padding_id="none")
    assert rows(in_files) == rows(records)
    assert rows(records) == [(float(label), in0, in1) for label, in0, in1 in written]


@settings(deadline=None)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=3), part),
        max_leaves=6,
    ),
    field=st.sampled_from(["label", "in0", "in1"]),
)
def test_any_value_is_read_or_refused_as_a_record_error(value: object, field: str) -> None:
    record = {"label": 1, "in0": [1], "in1": [1], field: value}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_text(json.dumps(record))
        try:
            records = read(path, padding_id="none")
        except RecordError as error:
            assert error.field == field  # noqa: PT017 - refused or read: both may be right
            return
    assert rows(records) == [(record["label"], record["in0"], record["in1"])]
    assert not any(isinstance(part, bool) for part in (value, *np.ravel(value)))


# Cost


def write_made_records(path: Path, count: int, mean_lengths: tuple[int, int]) -> None:
    """Write `count` records, ten thousand different ones over and over."""
    generator = np.random.default_rng(7)
    sides = [
        [
            generator.integers(0, 9, size).tolist()
            for size in 1 + generator.poisson(mean - 1, 10_000)
        ]
        for mean in mean_lengths
    ]
    text = "".join(
        f'{{"label": 1, "in0": {in0}, "in1": {in1}}}\n' for in0, in1 in zip(*sides, strict=True)
    )
    path.write_text(text * (count // 10_000))


@pytest.mark.parametrize(
    ("count", "mean_lengths"),
    [(50_000, (14, 8)), (150_000, (1, 1))],
    ids=["sentences", "single ids"],
)
def test_reading_needs_at_most_two_and_a_half_times_the_arrays(
    channel: Path, count: int, mean_lengths: tuple[int, int]
) -> None:
    write_made_records(channel / "a.jsonl", count, mean_lengths)
    hyperparameters = make_hyperparameters(enc0_max_seq_len="50", enc1_network="enc0")
    tracemalloc.start()
    try:
        records = read_channel(channel, "train", hyperparameters)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(records) == count
    assert peak <= 2.5 * records.nbytes


def test_reading_imports_no_engine(channel: Path) -> None:
    (channel / "a.jsonl").write_bytes(GOOD)
    program = (
        "import sys, object2vec.data.records, object2vec.data.vectors; "
        "sys.exit('mxnet' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
