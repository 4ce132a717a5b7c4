"""What a child process of the parameter servers runs: the engine, whose import serves to the end.

The variable DMLC_ROLE says whether as scheduler or server.
"""

import importlib
import os
import threading


def main() -> None:
    """Serve until the parent ends."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Does not return: with its role the engine serves inside its import, and then exits.
    importlib.import_module("object2vec.network.engine")


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
