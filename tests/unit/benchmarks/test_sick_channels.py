"""SICK's lines as channels: words, labels, splits, vocabulary, and what `train` accepts of it."""

import json
from pathlib import Path
from types import ModuleType

import pytest

from object2vec.hyperparameters import Hyperparameters

HEADER = "pair_ID\tsentence_A\tsentence_B\tentailment_label\trelatedness_score\tSemEval_set"
LINES = (
    "1\tA dog runs\tThe dog isn't running\tCONTRADICTION\t3.4\tTRAIN",
    "2\tTwo men sit\tTwo men are sitting\tENTAILMENT\t4.8\tTRAIN",
    "3\tA man sits\tA man's go-kart\tNEUTRAL\t2\tTRAIN",
    "4\tA boy, young, runs\tA dog runs\tNEUTRAL\t1.9\tTRAIN",
    "5\tA zebra sits\tA dog runs\tNEUTRAL\t1.5\tTRIAL",
    "6\tA quagga sits\tA dog runs\tENTAILMENT\t1\tTEST",
    "7\tA boy runs\tA dog runs\tNEUTRAL\t3\tTEST",
)


@pytest.fixture
def sick_file(tmp_path: Path) -> Path:
    path = tmp_path / "SICK.txt"
    path.write_bytes("\r\n".join((HEADER, *LINES, "")).encode())
    return path


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("There is no man.", "there is no man"),
        ("The boys aren't in a T-shirt, is he?", "the boys are n't in a t-shirt is he"),
        ("Somebody's upside-down dog", "somebody 's upside-down dog"),
        (" ,. ", ""),
    ],
)
def test_sentences_are_split_as_glove_has_its_words(
    sick_channels: ModuleType, sentence: str, words: str
) -> None:
    assert sick_channels.words_of(sentence) == words.split()


def test_the_last_column_says_the_channel(sick_channels: ModuleType, sick_file: Path) -> None:
    channels = sick_channels.read_pairs(sick_file)
    assert {name: len(pairs) for name, pairs in channels.items()} == {
        "train": 4,
        "validation": 1,
        "test": 2,
    }
    first = channels["train"][0]
    assert first.tokens == (["a", "dog", "runs"], ["the", "dog", "is", "n't", "running"])
    assert (first.label("entailment"), first.label("relatedness")) == (0, 3.4)


def test_words_met_first_after_training_have_an_id_only_with_a_vector(
    sick_channels: ModuleType, sick_file: Path
) -> None:
    channels = sick_channels.read_pairs(sick_file)
    alone = sick_channels.vocabulary_of(channels)
    known = sick_channels.vocabulary_of(channels, ["zebra", "spaceship"])
    assert "zebra" not in alone
    assert set(known) - set(alone) == {"zebra"}
    assert sorted(known.values()) == list(range(1, len(known) + 1))


def test_majority_and_mean_are_the_train_channels(
    sick_channels: ModuleType, sick_file: Path
) -> None:
    channels = sick_channels.read_pairs(sick_file)
    assert sick_channels.majority_accuracy(channels["test"], channels["train"]) == 0.5
    mean = (3.4 + 4.8 + 2 + 1.9) / 4
    assert sick_channels.mean_label_error(channels["test"], channels["train"]) == pytest.approx(
        ((1 - mean) ** 2 + (3 - mean) ** 2) / 2
    )


@pytest.mark.parametrize("task", ["entailment", "relatedness"])
def test_the_ml_folder_holds_what_train_reads(
    sick_channels: ModuleType, sick_file: Path, tmp_path: Path, task: str
) -> None:
    channels = sick_channels.read_pairs(sick_file)
    vocabulary = sick_channels.vocabulary_of(channels)
    vectors = tmp_path / "glove.txt"
    vectors.write_text("dog 1 2\n")
    root = tmp_path / "ml"
    given = {"enc0_token_embedding_dim": "2", "enc_dim": "8"}
    sick_channels.write_ml_folder(
        root, channels, sick_channels.Job(task, vocabulary, vectors, given)
    )

    config, data = root / "input" / "config", root / "input" / "data"
    hyperparameters = Hyperparameters.from_strings(
        json.loads((config / "hyperparameters.json").read_text())
    )
    assert hyperparameters.is_regression == (task == "relatedness")
    assert hyperparameters.enc0.max_seq_len == 5
    assert hyperparameters.enc0.vocab_size == len(vocabulary) + 1
    auxiliary = data / "auxiliary"
    assert hyperparameters.enc0.vocab_file is not None
    assert hyperparameters.enc0.pretrained_embedding_file is not None
    assert json.loads((auxiliary / hyperparameters.enc0.vocab_file).read_text()) == vocabulary
    assert (auxiliary / hyperparameters.enc0.pretrained_embedding_file).read_text() == "dog 1 2\n"
    assert set(json.loads((config / "inputdataconfig.json").read_text())) == {
        path.name for path in data.iterdir()
    }
    lines = (data / "test" / "test.jsonl").read_text().splitlines()
    assert [json.loads(line)["label"] for line in lines] == (
        [2, 1] if task == "entailment" else [1.0, 3.0]
    )


def test_the_real_file_is_read_whole(sick_channels: ModuleType, shared_folder: Path) -> None:
    channels = sick_channels.read_pairs(shared_folder / "data" / "sick" / "SICK.txt")
    assert [len(pairs) for pairs in channels.values()] == [4439, 495, 4906]
    assert sick_channels.majority_accuracy(channels["test"], channels["train"]) == pytest.approx(
        0.5687, abs=1e-4
    )
