"""The benchmark of growth runs the real program, on records that are what it says."""

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from tests.scripts import ROOT, load_script


@pytest.fixture(scope="module")
def growth() -> ModuleType:
    return load_script(ROOT / "benchmarks/growth.py")


def test_made_records_have_ids_of_the_whole_vocabulary(growth: ModuleType, tmp_path: Path) -> None:
    growth.write_records(tmp_path / "part.jsonl", 2000, 120)
    lines = (tmp_path / "part.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert len(records) == 2000
    assert {len(line) for line in lines} == {len(lines[0])}
    assert {(len(record["in0"]), len(record["in1"])) for record in records} == {(2, 4)}
    assert {record["label"] for record in records} == {0, 1}
    ids = [token for record in records for token in (*record["in0"], *record["in1"])]
    assert set(ids) == set(range(1, 120))


def test_small_sizes_are_measured_and_told_in_tables(
    growth: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--records", "600", "--vocabularies", "50", "--vocabulary-records", "700"]
    options += ["--dimension", "8", "--data-memory", "0", "--limit", "4096"]
    monkeypatch.setattr(sys, "argv", ["growth.py", str(tmp_path), *options])
    assert growth.main() == 0
    told = json.loads((tmp_path / "results.json").read_text())
    assert [run["records"] for run in told["runs"]] == [600, 700]
    for run in told["runs"]:
        assert run["trained"] > 0
        assert 0 < run["own"] < run["rss"] < 1000
    assert told["runs"][1]["model"] == pytest.approx(3 * 50 * 8 * 4 / 2**20)
    rows = (tmp_path / "table.md").read_text().splitlines()
    assert [row.split(" | ")[0] for row in rows if row.startswith("| ")] == [
        "| records",
        "| 600",
        "| vocabulary",
        "| 50",
    ]
