"""Build the mammals example from WordNet's noun file.

Every noun below WordNet's first sense of "mammal" is paired with each of its ancestors. The script
writes the ML folder beside it, as SageMaker lays one out, and WordNet's licence notice. It is
seeded: the same WordNet gives the same bytes. Only the standard library is used.

    sudo apt-get install wordnet-base
    python3 examples/mammals/build.py
"""

import argparse
import json
import random
import sys
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

WORDNET_FOLDER = Path("/usr/share/wordnet")
NOTICE_FILE = Path("/usr/share/doc/wordnet-base/copyright")
ROOT_WORD = "mammal"
SEED = 2006
HELD_OUT_PAIRS = 250  # in each of validation and test
HELD_OUT_NOUNS = range(10, 61)  # how many nouns must stand below the ancestor of such a pair
NEGATIVES = 4  # for each held out pair, and for each train pair in every epoch

HYPERPARAMETERS = {
    "enc0_network": "pooled_embedding",
    "enc1_network": "enc0",
    "enc0_max_seq_len": "1",
    "enc0_vocab_file": "vocabulary.json",
    "enc_dim": "64",
    "tied_token_embedding_weight": "true",
    "comparator_list": "hadamard, concat",
    "mlp_layers": "0",
    "output_layer": "softmax",
    "num_classes": "2",
    "negative_sampling_rate": str(NEGATIVES),
    "optimizer": "adam",
    "learning_rate": "0.01",
    "weight_decay": "0.0001",
    "mini_batch_size": "256",
    "epochs": "30",
    "early_stopping_patience": "3",
    "early_stopping_tolerance": "0.001",
    "seed": "3",
}

NOTICE_HEADING = """\
The nouns and their relations in ml/ are taken from WordNet 3.0, changed in form by build.py.
The notice of WordNet follows.

"""


class BuildError(Exception):
    """The noun file is missing or is not WordNet's."""


@dataclass(frozen=True, slots=True)
class Synset:
    """One meaning: the words for it, and what it is a kind of.

    Attributes:
        offset: The synset's byte offset in the noun file, its name inside WordNet.
        words: The words for it, blanks in place of underscores, the usual one first.
        parents: Offsets of its hypernyms.
    """

    offset: str
    words: tuple[str, ...]
    parents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """One line of a channel: is `ancestor` an ancestor of `noun`?"""

    noun: str
    ancestor: str
    label: int

    def to_json_line(self) -> str:
        """Return the record in the algorithm's own layout, with its newline."""
        record = {"label": self.label, "in0": [self.noun], "in1": [self.ancestor]}
        return json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"


def parse_synset(line: str) -> Synset:
    """Parse one line of WordNet's `data.noun` (its manual page is `wndb(5WN)`).

    The fields are separated by single blanks::

        offset lex_filenum ss_type w_cnt word lex_id [word lex_id ...]
        p_cnt [symbol offset pos source/target ...] | gloss

    `w_cnt` counts the words in hexadecimal, `p_cnt` the pointers in decimal. The pointer `@` leads
    to a hypernym, of which this is a kind; `@i`, from a single individual, is not followed.
    """
    fields = line.partition(" | ")[0].split()
    word_count = int(fields[3], 16)
    words = tuple(word.replace("_", " ") for word in fields[4 : 4 + 2 * word_count : 2])
    first_pointer = 4 + 2 * word_count + 1
    pointer_fields = fields[first_pointer : first_pointer + 4 * int(fields[first_pointer - 1])]
    parents = tuple(
        offset
        for symbol, offset in zip(pointer_fields[::4], pointer_fields[1::4], strict=True)
        if symbol == "@"
    )
    return Synset(fields[0], words, parents)


def read_synsets(noun_file: Path) -> dict[str, Synset]:
    """Read the noun file; its licence stands in front, on lines that begin with two blanks."""
    if not noun_file.is_file():
        raise BuildError(
            f"{noun_file} is not there: install WordNet with `apt-get install wordnet-base`, "
            "or name its folder with --wordnet"
        )
    synsets = {}
    with noun_file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.startswith("  "):
                continue
            try:
                synset = parse_synset(line)
            except (ValueError, IndexError) as err:
                raise BuildError(f"{noun_file}, line {number}: not a line of data.noun") from err
            synsets[synset.offset] = synset
    return synsets


def descendants(synsets: Mapping[str, Synset], root_word: str) -> dict[str, Synset]:
    """Return the first synset whose first word is `root_word` and all below it, breadth first."""
    children: dict[str, list[str]] = {offset: [] for offset in synsets}
    for synset in synsets.values():
        for parent in synset.parents:
            children[parent].append(synset.offset)
    root = next((synset for synset in synsets.values() if synset.words[0] == root_word), None)
    if root is None:
        raise BuildError(f"no noun {root_word!r} in the noun file")
    found = {root.offset: root}
    queue = deque([root.offset])
    while queue:
        for child in children[queue.popleft()]:
            if child not in found:
                found[child] = synsets[child]
                queue.append(child)
    return found


def unique_names(synsets: Mapping[str, Synset]) -> dict[str, str]:
    """Name every synset by its first word.

    Synsets that share it get their parent's first word in brackets, "pony (racehorse)", and where
    that does not tell them apart a number, "fur seal (eared seal 2)".
    """
    uses = Counter(synset.words[0] for synset in synsets.values())
    names = {}
    for offset, synset in synsets.items():
        name = synset.words[0]
        if uses[name] > 1:
            parent = next(parent for parent in (*synset.parents, offset) if parent in synsets)
            name = f"{name} ({synsets[parent].words[0]})"
        names[offset] = name
    uses = Counter(names.values())
    numbers: Counter[str] = Counter()
    for offset, name in names.items():
        if uses[name] > 1:
            numbers[name] += 1
            names[offset] = f"{name[:-1]} {numbers[name]})"
    return names


def ancestors(offset: str, synsets: Mapping[str, Synset]) -> list[str]:
    """Return the offsets above `offset`, nearest first, up to the root of `synsets`."""
    found: dict[str, None] = {}
    queue = deque([offset])
    while queue:
        for parent in synsets[queue.popleft()].parents:
            if parent in synsets and parent not in found:
                found[parent] = None
                queue.append(parent)
    return list(found)


def with_negatives(
    positives: Iterable[Pair], known: set[tuple[str, str]], pool: list[str], rng: random.Random
) -> list[Pair]:
    """Follow each pair by `NEGATIVES` false ones of the same noun, as training draws its own.

    Args:
        positives: The true pairs.
        known: Every true pair, so that no false pair is true.
        pool: The ancestors of all true pairs: an ancestor of many is drawn often.
        rng: Where the draws come from.
    """
    pairs = []
    for positive in positives:
        false = [ancestor for ancestor in pool if (positive.noun, ancestor) not in known]
        if len(set(false)) < NEGATIVES:
            raise BuildError(f"too few nouns are not an ancestor of {positive.noun!r}")
        drawn: set[str] = set()
        while len(drawn) < NEGATIVES:
            drawn.add(rng.choice(false))
        pairs.append(positive)
        pairs += [Pair(positive.noun, ancestor, 0) for ancestor in sorted(drawn)]
    rng.shuffle(pairs)
    return pairs


def split_pairs(synsets: Mapping[str, Synset], names: Mapping[str, str]) -> dict[str, list[Pair]]:
    """Return the lines of the three channels.

    Held out are some pairs that follow from others: never a direct parent, so that every noun keeps
    its place, and only ancestors of a middling number of nouns, such as "feline" or "antelope".
    Training cannot know that a held out pair is true, and may draw it as a negative: it would draw
    "placental", the ancestor of nearly all, for every noun again and again.
    """
    rng = random.Random(SEED)
    above = {offset: ancestors(offset, synsets) for offset in synsets}
    nouns_below = Counter(ancestor for found in above.values() for ancestor in found)
    every_pair = []
    can_be_held_out = []
    for offset, synset in synsets.items():
        for ancestor in above[offset]:
            pair = Pair(names[offset], names[ancestor], 1)
            every_pair.append(pair)
            if ancestor not in synset.parents and nouns_below[ancestor] in HELD_OUT_NOUNS:
                can_be_held_out.append(pair)
    known = {(pair.noun, pair.ancestor) for pair in every_pair}
    pool = [pair.ancestor for pair in every_pair]
    held_out = rng.sample(can_be_held_out, 2 * HELD_OUT_PAIRS)
    left = set(held_out)
    train = [pair for pair in every_pair if pair not in left]
    rng.shuffle(train)
    return {
        "train": train,
        "validation": with_negatives(held_out[:HELD_OUT_PAIRS], known, pool, rng),
        "test": with_negatives(held_out[HELD_OUT_PAIRS:], known, pool, rng),
    }


def hyperparameters(noun_count: int) -> dict[str, str]:
    """Return the strings that SageMaker would send; id 0 stays free for padding."""
    return {"enc0_vocab_size": str(noun_count + 1), **HYPERPARAMETERS}


def input_data_config() -> dict[str, dict[str, str]]:
    """Return SageMaker's description of the channels."""
    common = {
        "TrainingInputMode": "File",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
    }
    channels = {
        name: {"ContentType": "application/jsonlines", **common}
        for name in ("train", "validation", "test")
    }
    return {**channels, "auxiliary": {"ContentType": "application/json", **common}}


def resource_config() -> dict[str, object]:
    """Return SageMaker's description of the one host."""
    return {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "eth0"}


def write_json(path: Path, value: object) -> None:
    """Write `value` indented, for people."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, ensure_ascii=False, indent=2)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def licence_notice(copyright_text: str) -> str:
    """Return WordNet's own notice from Debian's copyright file, and what it is the notice of."""
    notice = "Copyright:" + copyright_text.partition("\nCopyright:")[2]
    notice = notice.partition("\n\nFiles:")[0].rstrip()
    lines = [line.removeprefix(" ") for line in notice.splitlines()]
    return NOTICE_HEADING + "".join("\n" if line == "." else line + "\n" for line in lines)


def build(wordnet_folder: Path, notice_file: Path, output: Path) -> dict[str, int]:
    """Write the example's data below `output`.

    Returns:
        How many nouns there are, and how many lines each channel has.

    Raises:
        BuildError: WordNet is not there or cannot be read.
    """
    synsets = descendants(read_synsets(wordnet_folder / "data.noun"), ROOT_WORD)
    names = unique_names(synsets)
    channels = split_pairs(synsets, names)
    config, data = output / "ml/input/config", output / "ml/input/data"
    write_json(config / "hyperparameters.json", hyperparameters(len(synsets)))
    write_json(config / "inputdataconfig.json", input_data_config())
    write_json(config / "resourceconfig.json", resource_config())
    vocabulary = {name: number for number, name in enumerate(names.values(), start=1)}
    write_json(data / "auxiliary/vocabulary.json", vocabulary)
    for channel, pairs in channels.items():
        path = data / channel / f"{channel}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(pair.to_json_line() for pair in pairs)
        path.write_text(text, encoding="utf-8", newline="\n")
    if not notice_file.is_file():
        raise BuildError(f"{notice_file} is not there: WordNet's data must carry its notice")
    notice = licence_notice(notice_file.read_text(encoding="utf-8"))
    (output / "LICENSE.wordnet").write_text(notice, encoding="utf-8", newline="\n")
    return {"nouns": len(names), **{name: len(pairs) for name, pairs in channels.items()}}


def main(arguments: list[str] | None = None) -> int:
    """Build the example and say what came out."""
    parser = argparse.ArgumentParser(description="Build the mammals example from WordNet.")
    parser.add_argument("--wordnet", type=Path, default=WORDNET_FOLDER, help="WordNet's folder")
    parser.add_argument("--notice", type=Path, default=NOTICE_FILE, help="WordNet's licence file")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    options = parser.parse_args(arguments)
    try:
        counts = build(options.wordnet, options.notice, options.output)
    except BuildError as err:
        print(err, file=sys.stderr)
        return 2
    print(f"{options.output}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
