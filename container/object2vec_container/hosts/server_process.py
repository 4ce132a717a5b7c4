"""What a child process of the parameter servers runs: it ends with its parent at the latest.

An argument `with-optimizer` says that workers send an optimizer.
"""

import os
import sys
import threading

from object2vec.training import parameter_server

WITH_OPTIMIZER = "with-optimizer"


def main() -> None:
    """Serve until the workers or the parent end."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    parameter_server.serve(WITH_OPTIMIZER in sys.argv)


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
