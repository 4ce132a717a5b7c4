"""A temporary ML folder, and the real `train` over it."""

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

# Learns within a second; the records of `MLFolderBuilder.records` fit it.
TINY = {
    "enc0_vocab_size": "12",
    "enc0_max_seq_len": "3",
    "enc0_network": "pooled_embedding",
    "enc1_network": "enc0",
    "enc_dim": "4",
    "mlp_layers": "1",
    "mlp_dim": "4",
    "mini_batch_size": "8",
    "epochs": "2",
    "learning_rate": "0.01",
    "seed": "7",
}


@dataclass(frozen=True)
class Run:
    """How a run of `train` ended.

    Attributes:
        exit_code: Its exit code.
        log: What it wrote to stdout.
        errors: What it wrote to stderr.
        failure: What the failure file holds, None where there is none.
    """

    exit_code: int
    log: str
    errors: str
    failure: str | None


def train_command() -> list[str]:
    """The installed console script; the module where the project is on the path only."""
    script = Path(sys.executable).with_name("train")
    return (
        [str(script)] if script.exists() else [sys.executable, "-m", "object2vec_container.train"]
    )


class MLFolderBuilder:
    """Fills an ML folder as the platform does, and runs the program on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.model = root / "model"
        self.failure = root / "output" / "failure"
        (root / "input" / "config").mkdir(parents=True)
        (root / "input" / "data").mkdir()

    def hyperparameters(self, **changes: str) -> "MLFolderBuilder":
        """Write the tiny job's hyperparameters, with changes."""
        return self.config("hyperparameters", {**TINY, **changes})

    def config(self, name: str, content: object) -> "MLFolderBuilder":
        """Write a configuration file; text as it is, anything else as JSON."""
        text = content if isinstance(content, str) else json.dumps(content)
        (self.root / "input" / "config" / f"{name}.json").write_text(text)
        return self

    def channel(self, name: str, records: Iterable[object]) -> "MLFolderBuilder":
        """Write a channel's one file."""
        folder = self.root / "input" / "data" / name
        folder.mkdir(exist_ok=True)
        (folder / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in records))
        return self

    @staticmethod
    def records(count: int, label_step: float = 1) -> list[dict[str, object]]:
        """Records whose label says whether both sides' ids are odd or even together."""
        return [
            {
                "in0": [1 + number % 11],
                "in1": [1 + (number // 11) % 11, 1 + number % 5],
                "label": label_step * ((number + number // 11) % 2),
            }
            for number in range(count)
        ]

    def environment(self, **variables: str) -> dict[str, str]:
        """The variables of a run."""
        return {
            **os.environ,
            "OBJECT2VEC_ML_ROOT": str(self.root),
            "OMP_NUM_THREADS": "1",
            **variables,
        }

    def train(self, *arguments: str, variables: Mapping[str, str] | None = None) -> Run:
        """Run the real program."""
        done = subprocess.run(
            [*train_command(), *arguments],
            env=self.environment(**(variables or {})),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return self._run(done.returncode, done.stdout, done.stderr)

    def train_and_interrupt(self, line: str, *signals: signal.Signals) -> Run:
        """Run the real program and send it signals (SIGINT) once it has logged a line."""
        log = ""
        with subprocess.Popen(
            train_command(),
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            for piece in process.stdout:
                log += piece
                if line in piece:
                    for number in signals or (signal.SIGINT,):
                        process.send_signal(number)
                    break
            rest, errors = process.communicate(timeout=120)
        return self._run(process.returncode, log + rest, errors)

    def _run(self, exit_code: int, log: str, errors: str) -> Run:
        failure = self.failure.read_text() if self.failure.is_file() else None
        return Run(exit_code, log, errors, failure)

    def train_on_terminal(
        self, term: str = "xterm", columns: int = 120, **variables: str
    ) -> tuple[int, str]:
        """Run the real program on a terminal of its own; return its exit code and what it drew."""
        terminal, program_side = pty.openpty()
        fcntl.ioctl(program_side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        with subprocess.Popen(
            train_command(),
            env=self.environment(TERM=term, **variables),
            stdin=program_side,
            stdout=program_side,
            stderr=program_side,
        ) as process:
            os.close(program_side)
            drawn = b""
            while True:
                try:
                    piece = os.read(terminal, 65536)
                except OSError:  # how Linux says that the program has left the terminal
                    break
                drawn += piece
            os.close(terminal)
        return process.returncode, drawn.decode()


@pytest.fixture(scope="session")
def make_ml_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], MLFolderBuilder]:
    """A maker of empty ML folders, for fixtures that outlive a test."""
    return lambda: MLFolderBuilder(tmp_path_factory.mktemp("job") / "ml")


@pytest.fixture
def ml_folder(tmp_path: Path) -> MLFolderBuilder:
    """An empty ML folder."""
    return MLFolderBuilder(tmp_path / "ml")
