"""Turn the MovieLens 100k folder into an ML folder for one of the original's two published jobs.

rating: predict a user's rating of a film (regression). recommend: predict whether it is above 3
(classification). `ua.base` becomes the channel train, `ua.test` validation, both shuffled.

    python3 examples/movielens/prepare.py ml-100k build/rating --task rating
    OBJECT2VEC_ML_ROOT=build/rating .venv/bin/train
"""

import argparse
import json
import random
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

EXAMPLE = Path(__file__).parent
TASKS = ("rating", "recommend")
FILES = {"train": "ua.base", "validation": "ua.test"}
SOURCE = "https://grouplens.org/datasets/movielens/100k/"
USERS, FILMS, RATINGS = range(1, 944), range(1, 1683), range(1, 6)
LIKED = 3  # A rating above it is a recommendation.


class PrepareError(Exception):
    """The folder is not MovieLens 100k, or nothing can be written; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Rating:
    """What one user gave one film, 1..5 stars; the ids are the data set's own, from 1."""

    user: int
    film: int
    stars: int

    def to_json_line(self, task: str) -> str:
        """Return the record of `task`, with its newline."""
        label = self.stars if task == "rating" else int(self.stars > LIKED)
        return json.dumps({"in0": [self.user], "in1": [self.film], "label": label}) + "\n"


def read_ratings(path: Path) -> list[Rating]:
    """Read a file of lines `user<TAB>film<TAB>stars<TAB>time`.

    Raises:
        PrepareError: The file is missing or a line is another.
    """
    if not path.is_file():
        raise PrepareError(
            f"{path} is not there. FOLDER must be the unpacked MovieLens 100k data set, with "
            f"{' and '.join(FILES.values())}: {SOURCE}"
        )
    ratings = []
    with path.open(encoding="ascii", errors="backslashreplace") as lines:
        for number, line in enumerate(lines, start=1):
            rating = parse_rating(line)
            if rating is None:
                raise PrepareError(
                    f"{path}, line {number}: {line.rstrip()[:60]!r} is not a user 1..{USERS[-1]}, "
                    f"a film 1..{FILMS[-1]}, a rating 1..{RATINGS[-1]} and a time, with tabs "
                    f"between. Is it MovieLens 100k ({SOURCE})?"
                )
            ratings.append(rating)
    if not ratings:
        raise PrepareError(f"{path} is empty")
    return ratings


def parse_rating(line: str) -> Rating | None:
    """Return the rating on a line, None where it holds none."""
    try:
        user, film, stars, _ = (int(field) for field in line.split("\t"))
    except ValueError:
        return None
    if user in USERS and film in FILMS and stars in RATINGS:
        return Rating(user, film, stars)
    return None


def prepare(folder: Path, output: Path, task: str, seed: int) -> dict[str, int]:
    """Write the channels and the hyperparameters of `task` below `output`.

    Returns:
        How many records each channel has.

    Raises:
        PrepareError: The folder is not MovieLens 100k, or `output` cannot be written.
    """
    channels = {name: read_ratings(folder / file) for name, file in FILES.items()}
    rng = random.Random(seed)
    try:
        for name, ratings in channels.items():
            # The files are sorted by user; in that order a batch would know a user or two.
            rng.shuffle(ratings)
            path = output / "input/data" / name / f"{name}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(rating.to_json_line(task) for rating in ratings))
        config = output / "input/config"
        config.mkdir(parents=True, exist_ok=True)
        source = EXAMPLE / f"hyperparameters_{task}.json"
        shutil.copyfile(source, config / "hyperparameters.json")
    except OSError as err:
        raise PrepareError(f"{output} cannot be written: {err}") from err
    return {name: len(ratings) for name, ratings in channels.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare the folder and say what came out; return the exit code."""
    parser = argparse.ArgumentParser(description="Turn MovieLens 100k into an ML folder.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the unpacked data set")
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="the ML folder to write")
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--seed", type=int, default=1, help="of the shuffle (default: 1)")
    options = parser.parse_args(arguments)
    try:
        counts = prepare(options.folder, options.output, options.task, options.seed)
    except PrepareError as error:
        print(error, file=sys.stderr)
        return 2
    print(", ".join(f"{name}: {count:,} records" for name, count in counts.items()))
    print(f"now: OBJECT2VEC_ML_ROOT={options.output} .venv/bin/train")
    return 0


if __name__ == "__main__":
    sys.exit(main())
