"""What both programs of this example train: MovieLens ratings in three channels, and how.

Without the real data it makes ratings up, in the data set's own form, so that all still runs.
"""

import argparse
import json
import random
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[1]
REPOSITORY = EXAMPLES.parent
# The SDK lives in an environment of its own, without this project; neither module needs another.
sys.path[:0] = [str(REPOSITORY / "src"), str(EXAMPLES / "movielens")]

from prepare import FILES, FILMS, RATINGS, USERS, prepare  # noqa: E402 (the path comes first)

from object2vec.metric_definitions import METRIC_DEFINITIONS  # noqa: E402

CHANNELS = ("train", "validation", "test")
CONTENT_TYPE = "application/jsonlines"
IMAGE = "object2vec:cpu"
MADE_UP = {"train": 6_000, "validation": 600}

# Local mode goes through the account's code with no account behind it: nothing is asked of anyone.
LOCAL_ROLE = "arn:aws:iam::000000000000:role/local"
SDK_CONFIGURATION = Path(__file__).with_name("sdk_configuration.yaml")
DEFAULT_OUTPUT = REPOSITORY / "build/sagemaker-example"


@dataclass(frozen=True, slots=True)
class Rating:
    """A record of a channel, as the endpoint takes it, and its label."""

    record: dict[str, Any]
    label: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what both programs can be told of the training."""
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="MovieLens 100k, unpacked (default: made up)"
    )
    parser.add_argument("--epochs", type=int, default=20, help="at most (default: 20)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="another hyperparameter"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=DEFAULT_OUTPUT,
        metavar="FOLDER",
        help=f"where everything goes (default: {DEFAULT_OUTPUT.relative_to(REPOSITORY)})",
    )


def make_up_ratings(folder: Path, seed: int = 1) -> None:
    """Write files like MovieLens' own, of users who give more or less and films that get it."""
    rng = random.Random(seed)
    mildness = {user: rng.gauss(0, 0.5) for user in USERS}
    quality = {film: rng.gauss(3.5, 0.8) for film in FILMS}
    folder.mkdir(parents=True, exist_ok=True)
    for channel, count in MADE_UP.items():
        with (folder / FILES[channel]).open("w", encoding="ascii") as file:
            for _ in range(count):
                user, film = rng.choice(USERS), rng.choice(FILMS)
                stars = round(mildness[user] + quality[film] + rng.gauss(0, 0.5))
                stars = min(max(stars, RATINGS[0]), RATINGS[-1])
                file.write(f"{user}\t{film}\t{stars}\t0\n")


def prepare_channels(data: Path | None, folder: Path) -> Path:
    """Write the channels train, validation and test, a folder each.

    The validation channel chooses the epoch, so a fair test needs other records: of the records
    that MovieLens keeps for both, every second one goes to each.

    Args:
        data: The unpacked MovieLens 100k data set; None makes ratings up.
        folder: Where to write.

    Returns:
        The folder of the channels' folders.

    Raises:
        prepare.PrepareError: `data` is not MovieLens 100k.
    """
    if data is None:
        data = folder / "made-up"
        make_up_ratings(data)
    prepare(data, folder, "rating", seed=1)
    channels = folder / "input/data"
    validation = channels / "validation/validation.jsonl"
    lines = validation.read_text().splitlines(keepends=True)
    validation.write_text("".join(lines[::2]))
    (channels / "test").mkdir(exist_ok=True)
    (channels / "test/test.jsonl").write_text("".join(lines[1::2]))
    return channels


def read_ratings(channels: Path, channel: str) -> list[Rating]:
    """Read a channel's records."""
    records = map(json.loads, (channels / channel / f"{channel}.jsonl").read_text().splitlines())
    return [
        Rating({name: ids for name, ids in record.items() if name != "label"}, record["label"])
        for record in records
    ]


def published_hyperparameters(epochs: int, others: Sequence[str]) -> dict[str, str]:
    """Return the original's published configuration with other values for some.

    Args:
        epochs: Most epochs.
        others: NAME=VALUE each.
    """
    file = EXAMPLES / "movielens/hyperparameters_rating.json"
    published: dict[str, str] = json.loads(file.read_text())
    return published | {"epochs": str(epochs)} | dict(other.split("=", 1) for other in others)


def metric_definitions() -> list[dict[str, str]]:
    """Return what the service is to look for in the log, in the form of its API."""
    return [{"Name": metric.name, "Regex": metric.regex} for metric in METRIC_DEFINITIONS]


def failure(output: Path) -> str:
    """Return why a job failed: local mode leaves the reason in the archive of the job's output."""
    with tarfile.open(output) as archive:
        file = archive.extractfile("failure")
        return "" if file is None else file.read().decode("utf-8")
