"""Vocabulary files: what is read, what is put up with, what is refused with which words."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from object2vec.data.vocabulary import Vocabulary
from object2vec.errors import ClientError

EXPECTED = 'must be a JSON object of tokens and ids, such as {"cat": 1, "dog": 2}'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vocab.json"


def test_tokens_have_the_ids_of_the_file(path: Path) -> None:
    path.write_text('\ufeff{"cat": 1, "caf\u00e9": 2, ". .": 0}\n', encoding="utf-8")
    vocabulary = Vocabulary.read(path, 3, "enc0")
    assert vocabulary.ids_by_token == {"cat": 1, "caf\u00e9": 2, ". .": 0}
    assert vocabulary.tokens_by_id == {1: "cat", 2: "caf\u00e9", 0: ". ."}
    assert vocabulary.notes == ()
    assert len(vocabulary) == 3


def test_a_text_file_has_a_token_a_line(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes(b"[PAD]\r\nthe\r\n\r\na cat\r\n")
    assert Vocabulary.read(path, 4, "enc0").ids_by_token == {"[PAD]": 0, "the": 1, "a cat": 3}


def test_a_packed_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "v.json.gz").write_bytes(gzip.compress(b'{"cat": 1}'))
    (tmp_path / "v.txt.gz").write_bytes(gzip.compress(b"cat\ndog\n"))
    assert Vocabulary.read(tmp_path / "v.json.gz", 2, "enc0").ids_by_token == {"cat": 1}
    assert Vocabulary.read(tmp_path / "v.txt.gz", 2, "enc0").ids_by_token == {"cat": 0, "dog": 1}


def test_unknown_strings_are_left_out_and_integers_stay() -> None:
    vocabulary = Vocabulary({"cat": 1, "dog": 2})
    assert vocabulary.encode(["dog", "yak", 7, "cat", "CAT", ""]) == [2, 7, 1]
    assert vocabulary.encode([]) == []


@given(st.dictionaries(st.text(max_size=4), st.integers(0, 99), min_size=1))
def test_a_vocabulary_travels_as_json(ids_by_token: dict[str, int]) -> None:
    vocabulary = Vocabulary(ids_by_token)
    assert "\n" not in vocabulary.to_json()
    assert Vocabulary.from_json(vocabulary.to_json(), 100, "enc0") == vocabulary


def test_an_id_one_past_the_end_makes_its_token_unknown(path: Path) -> None:
    path.write_text('{"cat": 1, "<unk>": 3}')
    vocabulary = Vocabulary.read(path, 3, "enc0")
    assert vocabulary.encode(["cat", "<unk>"]) == [1]
    assert vocabulary.notes == (
        f"enc0 vocabulary {path}: the id of '<unk>' is vocab_size itself, one past the last row "
        "(1 token(s)): treated as unknown, left out of every sequence.",
    )


def test_doubles_are_put_up_with_and_noted(path: Path) -> None:
    path.write_text('{"cat": 1, "dog": 2, "cat": 2}')
    vocabulary = Vocabulary.read(path, 3, "enc1")
    assert vocabulary.ids_by_token == {"cat": 2, "dog": 2}
    assert vocabulary.tokens_by_id == {2: "cat"}
    assert vocabulary.notes == (
        f"enc1 vocabulary {path}: 1 token(s) stand there more than once: the last id counts.",
        f"enc1 vocabulary {path}: 1 token(s) have an id that another token has too.",
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            '{"cat": 1',
            ", line 1, column 10: is not JSON (Expecting ',' delimiter); enc0_vocab_file "
            f"{EXPECTED}, or end in .txt and hold one token a line.",
        ),
        (
            "cat\ndog\n",
            ", line 1, column 1: is not JSON (Expecting value); enc0_vocab_file "
            f"{EXPECTED}, or end in .txt and hold one token a line.",
        ),
        ('["cat"]', f": holds ['cat']; enc0_vocab_file {EXPECTED}."),
        ('"cat"', f": holds 'cat'; enc0_vocab_file {EXPECTED}."),
        ("{}", ": holds no token."),
        ('{"cat": "1"}', ": the id of token 'cat' is '1', must be an integer."),
        ('{"cat": 1.0}', ": the id of token 'cat' is 1.0, must be an integer."),
        ('{"cat": true}', ": the id of token 'cat' is True, must be an integer."),
        ('{"cat": null}', ": the id of token 'cat' is None, must be an integer."),
        ('{"cat": {"id": 1}}', ": the id of token 'cat' is a nested object, must be an integer."),
        (
            '{"cat": 1, "dog": 4}',
            ": token 'dog': vocab id 4 is not less than vocab_size=3. Ids run from 0 to "
            "enc0_vocab_size-1=2: raise enc0_vocab_size, or mend the file.",
        ),
        (
            '{"cat": -1}',
            ": token 'cat': vocab id -1 is negative. Ids run from 0 to enc0_vocab_size-1=2: "
            "raise enc0_vocab_size, or mend the file.",
        ),
        ('{"a":' * 100_000, f": is nested too deeply; enc0_vocab_file {EXPECTED}."),
    ],
)
def test_what_is_no_vocabulary_is_refused(path: Path, text: str, problem: str) -> None:
    path.write_text(text)
    with pytest.raises(ClientError) as caught:
        Vocabulary.read(path, 3, "enc0")
    assert str(caught.value) == f"{path}{problem}"


def test_another_encoding_is_refused(path: Path) -> None:
    path.write_bytes(json.dumps({"caf\u00e9": 1}, ensure_ascii=False).encode("latin-1"))
    with pytest.raises(ClientError) as caught:
        Vocabulary.read(path, 3, "enc0")
    assert str(caught.value) == (
        f"{path}: byte 0xe9 at 5 is not UTF-8. Write enc0_vocab_file as UTF-8."
    )


def test_a_missing_file_is_named_with_its_hyperparameter(path: Path) -> None:
    with pytest.raises(ClientError) as caught:
        Vocabulary.read(path, 3, "enc1")
    assert str(caught.value) == (
        f"enc1_vocab_file: there is no file {path}. Put it into channel auxiliary."
    )
