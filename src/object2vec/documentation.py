"""Writes the reference that is made from the table of hyperparameters.

`python -m object2vec.documentation [FOLDER]` writes hyperparameters.md, tuning_ranges.json and
algorithm_specification.json into FOLDER (default: docs). A test fails when they are stale.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from object2vec.algorithm_specification import create_algorithm_request, tuning_ranges
from object2vec.hyperparameter_table import HYPERPARAMETERS, Group, Hyperparameter
from object2vec.metric_definitions import METRIC_DEFINITIONS
from object2vec.value_kinds import Choice, ItemList

GROUP_TITLES: dict[Group, str] = {
    "enc0": "Encoder enc0",
    "enc1": "Encoder enc1",
    "comparator": "Comparison, network and output",
    "training": "Training",
    "data": "Data",
    "additional": "Not in the original",
    "internal": "Internal",
}

GROUP_NOTES: dict[Group, str] = {
    "enc1": (
        "With `enc1_network` `enc0` (the default) encoder enc1 takes every value of enc0; an "
        "`enc1_*` value that differs is ignored, and the log warns of it. The weights are its own."
    ),
    "internal": (
        "The original's undocumented names. They are read and checked, so that configurations "
        "written for the original run unchanged."
    ),
}

INTRODUCTION = """\
# Hyperparameters

Made by `make docs` from the table in `src/object2vec/hyperparameter_table.py`; do not edit.
`algorithm_specification.json` (the body of a CreateAlgorithm call) and `tuning_ranges.json` (the
ParameterRanges of a tuning job) are made from the same table.

Every fault in a job's hyperparameters is reported at once, as a ClientError with the name, what is
allowed and the value given. An unknown name is refused with the nearest known one.
"""

CLOSING = """\
## How values are read

- A job sends strings; a file written by hand may hold JSON numbers, booleans and lists as well.
- Blanks around a value are dropped, and JSON quotes around it (`"\\"adam\\""`) up to three times.
- Whole numbers: `5`, `+5`, and whole decimals (`32.0`, `1e3`); `32.5` is refused.
- Numbers: with or without an exponent; `nan` and `inf` are refused.
- Booleans: `true` and `false` in any case; `1`, `0`, `yes` and `no` are refused.
- The words `auto`, `none` and `random`: in any case. All other words are spelt exactly as here.
- `comparator_list`: parted by commas, with or without blanks, or a JSON list; each item once.
- File names: letters, digits, `.`, `_` and `-`, in the auxiliary channel itself; an empty string is
  no file.
- Names that begin with `sagemaker_` or with an underscore and are not in the tables below are the
  platform's: they are ignored, and the log names them.

## Rules that join several values

| where | rule |
|---|---|
| `enc1_network` is not `enc0` | `enc1_max_seq_len` and `enc1_vocab_size` are required |
| `pooled_embedding` | the token vectors are enc_dim wide: another `token_embedding_dim` is \
overridden, with a log line; one above 1000 is taken when it equals enc_dim. Layers are ignored |
| `bilstm` | `enc_dim` is even: half of it for each direction |
| `hcnn` | each layer gets enc_dim / layers filters, the first ones one more where that leaves a \
rest |
| `tied_token_embedding_weight` | both sides have equal vocab sizes and equal (resolved) token \
embedding dims; where both name a file of pretrained vectors it is the same one, frozen or not on \
both sides |
| `row_sparse` | `optimizer` is `sgd`, `adagrad` or `adam`; `bucket_width` is set to 0, with a log \
line |
| pretrained file | the side's `vocab_file` is given as well; without a file `freeze` has no \
effect |
| `mean_squared_error` | `num_classes` is ignored |
| `padding_id` | below both vocab sizes, or `none` |

## Where this differs from the original

- `padding_id`, `seed` and `weight_averaging` are additions. In the original id 0 is padding, the
  seed is hidden, and an epoch is judged and kept by its last weights.
- File names may hold `-`; the original's pattern is `[A-Za-z0-9._]*`.
- Where the original's documentation and SDK differ, the wider range holds: `mlp_layers` from 0,
  `negative_sampling_rate` without an upper bound, layers `auto` or 1 to 4.
- A `comparator_list` that names an item twice is refused; the original's SDK lets it through.
- Two tied encoders with different pretrained files, or different `freeze` values for them, are
  refused: one table cannot follow both.
- Whole decimals (`32.0`) are read as whole numbers; the original refuses them.
- In `algorithm_specification.json` the layers are categories, to let `auto` in; a tuning job that
  uses that resource gives them as categories. A tuning job that names the image can give them as
  whole numbers.
"""


def hyperparameters_markdown() -> str:
    """Return the text of hyperparameters.md."""
    parts = [INTRODUCTION]
    for group, title in GROUP_TITLES.items():
        lines = [line for line in HYPERPARAMETERS.values() if line.group == group]
        parts.append(_group_section(title, GROUP_NOTES.get(group, ""), lines))
    parts += [CLOSING, _metrics_section()]
    return "\n".join(parts)


def _group_section(title: str, note: str, lines: list[Hyperparameter]) -> str:
    rows = "\n".join(_row(line) for line in lines)
    head = f"## {title}\n\n" + (f"{note}\n\n" if note else "")
    return (
        f"{head}| name | values | default | recommended for tuning | what it does |\n"
        f"|---|---|---|---|---|\n{rows}\n"
    )


def _row(line: Hyperparameter) -> str:
    if line.is_required:
        default = "**required**"
    elif line.default is None:
        default = "-"
    else:
        default = f"`{line.default}`" if line.default else "(empty)"
    if not line.tuning:
        tuning = "-"
    elif isinstance(line.kind, Choice | ItemList):
        tuning = ", ".join(f"`{value}`" for value in line.tuning)
    else:
        tuning = " to ".join(line.tuning)
    summary = line.summary
    if line.condition:
        summary += f" {line.condition[0].upper()}{line.condition[1:]}."
    return f"| `{line.name}` | {line.kind.allowed} | {default} | {tuning} | {summary} |"


def _metrics_section() -> str:
    rows = "\n".join(
        f"| `{metric.name}` | {metric.objective or '-'} | `{metric.regex}` |"
        for metric in METRIC_DEFINITIONS
    )
    return (
        "## Metrics\n\n"
        "What a metric definition finds in the log, and what a tuning job can take as its "
        "objective.\n\n"
        f"| name | objective | regex |\n|---|---|---|\n{rows}\n"
    )


def generated_files() -> dict[str, str]:
    """Return the text of every generated file by its name."""
    return {
        "hyperparameters.md": hyperparameters_markdown(),
        "algorithm_specification.json": _json_text(create_algorithm_request()),
        "tuning_ranges.json": _json_text(tuning_ranges()),
    }


def _json_text(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"


def write_files(files: Mapping[str, str], arguments: Sequence[str]) -> int:
    """Write texts by file name into the folder that the first argument names (default: docs)."""
    folder = Path(arguments[0] if arguments else "docs")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{folder / name}\n")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the generated files into the folder that the first argument names."""
    return write_files(generated_files(), sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    sys.exit(main())
