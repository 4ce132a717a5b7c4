"""Vector files: GloVe's and word2vec's layouts, their oddities, and what is refused."""

import gzip
import importlib.util
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from object2vec.data.vectors import TokenVectors, read_vectors
from object2vec.data.vocabulary import Vocabulary
from object2vec.errors import ClientError

VOCABULARY = Vocabulary({"the": 5, "cat": 1, ". . .": 2, "7": 3, "caf\u00e9": 4, "at home": 6})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "glove.txt"


def read(path: Path, text: bytes, dimension: int = 3) -> TokenVectors:
    path.write_bytes(text)
    return read_vectors(path, VOCABULARY, dimension)


def as_dict(vectors: TokenVectors) -> dict[int, list[float]]:
    return dict(zip(vectors.ids.tolist(), vectors.vectors.tolist(), strict=True))


def test_only_the_vocabulary_s_vectors_are_kept(path: Path) -> None:
    vectors = read(path, b"of 1 2 3\nthe 0.5 -1 2e1\ndog 1 2 3\ncat 0 0 1\n")
    assert as_dict(vectors) == {5: [0.5, -1, 20], 1: [0, 0, 1]}
    assert vectors.ids.dtype == np.int64
    assert vectors.vectors.dtype == np.float32
    assert vectors.vectors.shape == (2, 3)
    assert (vectors.lines_read, vectors.duplicates) == (4, 0)


@pytest.mark.parametrize(
    "text",
    [
        b"the 1 2 3\ncat 4 5 6",
        b"the 1 2 3\r\ncat 4 5 6\r\n",
        b"2 3\nthe 1 2 3 \ncat 4 5 6 \n",
        b"\xef\xbb\xbfthe 1 2 3\n\ncat 4 5 6\n\n",
        b"the\t1\t2\t3\ncat\t4\t5\t6\n",
        b"the 1 2 3\ncat 4 5 6\nthe 7 8 9\ncat 7 8 9\n",
        b"the 1 2 3\n   \n  cat 4 5 6\n \t \n",
    ],
    ids=["plain", "CRLF", "word2vec header", "mark and blank lines", "tabs", "doubles", "blanks"],
)
def test_spellings_of_the_same_two_vectors(path: Path, text: bytes) -> None:
    assert as_dict(read(path, text)) == {5: [1, 2, 3], 1: [4, 5, 6]}


def test_a_header_of_thousands_of_digits_is_no_header(path: Path) -> None:
    with pytest.raises(ClientError, match=r"line 1: the vector has 1 numbers"):
        read(path, b"9" * 5000 + b" " + b"9" * 5000 + b"\n")


def test_a_packed_file_is_read(path: Path) -> None:
    assert as_dict(read(path, gzip.compress(b"the 1 2 3\n"))) == {5: [1, 2, 3]}


def test_tokens_may_hold_spaces_and_be_numbers(path: Path) -> None:
    text = ". . . 1 2 3\nat home 4 5 6\nat all 0 0 0\n7 7 8 9\n. 0 0 0\ncaf\u00e9 1 1 1\n"
    assert as_dict(read(path, text.encode())) == {
        2: [1, 2, 3],
        6: [4, 5, 6],
        3: [7, 8, 9],
        4: [1, 1, 1],
    }


def test_the_first_line_may_begin_with_a_number(path: Path) -> None:
    assert as_dict(read(path, b"7 7 8 9\nthe 1 2 3\n")) == {3: [7, 8, 9], 5: [1, 2, 3]}


def test_the_first_line_of_a_double_counts(path: Path) -> None:
    vectors = read(path, b"the 1 2 3\nthe 4 5 6\n")
    assert as_dict(vectors) == {5: [1, 2, 3]}
    assert vectors.duplicates == 1


def test_a_file_without_a_wanted_word_gives_no_vector(path: Path) -> None:
    vectors = read(path, b"of 1 2 3\n")
    assert vectors.vectors.shape == (0, 3)
    assert vectors.ids.shape == (0,)


def test_damage_in_lines_that_are_not_wanted_is_passed_over(path: Path) -> None:
    assert as_dict(read(path, b"the 1 2 3\nof 1 x\nto nan nan nan\n")) == {5: [1, 2, 3]}


MUST = "must have 3 numbers (enc0_token_embedding_dim). Mend the file."


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            b"of 1 2 3 4\n",
            ", line 1: the vector has 4 numbers, but enc0_token_embedding_dim=3. "
            "Set enc0_token_embedding_dim=4, or give vectors of 3 numbers.",
        ),
        (
            b"9 8\nthe 1 2 3 4 5 6 7 8\n",
            ", line 1: the header says 8 numbers, but enc0_token_embedding_dim=3. "
            "Set enc0_token_embedding_dim=8, or give vectors of 3 numbers.",
        ),
        (
            b"7 1 2\n",
            ", line 1: the vector has 2 numbers, but enc0_token_embedding_dim=3. "
            "Set enc0_token_embedding_dim=2, or give vectors of 3 numbers.",
        ),
        (b"of 1 2 3\ncat 1 2\n", f", line 2, token 'cat': the line has 2 numbers, {MUST}"),
        (b"of 1 2 3\ncat 1 2 3 4 5\n", f", line 2, token 'cat': the line has 5 numbers, {MUST}"),
        (b"of 1 2 3\ncat\n", f", line 2, token 'cat': the line has 0 numbers, {MUST}"),
        (b"of 1 x 3\n", f", line 1, token 'of': the line has 'x' among the numbers, {MUST}"),
        (
            b"of 1 2 3\nthe 1 x2 3\n",
            f", line 2, token 'the': the line has 'x2' among the numbers, {MUST}",
        ),
        (
            b"of 1 2 3\nthe 1 1e60 3\n",
            f", line 2, token 'the': the line has a number that is not finite in 32 bits, {MUST}",
        ),
        (
            b"of 1 2 3\nthe nan 2 3\n",
            f", line 2, token 'the': the line has a number that is not finite in 32 bits, {MUST}",
        ),
        (
            b'{"the": [1, 2, 3]}\n',
            ", line 1: '{\"the\": [1, 2, 3]}' is no token with its vector; the file must be GloVe "
            "text: a token and its numbers on each line.",
        ),
        (b"\n\n", ": holds no vector; enc0_pretrained_embedding_file must be a GloVe text."),
        (b"", ": holds no vector; enc0_pretrained_embedding_file must be a GloVe text."),
    ],
)
def test_what_cannot_be_used_is_refused(path: Path, text: bytes, problem: str) -> None:
    with pytest.raises(ClientError) as caught:
        read(path, text)
    assert str(caught.value) == f"{path}{problem}"


def test_the_hyperparameters_that_the_user_gave_are_named(path: Path) -> None:
    with pytest.raises(ClientError) as caught:
        read_vectors(path, VOCABULARY, 3, "enc1_pretrained_embedding_file", "enc_dim")
    assert str(caught.value) == (
        f"enc1_pretrained_embedding_file: there is no file {path}. Put it into channel auxiliary."
    )
    path.write_bytes(b"the 1 2\n")
    with pytest.raises(ClientError, match=r"but enc_dim=3\. Set enc_dim=2, or give"):
        read_vectors(path, VOCABULARY, 3, "enc1_pretrained_embedding_file", "enc_dim")


@settings(deadline=None)
@given(
    numpy_strategies.arrays(
        np.float32,
        st.tuples(st.integers(1, 6), st.integers(2, 5)),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    )
)
def test_numbers_come_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, numbers: np.ndarray
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.txt"
    path.write_text(
        "".join(
            f"w{row} " + " ".join(repr(float(number)) for number in vector) + "\n"
            for row, vector in enumerate(numbers)
        )
    )
    vocabulary = Vocabulary({f"w{row}": row for row in range(len(numbers))})
    vectors = read_vectors(path, vocabulary, numbers.shape[1])
    np.testing.assert_array_equal(vectors.vectors, numbers)


def test_memory_is_bounded_by_what_is_kept(path: Path) -> None:
    other_lines = b"".join(b"w%d %s\n" % (row, b"0.25 " * 100) for row in range(20_000))
    path.write_bytes(b"the " + b"0.5 " * 100 + b"\n" + other_lines)
    tracemalloc.start()
    try:
        read_vectors(path, VOCABULARY, 100)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200_000  # The file has ten million bytes.


def test_gluonnlp_reads_the_same_vectors(path: Path) -> None:
    if importlib.util.find_spec("gluonnlp") is None:
        pytest.skip("gluonnlp is not installed")
    from object2vec.network import engine

    gluonnlp = engine.load_gluonnlp()
    generator = np.random.default_rng(3)
    words = ["the", "of", "cat", "caf\u00e9", "dog"]
    path.write_text(
        "".join(
            f"{word} " + " ".join(f"{number:.5f}" for number in generator.normal(size=3)) + "\n"
            for word in words
        ),
        encoding="utf-8",
    )
    peer = gluonnlp.embedding.TokenEmbedding.from_file(str(path), elem_delim=" ")
    vectors = read_vectors(path, VOCABULARY, 3)
    tokens = [VOCABULARY.tokens_by_id[token_id] for token_id in vectors.ids.tolist()]
    assert tokens == ["the", "cat", "caf\u00e9"]
    np.testing.assert_array_equal(vectors.vectors, peer[tokens].asnumpy())
