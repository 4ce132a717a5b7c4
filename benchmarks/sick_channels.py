"""SICK as channels: its sentence pairs as records of token strings, with their vocabulary.

The file is the one of the SICK distribution: tab-separated, a header, no quoting, the split in the
last column. TRAIN, TRIAL and TEST become the channels train, validation and test.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

SPLITS = {"TRAIN": "train", "TRIAL": "validation", "TEST": "test"}
CLASSES = ("CONTRADICTION", "NEUTRAL", "ENTAILMENT")
TASKS = ("entailment", "relatedness")
VOCABULARY_FILE = "vocabulary.json"
VECTORS_FILE = "vectors.txt"

# As GloVe's own vectors were made: "isn't" is "is" and "n't", "dog's" is "dog" and "'s".
_WORD = re.compile(r"n't|'s|[a-z0-9]+?(?=n't)|[a-z0-9]+(?:-[a-z0-9]+)*")


@dataclass(frozen=True)
class Pair:
    """One pair of sentences and what people said of it.

    Attributes:
        tokens: The words of sentence A and of sentence B.
        entailment: What A says about B: a place in CLASSES.
        relatedness: Mean of ten people's judgements, 1..5.
    """

    tokens: tuple[list[str], list[str]]
    entailment: int
    relatedness: float

    def label(self, task: str) -> float:
        """Return the label of a task: a class, or the relatedness."""
        return self.entailment if task == "entailment" else self.relatedness


def words_of(sentence: str) -> list[str]:
    """Return a sentence's words in lower case, punctuation left out.

    Example:
        >>> words_of("The man isn't near the T-shirt, is he?")
        ['the', 'man', 'is', "n't", 'near', 'the', 't-shirt', 'is', 'he']
    """
    return _WORD.findall(sentence.lower())


def read_pairs(path: Path) -> dict[str, list[Pair]]:
    """Read SICK.txt: the pairs of every channel, in the file's order.

    Raises:
        ValueError: The file has not SICK's columns or splits.
    """
    channels: dict[str, list[Pair]] = {channel: [] for channel in SPLITS.values()}
    with path.open(encoding="utf-8") as file:
        names = next(file).rstrip("\n").split("\t")
        wanted = ("sentence_A", "sentence_B", "entailment_label", "relatedness_score")
        columns = [names.index(name) for name in (*wanted, "SemEval_set")]
        for line in file:
            fields = line.rstrip("\n").split("\t")
            left, right, entailment, relatedness, split = (fields[column] for column in columns)
            channels[SPLITS[split.strip()]].append(
                Pair(
                    (words_of(left), words_of(right)),
                    CLASSES.index(entailment),
                    float(relatedness),
                )
            )
    return channels


def words_with_vectors(path: Path) -> set[str]:
    """Return the words that a text file of vectors has a line for."""
    with path.open(encoding="utf-8") as file:
        return {line.split(" ", 1)[0] for line in file}


def vocabulary_of(
    channels: dict[str, list[Pair]], words_known: Iterable[str] = ()
) -> dict[str, int]:
    """Return ids, from 1, of the words of the train channel and of all words that are known anyway.

    A word of neither kind is left out of the validation and test sentences: no training has told
    anything of it.
    """
    trained = {word for pair in channels["train"] for side in pair.tokens for word in side}
    present = {
        word
        for pairs in channels.values()
        for pair in pairs
        for side in pair.tokens
        for word in side
    }
    words = sorted(trained | (present & set(words_known)))
    return {word: token_id for token_id, word in enumerate(words, start=1)}


@dataclass(frozen=True)
class Job:
    """What is trained on the pairs.

    Attributes:
        task: `entailment` or `relatedness`.
        vocabulary: Ids by word.
        vectors: A text file of vectors of the words, or None.
        hyperparameters: Whatever the job needs beside its sizes, task and auxiliary files.
    """

    task: str
    vocabulary: dict[str, int]
    vectors: Path | None
    hyperparameters: dict[str, str]


def write_ml_folder(folder: Path, channels: dict[str, list[Pair]], job: Job) -> None:
    """Make the folder that `train` reads: channels of token strings, auxiliary, configuration."""
    data = folder / "input" / "data"
    for channel, pairs in channels.items():
        (data / channel).mkdir(parents=True)
        with (data / channel / f"{channel}.jsonl").open("w", encoding="utf-8") as file:
            for pair in pairs:
                left, right = pair.tokens
                record = {"label": pair.label(job.task), "in0": left, "in1": right}
                file.write(json.dumps(record) + "\n")
    auxiliary = data / "auxiliary"
    auxiliary.mkdir()
    (auxiliary / VOCABULARY_FILE).write_text(json.dumps(job.vocabulary), encoding="utf-8")
    if job.vectors is not None:
        (auxiliary / VECTORS_FILE).symlink_to(job.vectors.resolve())
    config = folder / "input" / "config"
    config.mkdir()
    hyperparameters = sizes_of(channels, job.vocabulary) | task_hyperparameters(job.task)
    hyperparameters |= job.hyperparameters
    hyperparameters["enc0_vocab_file"] = VOCABULARY_FILE
    if job.vectors is not None:
        hyperparameters["enc0_pretrained_embedding_file"] = VECTORS_FILE
    (config / "hyperparameters.json").write_text(
        json.dumps(hyperparameters, indent=1), encoding="utf-8"
    )
    description = {
        channel: {
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
        }
        for channel in (*channels, "auxiliary")
    }
    (config / "inputdataconfig.json").write_text(json.dumps(description), encoding="utf-8")


def sizes_of(channels: dict[str, list[Pair]], vocabulary: dict[str, int]) -> dict[str, str]:
    """Return the hyperparameters that follow from the data: id 0 is padding and no word's."""
    longest = max(
        len(side) for pairs in channels.values() for pair in pairs for side in pair.tokens
    )
    return {"enc0_max_seq_len": str(longest), "enc0_vocab_size": str(len(vocabulary) + 1)}


def task_hyperparameters(task: str) -> dict[str, str]:
    """Return the hyperparameters that follow from the task."""
    if task == "entailment":
        return {"output_layer": "softmax", "num_classes": str(len(CLASSES))}
    return {"output_layer": "mean_squared_error"}


def majority_accuracy(pairs: Sequence[Pair], trained: Sequence[Pair]) -> float:
    """Return the share of `pairs` in the class that is most frequent in `trained`."""
    counts = [sum(pair.entailment == number for pair in trained) for number in range(len(CLASSES))]
    majority = counts.index(max(counts))
    return sum(pair.entailment == majority for pair in pairs) / len(pairs)


def mean_label_error(pairs: Sequence[Pair], trained: Sequence[Pair]) -> float:
    """Return the mean squared error of always saying the mean relatedness of `trained`."""
    mean = sum(pair.relatedness for pair in trained) / len(trained)
    return sum((pair.relatedness - mean) ** 2 for pair in pairs) / len(pairs)
