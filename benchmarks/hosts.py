"""Train one job on 1, 2, 4 hosts, all processes of this machine: how well, how fast.

    python3 examples/movielens/prepare.py ml-100k JOB --task rating
    .venv/bin/python benchmarks/hosts.py JOB OUT --hosts 1 2 4 --set epochs=9
    .venv/bin/python benchmarks/hosts.py JOB OUT --hosts      # table and picture anew from the logs

JOB is an ML folder with its channels, which every host gets whole. The runs come one after the
other, in OUT/1, OUT/2, ... with a folder and a log a host. OUT gets table.md and loss.svg. The
hosts share this machine's processors, so nothing here tells how fast several machines are.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_QUALITY = re.compile(
    r"#quality_metric: host=(\S+), epoch=(\d+), (train|validation) (\w+) <loss>=(\S+)"
)
_THROUGHPUT = re.compile(r"#throughput_metric: host=\S+, train throughput=(\S+) records/second")
_COLOURS = ("#1f5fa8", "#e0761f", "#3f9142", "#a8323a", "#7a4fa0")
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 760, 440, 60, 190, 45, 45


@dataclass(frozen=True)
class Run:
    """What the first host logged of a training; the others log the same figures.

    Attributes:
        hosts: How many they were.
        metric: What the losses are.
        train: Training loss by epoch.
        validation: Validation loss by epoch.
        speeds: Records of all hosts a second, by epoch.
    """

    hosts: int
    metric: str
    train: list[float]
    validation: list[float]
    speeds: list[float]

    @classmethod
    def read(cls, hosts: int, logs: Sequence[str]) -> "Run":
        """Read the hosts' logs.

        Raises:
            SystemExit: Hosts logged different figures.
        """
        told = [
            [found[1:] for found in _QUALITY.findall(log)] + _THROUGHPUT.findall(log)
            for log in logs
        ]
        if any(each != told[0] for each in told):
            sys.exit(f"The {hosts} hosts logged different figures")
        losses: dict[str, list[float]] = {"train": [], "validation": []}
        metrics = set()
        for _, _, segment, metric, value in _QUALITY.findall(logs[0]):
            metrics.add(metric)
            losses[segment].append(float(value))
        speeds = [float(speed) for speed in _THROUGHPUT.findall(logs[0])]
        return cls(hosts, metrics.pop(), losses["train"], losses["validation"], speeds)


def main() -> int:
    """Train on every number of hosts, and write the table and the picture of all runs in OUT."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("job", type=Path, metavar="JOB")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--hosts", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--seed", default="1")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="another hyperparameter"
    )
    options = parser.parse_args()
    changes = {"seed": options.seed} | dict(other.split("=", 1) for other in options.set)
    for count in options.hosts:
        train(options.job, options.out / str(count), count, changes)
    folders = sorted(options.out.glob("[0-9]*"), key=lambda folder: int(folder.name))
    runs = [
        Run.read(int(folder.name), [log.read_text() for log in sorted(folder.glob("*/log"))])
        for folder in folders
    ]
    (options.out / "table.md").write_text(table(runs))
    (options.out / "loss.svg").write_text(draw(runs))
    print(f"{_machine()}\n\n{table(runs)}", end="")
    return 0


def train(job: Path, folder: Path, count: int, changes: Mapping[str, str]) -> None:
    """Train on hosts 127.0.0.1, 127.0.0.2, ..., which all are this machine.

    Raises:
        SystemExit: A host failed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    names = [f"127.0.0.{number}" for number in range(1, count + 1)]
    published = json.loads((job / "input/config/hyperparameters.json").read_text())
    processes = []
    for name in names:
        root = folder / name
        config = root / "input/config"
        config.mkdir(parents=True)
        (root / "input/data").symlink_to((job / "input/data").resolve())
        (config / "hyperparameters.json").write_text(json.dumps(published | dict(changes)))
        told = {"current_host": name, "hosts": names}
        (config / "resourceconfig.json").write_text(json.dumps(told))
        with (root / "log").open("wb") as log:
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "object2vec_container.train"],
                    env={**os.environ, "OBJECT2VEC_ML_ROOT": str(root)},
                    stdout=log,
                    stderr=log,
                )
            )
    codes = [process.wait() for process in processes]
    if any(codes):
        sys.exit(f"{folder}: exit codes {codes}")


def table(runs: Sequence[Run]) -> str:
    """Return the runs in Markdown."""
    lines = [
        "| hosts | epochs | best epoch | best validation loss | train loss there | records/s |",
        "|---|---|---|---|---|---|",
    ]
    for run in runs:
        best = min(run.validation)
        epoch = run.validation.index(best)
        lines.append(
            f"| {run.hosts} | {len(run.validation)} | {epoch} | {best:.4f} "
            f"| {run.train[epoch]:.4f} | {max(run.speeds):,.0f} |"
        )
    return "\n".join(lines) + "\n"


def draw(runs: Sequence[Run]) -> str:
    """Return the losses by epoch as SVG: a colour a number of hosts, dashes for the train loss."""
    losses = [loss for run in runs for loss in (*run.train, *run.validation)]
    low, high = min(losses), max(losses)
    step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1) if (high - low) / step < 10)
    low, high = int(low / step) * step, (int(high / step) + 1) * step
    last = max(len(run.train) for run in runs) - 1
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def place(epoch: float, loss: float) -> tuple[float, float]:
        x = _LEFT + epoch / max(last, 1) * (right - _LEFT)
        return x, bottom - (loss - low) / (high - low) * (bottom - _TOP)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        f' width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="24" font-size="15">{runs[0].metric.replace("_", " ")}'
        " by epoch and number of hosts</text>",
    ]
    for number in range(round((high - low) / step) + 1):
        loss = low + number * step
        _, y = place(0, loss)
        lines += [
            f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="#dddddd"/>',
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{loss:.2f}</text>',
        ]
    for epoch in range(last + 1):
        x, _ = place(epoch, low)
        lines.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{epoch}</text>')
    lines.append(
        f'<text x="{(_LEFT + right) / 2}" y="{bottom + 36}" text-anchor="middle">epoch</text>'
    )
    row = 0
    for colour, run in zip(_COLOURS, runs, strict=False):
        name = "1 host" if run.hosts == 1 else f"{run.hosts} hosts"
        for segment, curve, dashes in (
            ("validation", run.validation, ""),
            ("train", run.train, ' stroke-dasharray="6 4"'),
        ):
            style = f'stroke="{colour}" stroke-width="2" fill="none"{dashes}'
            points = [place(epoch, loss) for epoch, loss in enumerate(curve)]
            path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
            lines.append(f'<path d="M{path}" {style}/>')
            lines += [
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points
            ]
            y = _TOP + 10 + 22 * row
            lines += [
                f'<path d="M{right + 20} {y}h30" {style}/>',
                f'<text x="{right + 58}" y="{y + 4}">{name}, {segment}</text>',
            ]
            row += 1
    return "\n".join([*lines, "</svg>", ""])


def _machine() -> str:
    text = Path("/proc/cpuinfo").read_text()
    names = re.findall(r"^model name\s*: (.*)$", text, re.MULTILINE)
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores of an {names[0] if names else 'unknown'}"


if __name__ == "__main__":
    sys.exit(main())
