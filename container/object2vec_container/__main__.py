"""What the image runs: `train`, `serve`, any other program, or by default what the folder asks for.

SageMaker starts its containers with `train` or `serve`; its SDK's local container mode gives no
command at all. So without one, a job's hyperparameters ask for a training, anything else is served.
The program takes this process's place, so signals reach it.
"""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from object2vec_container.ml_folder import MLFolder


def complete(arguments: Sequence[str]) -> list[str]:
    """Return the command that arguments ask for; without any, the one that suits the folder."""
    if arguments:
        return list(arguments)
    folder = MLFolder.from_variables(os.environ)
    return ["train" if folder.hyperparameters_file.exists() else "serve"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a program; returns only for `train` and for what cannot be run.

    Args:
        arguments: The command; None takes the process's own arguments.

    Returns:
        The exit code.
    """
    # The kernel keeps from a container's first process what it does not handle, and `train` and
    # `serve` handle SIGTERM only when they have loaded what they need.
    signal.signal(signal.SIGTERM, _end)
    command = complete(sys.argv[1:] if arguments is None else arguments)
    if command[0] == "train":
        from object2vec_container.train import main as train  # noqa: PLC0415 (only one is loaded)

        return train(command[1:])
    if command[0] == "serve":
        from object2vec_container.serving.serve import main as serve  # noqa: PLC0415

        return serve(command[1:])
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write(
            f"{command[0]}: {error.strerror}. The image runs train, serve, object2vec and what "
            "Debian has.\n"
        )
        return 127


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
