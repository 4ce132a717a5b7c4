"""Feeds the targets one after another, and tells what came of it: `make fuzz`.

Inputs that reach new code are kept in build/fuzz/TARGET/corpus, findings beside them. With
`--keep` the fewest inputs that reach the same are written into tests/fuzz/corpus, which
`make test` replays.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FUZZ = Path(__file__).parent
REPOSITORY = FUZZ.parents[1]
sys.path.insert(0, str(REPOSITORY))

from tests.fuzz import inputs, targets  # noqa: E402

LONGEST_INPUT = 8192
LONGEST_KEPT = 3072
KEPT_FILES = 30
_STATISTICS = re.compile(r"cov: (\d+) ft: (\d+)")
_EXECUTIONS = re.compile(r"^#(\d+)|^stat::number_of_executed_units: *(\d+)", re.MULTILINE)
# What libFuzzer names the input that ended a run before its time.
_ENDINGS = ("crash-*", "timeout-*", "oom-*", "leak-*")


def run(name: str, seconds: int, build: Path) -> dict[str, int]:
    """Feed one target; return what was counted."""
    corpus, findings = build / name / "corpus", build / name / "findings"
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    kept = FUZZ / "corpus" / name
    libfuzzer = [
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST_INPUT}",
        f"-dict={FUZZ / 'words.dict'}",
        f"-artifact_prefix={findings}/",
        "-rss_limit_mb=6144",
        "-timeout=30",
        "-print_final_stats=1",
        str(corpus),
        *([str(kept)] if kept.is_dir() else []),
    ]
    log = build / name / "log"
    with log.open("w") as stream:
        subprocess.run(
            [sys.executable, FUZZ / "fuzz_one.py", name, build / name, *libfuzzer],
            cwd=REPOSITORY,
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
        )
    text = log.read_text(errors="replace")
    covered = _STATISTICS.findall(text)
    # The last number that was told: a run that was ended tells no sum.
    executions = [int(told or total) for told, total in _EXECUTIONS.findall(text)]
    found = [path for kind in ("*.txt", *_ENDINGS) for path in findings.glob(kind)]
    counted = findings / "counts.json"
    return {
        "executions": max(executions, default=0),
        "coverage": max((int(edges) for edges, _ in covered), default=0),
        "features": max((int(features) for _, features in covered), default=0),
        "findings": len(found),
        **(json.loads(counted.read_text()) if counted.exists() else {}),
    }


def keep(name: str, build: Path) -> None:
    """Write the inputs that matter into tests/fuzz/corpus, beside the findings kept there."""
    merged = build / name / "merged"
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir()
    subprocess.run(
        [
            *(sys.executable, FUZZ / "fuzz_one.py", name, build / name),
            *("-set_cover_merge=1", f"-max_len={LONGEST_KEPT}", merged, build / name / "corpus"),
        ],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    made = sorted(merged.iterdir())
    if not made:
        sys.exit(f"{name}: the inputs could not be merged; what was kept before stays")
    folder = FUZZ / "corpus" / name
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("kept-*"):
        old.unlink()
    for path in made[:KEPT_FILES]:
        shutil.copyfile(path, folder / f"kept-{path.name[:12]}")


def main() -> int:
    """Run what the command line says; return 1 where there was a finding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--targets", nargs="*", default=list(targets.TARGETS))
    parser.add_argument("--build", type=Path, default=REPOSITORY / "build" / "fuzz")
    parser.add_argument("--keep", action="store_true", help="write tests/fuzz/corpus")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="object2vec-", dir=inputs.memory_folder()) as scratch:
        os.environ[inputs.SCRATCH] = scratch
        return feed_all(given)


def feed_all(given: argparse.Namespace) -> int:
    """Feed the targets in turn; return 1 where there was a finding."""
    found = 0
    for name in given.targets:
        counts = run(name, given.seconds, given.build)
        told = ", ".join(f"{value:,} {what}" for what, value in counts.items())
        print(f"{name}: {told}", flush=True)
        found += counts["findings"]
        if given.keep:
            keep(name, given.build)
    if found:
        print(f"{found} findings: see {given.build}/*/findings")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
