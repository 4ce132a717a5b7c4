"""The hyperparameter file that `train` reads too, as the strings that the API takes."""

import json
from pathlib import Path

from object2vec.errors import ClientError, PlatformError, shorten


def read_hyperparameter_strings(path: Path) -> dict[str, str]:
    """Read a JSON object of names and values.

    Args:
        path: The file.

    Returns:
        Name to string; numbers and booleans of a file written by hand become the strings that
        `train` reads the same. They are not checked here.

    Raises:
        ClientError: There is no such file, or it holds something else.
        PlatformError: It cannot be read.
    """
    try:
        values = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ClientError(
            f"--hyperparameters {path}: there is no such file. It is a JSON object of names and "
            'values, such as {"enc0_vocab_size": "50"}; docs/hyperparameters.md lists them.'
        ) from error
    except OSError as error:
        raise PlatformError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise ClientError(f"{path} is not JSON in UTF-8: {error}.") from error
    if not isinstance(values, dict):
        raise ClientError(f"{path} must hold a JSON object of names and values: {shorten(values)}.")
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
    }
