"""`make demo`'s script: its figures, its neighbours, and that they make sense."""

import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

# The family that most neighbours of a noun must be of, and nine tenths of all neighbours.
FAMILIES = {
    "wolf": "canine",
    "lion": "feline",
    "horse": "odd-toed ungulate",
    "dolphin": "cetacean",
    "bat": "bat",
    "chimpanzee": "primate",
    "kangaroo": "metatherian",
    "otter": "musteline mammal",
}


def quality_lines(epoch: int) -> list[str]:
    figures = [("train", 0.5, 0.75), ("validation", 0.25, 0.9)]
    return [
        f"[x] #quality_metric: host=algo-1, epoch={epoch}, {channel} {text}"
        for channel, loss, accuracy in figures
        for text in (f"cross_entropy <loss>={loss}", f"accuracy <score>={accuracy}")
    ]


def test_every_epoch_gets_one_row(demo: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    table = demo.MetricTable()
    # The log repeats the lines of the last epoch.
    for line in [*quality_lines(0), "another line", *quality_lines(1), *quality_lines(1)]:
        table.read(line)
    table.read("[x] #quality_metric: host=algo-1, test accuracy <score>=0.875")
    table.print_heading()
    assert capsys.readouterr().out == (
        "      0  0.500    75.0%    0.250    90.0%\n"
        "      1  0.500    75.0%    0.250    90.0%\n"
        "              train            validation\n"
        "  epoch   loss  accuracy     loss  accuracy\n"
    )
    assert table.test == {"accuracy": 0.875}


def test_the_nearest_are_those_of_the_same_direction(demo: ModuleType) -> None:
    embeddings = np.array([[1, 0], [9, 0], [0, 2], [1, 1]], dtype=np.float32)
    found = demo.nearest("a", ["a", "b", "c", "d"], embeddings, 2)
    assert [near.noun for near in found] == ["b", "d"]
    assert [near.cosine for near in found] == pytest.approx([1.0, 0.5**0.5])


def test_an_unknown_noun_is_named_before_anything_runs(
    demo: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.main(["lyon", "--folder", str(tmp_path / "demo")]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == "'lyon' is not a noun of the example; near it: lynx, lion, tiglon\n"


def test_a_failed_training_shows_its_own_reason(demo: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(demo.DemoError, match=r"code 2: ClientError: There are no hyperparameters"):
        demo.run_train(tmp_path)


def test_the_demo_learns_and_its_neighbours_make_sense(mammals: Path, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    done = subprocess.run(
        [sys.executable, str(mammals / "demo.py"), *FAMILIES, "--folder", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    accuracy = re.search(r"judges ([\d.]+)% rightly", done.stdout)
    assert accuracy is not None
    assert float(accuracy[1]) >= 92.0

    below: dict[str, set[str]] = {family: {family} for family in FAMILIES.values()}
    for file in (folder / "input/data").glob("*/*.jsonl"):
        for line in file.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            if record["label"] == 1 and record["in1"][0] in below:
                below[record["in1"][0]].add(record["in0"][0])
    rows = done.stdout.partition("cosine of their embeddings:\n")[2].splitlines()[: len(FAMILIES)]
    strangers = 0
    for (noun, family), row in zip(FAMILIES.items(), rows, strict=True):
        assert row.split()[0] == noun
        names = re.sub(r" -?\d\.\d\d(?=,|$)", "", row.strip().removeprefix(noun).strip())
        found = set(names.split(", "))
        assert len(found) == 5
        assert len(found & below[family]) >= 3, row
        strangers += len(found - below[family])
    assert strangers <= len(FAMILIES) * 5 // 10, done.stdout
