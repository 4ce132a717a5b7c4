"""The benchmark of training: its made workloads train, and a peer is measured in turn."""

import json
import sys
from pathlib import Path

import pytest
from tests.scripts import ROOT, load_script

from object2vec.data.records import read_channel
from object2vec.hyperparameters import Hyperparameters

training = load_script(ROOT / "benchmarks/training.py")
workloads = load_script(ROOT / "benchmarks/workloads.py")

NAMES = ["rating", "recommend", "document", "sentence_hcnn", "sentence_bilstm"]

PEER = """
import json, sys
assert sys.argv[1].endswith("hyperparameters.json") and sys.argv[2].endswith("train.jsonl")
print(json.dumps({"epoch": 0, "records_per_second": 100.0}))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workloads")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["workloads.py", str(folder), "--scale", "0.01"])
        assert workloads.main() == 0
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_made_records_are_read_by_the_configuration_beside_them(name: str, made: Path) -> None:
    strings = json.loads((made / name / "hyperparameters.json").read_text())
    chosen = Hyperparameters.from_strings(strings)
    records = read_channel(
        made / name / "train", "train", chosen, (None, None), lambda level, message: None
    )
    assert len(records) > 90
    if name.startswith("sentence"):
        # The lengths of the sentences that the configurations are known from.
        assert 11 < records.in0.lengths.mean() < 17
        assert 6 < records.in1.lengths.mean() < 11


def test_a_peer_is_measured_in_turn_and_the_table_compares(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = tmp_path / "peer.py"
    peer.write_text(PEER)
    command = ["--peer", f"{sys.executable} {peer}", "--runs", "2", "--only", "rating"]
    monkeypatch.setattr(sys, "argv", ["training.py", str(made), str(tmp_path), *command])
    assert training.main() == 0
    told = json.loads((tmp_path / "results.json").read_text())
    measured = told["workloads"]["rating"]
    assert measured["peers"] == [100.0, 100.0]
    assert len(measured["ours"]) == 2
    # 4 parts of 1,024 columns by 256 units, and the output layer.
    assert measured["multiply_adds"] == 4 * 1024 * 256 + 256
    assert 4 * 7 * (4096 * 256) / 64 < measured["moved_bytes"] < 4 * 7 * (4096 * 256 + 140 * 1024)
    ratio = sorted(measured["ours"])[0] / 2 + sorted(measured["ours"])[1] / 2
    assert (
        f"| rating | {ratio:,.0f} | 100 | {ratio / 100:.2f} |"
        in (tmp_path / "table.md").read_text()
    )
