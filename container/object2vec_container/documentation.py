"""Writes the references of the container: the server's interface, all environment variables.

`python -m object2vec_container.documentation [FOLDER]` writes openapi.json and
environment_variables.md into FOLDER (default: docs). A test fails when they are stale.
"""

import json
import sys
from collections.abc import Sequence

from object2vec.data.array_space import SPACE_VARIABLES, SpaceVariable
from object2vec.data.pipes import PIPE_VARIABLES
from object2vec.documentation import write_files
from object2vec_container.checkpoint_settings import CHECKPOINT_VARIABLES
from object2vec_container.hosts.settings import HOST_SETTINGS
from object2vec_container.serving.openapi import document
from object2vec_container.serving.settings_table import SETTINGS, Setting

INTRODUCTION = """\
# Environment variables

Made by `make docs` from the tables in `container/object2vec_container/serving/settings_table.py`,
`src/object2vec/data/array_space.py`, `src/object2vec/data/pipes.py`,
`container/object2vec_container/checkpoint_settings.py` and
`container/object2vec_container/hosts/settings.py`; do not edit. `serve` reads those of the first
table; `train` reads `OBJECT2VEC_ML_ROOT`, those of the second and, with several hosts, those of the
third.

Every fault is reported at once, before anything else is done, as a ClientError with the name, the
value given and what is allowed. An empty value counts as none. Blanks around a value are dropped,
and words are read in any case. An unknown name that begins with `OBJECT2VEC_` is ignored, and the
log names it with the nearest known one.

Under "other names" stand those that other containers use for the same; where several are set, the
name in the first column wins, then the others in their order.
"""

RECIPES = """\
## Recipes

What a request may weigh and how long it may take is limited by the platform's side too; these
values put the server's limits where the platform has its own.

### Real-time endpoint

Nothing need be set: 6 MiB and 60 seconds are the defaults, and the platform's limits.

### Asynchronous inference

Bodies of up to 1 GB, and up to one hour for each:

```
SAGEMAKER_MAX_PAYLOAD_IN_MB=1024
SAGEMAKER_MODEL_SERVER_TIMEOUT=3600
```

### Serverless inference

One worker starts soonest and takes the least memory; payloads are 4 MiB at most:

```
SAGEMAKER_MODEL_SERVER_WORKERS=1
SAGEMAKER_MAX_PAYLOAD_IN_MB=4
```

### Batch transform

The platform sets `SAGEMAKER_BATCH=true` and asks `/execution-parameters`; payloads may then have
100 MiB and requests take an hour. These values let it send large batches of lines, two at a time:

```
SAGEMAKER_BATCH_STRATEGY=MULTI_RECORD
SAGEMAKER_MAX_PAYLOAD_IN_MB=50
SAGEMAKER_MAX_CONCURRENT_TRANSFORMS=2
SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT=application/jsonlines
```

### Multi-model endpoint

The platform sets `SAGEMAKER_MULTI_MODEL=true` and loads models as they are asked for; it unloads
one when the next is answered 507. The memory for all of them can be set:

```
SAGEMAKER_MULTI_MODEL=true
OBJECT2VEC_MODEL_MEMORY_MB=8192
```
"""


def environment_variables_markdown() -> str:
    """Return the text of environment_variables.md."""
    return "\n".join(
        (
            INTRODUCTION,
            _table("Of `serve`", SETTINGS),
            _table(
                "Of `train`, for its records",
                (*SPACE_VARIABLES, *PIPE_VARIABLES, *CHECKPOINT_VARIABLES),
            ),
            _table("Of `train`, with several hosts", HOST_SETTINGS),
            RECIPES,
        )
    )


def _table(title: str, settings: Sequence[Setting | SpaceVariable]) -> str:
    rows = "\n".join(_row(setting) for setting in settings)
    return (
        f"## {title}\n\n"
        "| name | other names | allowed | default | what it does |\n"
        f"|---|---|---|---|---|\n{rows}\n"
    )


def _row(setting: Setting | SpaceVariable) -> str:
    names = setting.other_names if isinstance(setting, Setting) else ()
    others = ", ".join(f"`{name}`" for name in names) or "-"
    return (
        f"| `{setting.name}` | {others} | {setting.allowed} | {setting.default} | {setting.text} |"
    )


def generated_files() -> dict[str, str]:
    """Return the text of every generated file by its name."""
    return {
        "openapi.json": json.dumps(document(), indent=2) + "\n",
        "environment_variables.md": environment_variables_markdown(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the generated files into the folder that the first argument names."""
    return write_files(generated_files(), sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    sys.exit(main())
