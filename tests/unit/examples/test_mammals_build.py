"""The mammals example: what is read from WordNet, what is written, what is committed."""

import json
import random
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from object2vec.hyperparameters import Hyperparameters

# One kind in two lines, a root above it, and another root beside it. Offsets are only names here.
NOUN_FILE = """\
  1 This software and database is being provided to you, the LICENSEE, by
  2 Princeton University under the following license.
00000001 05 n 01 animal 0 001 ~ 00000002 n 0000 | a living thing
00000002 05 n 02 mammal 0 mammalian 0 003 @ 00000001 n 0000 ~ 00000003 n 0000 ~ 00000004 n 0000 |
00000003 05 n 01 placental 0 001 @ 00000002 n 0000 | mammals having a placenta | not a pointer
00000004 05 n 01 sea_bear 0 002 @ 00000003 n 0000 @ 00000002 n 0000 | two ways up
00000005 05 n 01 cub 0 002 @ 00000004 n 0000 @ 00000099 n 0000 | with a parent outside
00000006 05 n 01 cub 0 001 @ 00000003 n 0000 | another one
00000007 05 n 01 cub 0 001 @ 00000003 n 0000 | and one more
00000008 18 n 01 Lucy 0 001 @i 00000003 n 0000 | one single animal
00000099 05 n 01 young 0 001 @ 00000001 n 0000 | any immature animal
"""
COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: the owner
License: a licence
 Its first line.
 .
 Its last line.

Files: debian/*
Copyright: the packager
"""


@pytest.fixture
def wordnet(tmp_path: Path) -> Path:
    folder = tmp_path / "wordnet"
    folder.mkdir()
    (folder / "data.noun").write_text(NOUN_FILE)
    (folder / "copyright").write_text(COPYRIGHT)
    return folder


def read_pairs(path: Path) -> list[tuple[str, str, int]]:
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(*record["in0"], *record["in1"], record["label"]) for record in records]


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_words_are_counted_in_hexadecimal_and_pointers_in_decimal(build: ModuleType) -> None:
    words = " ".join(f"word_{number} 0" for number in range(0x11))
    pointers = " ".join(f"@ {number:08} n 0000" for number in range(10))
    synset = build.parse_synset(f"00000001 05 n 11 {words} 010 {pointers} | gloss")
    assert synset.words == tuple(f"word {number}" for number in range(17))
    assert synset.parents == tuple(f"{number:08}" for number in range(10))


def test_individuals_and_what_is_outside_are_left_out(build: ModuleType, wordnet: Path) -> None:
    synsets = build.descendants(build.read_synsets(wordnet / "data.noun"), "mammal")
    assert [synset.words[0] for synset in synsets.values()] == [
        "mammal",
        "placental",
        "sea bear",
        "cub",
        "cub",
        "cub",
    ]


def test_nouns_that_share_a_word_are_told_apart(build: ModuleType, wordnet: Path) -> None:
    synsets = build.descendants(build.read_synsets(wordnet / "data.noun"), "mammal")
    assert sorted(build.unique_names(synsets).values()) == [
        "cub (placental 1)",
        "cub (placental 2)",
        "cub (sea bear)",
        "mammal",
        "placental",
        "sea bear",
    ]


def test_ancestors_are_found_once_by_all_ways(build: ModuleType, wordnet: Path) -> None:
    synsets = build.descendants(build.read_synsets(wordnet / "data.noun"), "mammal")
    assert build.ancestors("00000005", synsets) == ["00000004", "00000003", "00000002"]


def test_made_negatives_are_false_distinct_and_repeatable(build: ModuleType) -> None:
    positives = [build.Pair("a", "x", 1), build.Pair("b", "y", 1)]
    known = {("a", "x"), ("a", "y"), ("b", "y")}
    pool = ["x", "y", "v", "w", "t", "u"]
    pairs = build.with_negatives(positives, known, pool, random.Random(1))
    assert pairs == build.with_negatives(positives, known, pool, random.Random(1))
    negatives = [(pair.noun, pair.ancestor) for pair in pairs if pair.label == 0]
    assert len(negatives) == len(set(negatives)) == 2 * build.NEGATIVES
    assert not known & set(negatives)


def test_a_noun_with_too_few_others_is_named(build: ModuleType) -> None:
    positives = [build.Pair("a", "x", 1)]
    with pytest.raises(build.BuildError, match="too few nouns are not an ancestor of 'a'"):
        build.with_negatives(positives, {("a", "x")}, ["x", "y", "y", "y", "y"], random.Random(1))


def test_a_whole_example_is_built_from_a_small_wordnet(
    build: ModuleType, wordnet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "HELD_OUT_PAIRS", 1)
    monkeypatch.setattr(build, "HELD_OUT_NOUNS", range(10))
    monkeypatch.setattr(build, "NEGATIVES", 0)
    counts = build.build(wordnet, wordnet / "copyright", tmp_path)
    assert counts == {"nouns": 6, "train": 8, "validation": 1, "test": 1}
    notice = (tmp_path / "LICENSE.wordnet").read_text()
    assert notice.endswith(
        "\n\nCopyright: the owner\nLicense: a licence\nIts first line.\n\nIts last line.\n"
    )
    assert "packager" not in notice


def test_a_missing_wordnet_says_what_to_install(
    build: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build.main(["--wordnet", str(tmp_path), "--output", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"{tmp_path}/data.noun is not there: install WordNet with `apt-get install wordnet-base`, "
        "or name its folder with --wordnet\n"
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("one two three\n", "line 1: not a line of data.noun"),
        ("00000001 05 n zz mammal 0 000 | x\n", "line 1: not a line of data.noun"),
        ("00000001 05 n 01 animal 0 000 | x\n", "no noun 'mammal'"),
    ],
)
def test_another_file_is_refused(
    build: ModuleType, tmp_path: Path, content: str, problem: str
) -> None:
    (tmp_path / "data.noun").write_text(content)
    with pytest.raises(build.BuildError, match=problem):
        build.build(tmp_path, tmp_path / "copyright", tmp_path)


def test_the_committed_example_is_what_the_script_builds(
    build: ModuleType, mammals: Path, tmp_path: Path
) -> None:
    if not (build.WORDNET_FOLDER / "data.noun").is_file():
        pytest.skip("WordNet is not installed (apt-get install wordnet-base)")
    build.build(build.WORDNET_FOLDER, build.NOTICE_FILE, tmp_path)
    assert files_below(tmp_path / "ml") == files_below(mammals / "ml")
    assert (tmp_path / "LICENSE.wordnet").read_bytes() == (mammals / "LICENSE.wordnet").read_bytes()


def test_the_committed_example_is_small(mammals: Path) -> None:
    assert sum(len(content) for content in files_below(mammals / "ml").values()) < 500 * 1024


def test_the_committed_channels_share_no_pair_and_hold_no_false_truth(
    build: ModuleType, mammals: Path
) -> None:
    data = mammals / "ml/input/data"
    channels = {
        name: read_pairs(data / name / f"{name}.jsonl") for name in ("train", "validation", "test")
    }
    assert all(label == 1 for _, _, label in channels["train"])
    true_pairs = [pair[:2] for pairs in channels.values() for pair in pairs if pair[2] == 1]
    assert len(true_pairs) == len(set(true_pairs))
    for name in ("validation", "test"):
        labels = Counter(label for _, _, label in channels[name])
        assert labels == {1: build.HELD_OUT_PAIRS, 0: build.HELD_OUT_PAIRS * build.NEGATIVES}
        assert not {pair[:2] for pair in channels[name] if pair[2] == 0} & set(true_pairs)


def test_the_committed_vocabulary_numbers_every_noun_from_one(mammals: Path) -> None:
    data = mammals / "ml/input/data"
    vocabulary = json.loads((data / "auxiliary/vocabulary.json").read_text(encoding="utf-8"))
    assert list(vocabulary.values()) == list(range(1, len(vocabulary) + 1))
    pairs = read_pairs(data / "train/train.jsonl")
    assert {noun for noun, _, _ in pairs} | {"mammal"} == set(vocabulary)
    assert {ancestor for _, ancestor, _ in pairs} <= set(vocabulary)
    text = (mammals / "ml/input/config/hyperparameters.json").read_text()
    assert json.loads(text)["enc0_vocab_size"] == str(len(vocabulary) + 1)


def test_the_committed_hyperparameters_are_accepted(build: ModuleType, mammals: Path) -> None:
    text = (mammals / "ml/input/config/hyperparameters.json").read_text()
    hyperparameters = Hyperparameters.from_strings(json.loads(text))
    assert hyperparameters.negative_sampling_rate == build.NEGATIVES
    assert not [note for note in hyperparameters.notes if note.level == "WARNING"]
