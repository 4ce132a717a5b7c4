"""What README and the guides tell is true: commands run, links lead somewhere, packages agree."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.contract.serving.server import free_port

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
DOCUMENTS = sorted(
    path for pattern in ("*.md", "docs/*.md", "examples/*/*.md") for path in ROOT.glob(pattern)
)


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def block_with(words: str) -> str:
    (found,) = (block for block in blocks(README, "sh") if words in block)
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(document: Path) -> None:
    text = document.read_text("utf-8")
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)|!\[[^]]*\]\(([^)]+)\)", text)
    for target in (first or second for first, second in targets):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    commands = re.findall(r"^make (\w+)", block_with("make demo"), re.MULTILINE)
    assert commands == ["demo", "test"]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for command in commands:
        assert re.search(rf"^{command}:", makefile, re.MULTILINE)


def test_the_packages_are_those_that_ci_and_the_bare_debian_install() -> None:
    packages = block_with("apt-get install").split("apt-get install", 1)[1].split()
    for file in (".ci/run", "tests/bare_debian/run"):
        assert " ".join(packages) in (ROOT / file).read_text("utf-8")


def test_the_job_of_the_readme_trains_and_its_model_is_inspected(tmp_path: Path) -> None:
    script = block_with("OBJECT2VEC_ML_ROOT=/tmp/my-job")
    script = script.replace("/tmp/my-job", str(tmp_path / "my-job"))
    script = script.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    done = subprocess.run(
        ["sh", "-eu", "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "#quality_metric: host=algo-1, epoch=2, train cross_entropy <loss>=" in done.stdout
    assert f"Object2Vec model in {tmp_path}/my-job/model" in done.stdout


def test_the_job_of_the_readme_is_served_and_answers_what_the_readme_shows(tmp_path: Path) -> None:
    port = str(free_port())
    script = block_with("OBJECT2VEC_ML_ROOT=/tmp/my-job") + block_with(".venv/bin/serve")
    script = script.replace("/tmp/my-job", str(tmp_path / "my-job")).replace("8080", port)
    script = script.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    done = subprocess.run(
        ["sh", "-eu", "-c", script + "wait $!"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "SAGEMAKER_BIND_TO_PORT": port, "OBJECT2VEC_HOST": "127.0.0.1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown, found = (
        [json.loads(line)["scores"] for line in text.splitlines() if line.startswith('{"scores"')]
        for text in (next(text for text in blocks(README, "text") if "scores" in text), done.stdout)
    )
    np.testing.assert_allclose(found, shown, atol=1e-6)


def test_the_model_folders_guide_reads_a_model_without_this_project(tmp_path: Path) -> None:
    environment = {**os.environ, "OBJECT2VEC_ML_ROOT": str(tmp_path)}
    (tmp_path / "input/config").mkdir(parents=True)
    (tmp_path / "input/data/train").mkdir(parents=True)
    settings = {"enc0_max_seq_len": 1, "enc0_vocab_size": 3, "enc_dim": 4, "epochs": 1}
    text = json.dumps({**settings, "enc0_network": "pooled_embedding"})
    (tmp_path / "input/config/hyperparameters.json").write_text(text)
    (tmp_path / "input/data/train/a.jsonl").write_text('{"label":1,"in0":[1],"in1":[2]}\n')
    train = Path(sys.executable).with_name("train")
    subprocess.run([str(train)], env=environment, check=True, capture_output=True)
    guide = (ROOT / "docs/model_folder.md").read_text("utf-8")
    (program,) = blocks(guide, "python")
    program = program.replace("/opt/ml/model", str(tmp_path / "model"))
    done = subprocess.run(
        [sys.executable, "-I", "-c", program + "print(table.shape, table.dtype)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == f"(3, 4) {np.dtype('float32')}"


def test_every_dependency_is_named_with_its_reason() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    (listed,) = re.findall(r"^dependencies = \[\n(.*?)^\]", project, re.DOTALL | re.MULTILINE)
    for name in re.findall(r'"([a-z0-9-]+)[=>]', listed):
        assert re.search(rf"^\| {name}( \S+)? \| .{{20,}} \|$", README, re.MULTILINE), name
