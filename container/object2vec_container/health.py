"""The image's health check: asks /ping where the container serves; all else is well."""

import http.client
import os
import sys
from pathlib import Path

from object2vec_container.__main__ import complete

_MODULE = "object2vec_container"


def main(command_file: Path = Path("/proc/1/cmdline")) -> int:
    """Return 0 when the server answers 200, or when the container does something else.

    Args:
        command_file: Where the command of the container's first process stands.
    """
    command = command_file.read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    place = command.index(_MODULE) if _MODULE in command else len(command) - 1
    if complete(command[place + 1 :])[0] != "serve":
        return 0
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT") or 8080)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/ping")
        return int(connection.getresponse().status != http.client.OK)
    except OSError:
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
