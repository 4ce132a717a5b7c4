"""The `object2vec` command: what a model is, a vocabulary for records of strings, SageMaker's jobs.

Wherever it takes a path, it takes an `s3://` URI too; boto3 is loaded only then.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from object2vec.errors import Object2VecError, PlatformError
from object2vec.hyperparameter_table import default_strings
from object2vec.launcher import commands as sagemaker
from object2vec.launcher.commands import positive
from object2vec.launcher.locations import Location, S3Location, parse_location
from object2vec.launcher.model_archive import model_folder
from object2vec.saved_model import SavedModel


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    try:
        options = _parser().parse_args(arguments)
        options.run(options)
    except Object2VecError as error:
        print(f"{error.fault_name}: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="object2vec", description="Work with trained Object2Vec models and their data."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    inspect = commands.add_parser("inspect", help="say what a model holds")
    inspect.add_argument(
        "model",
        type=parse_location,
        help="a model folder, with its model.json, or a model.tar.gz; a path or s3://",
    )
    inspect.add_argument("--json", action="store_true", help="print model.json as it is")
    inspect.set_defaults(run=_inspect)
    vocabulary = commands.add_parser(
        "vocabulary", help="make a vocabulary file from records of token strings"
    )
    vocabulary.add_argument(
        "sources",
        nargs="+",
        type=parse_location,
        help="JSON Lines files or folders; paths or s3://",
    )
    vocabulary.add_argument(
        "--output",
        type=parse_location,
        required=True,
        help="the JSON file to write; a path or s3://",
    )
    vocabulary.add_argument(
        "--field",
        choices=("in0", "in1", "both"),
        default="both",
        help="whose strings to take (default: both, for a table that both encoders share)",
    )
    vocabulary.add_argument("--max-size", type=positive, help="keep the most frequent tokens only")
    vocabulary.add_argument(
        "--min-frequency",
        type=positive,
        default=1,
        help="keep tokens that occur so often (default: 1)",
    )
    vocabulary.set_defaults(run=_make_vocabulary)
    sagemaker.add_to(commands)
    return parser


@contextmanager
def _local(location: Location) -> Iterator[Path]:
    if isinstance(location, Path):
        yield location
        return
    from object2vec.launcher.storage import local_copy  # noqa: PLC0415  (it loads boto3)

    with local_copy(location) as path:
        yield path


def _inspect(options: argparse.Namespace) -> None:
    with _local(options.model) as path, model_folder(path) as folder:
        model = SavedModel.open(folder)
        if options.json:
            print(json.dumps(model.manifest, indent=2))
        else:
            print(describe(model, str(options.model)))


def _make_vocabulary(options: argparse.Namespace) -> None:
    # It loads the engine, which takes seconds: not for the other commands.
    from object2vec.vocabulary_builder import build_vocabulary  # noqa: PLC0415

    fields = ("in0", "in1") if options.field == "both" else (options.field,)
    with ExitStack() as copies:
        sources = [copies.enter_context(_local(source)) for source in options.sources]
        vocabulary = build_vocabulary(
            sources, fields, max_size=options.max_size, min_frequency=options.min_frequency
        )
    _write(vocabulary.to_json() + "\n", options.output)
    print(
        f"{len(vocabulary)} tokens in {options.output}; with it, a vocab_size of "
        f"{len(vocabulary) + 1} or more (id 0 is the padding)"
    )


def _write(text: str, output: Location) -> None:
    if isinstance(output, S3Location):
        from object2vec.launcher.storage import Storage  # noqa: PLC0415  (it loads boto3)

        Storage.of_environment().write_text(text, output)
        return
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        raise PlatformError(f"{output} cannot be written: {error.strerror}.") from error


def describe(model: SavedModel, place: str | None = None) -> str:
    """Return what a model is, in lines for a person; `place` says where it is from."""
    sections = (
        _heading(model, place or str(model.folder)),
        _table(("encoder", "network", "reads", "width"), _encoder_rows(model)),
        _table(("array", "shape", "numbers"), _array_rows(model)),
        _table(_metric_names(model), _epoch_rows(model), mark=int(model.training["best_epoch"])),
        _given(model),
    )
    return "\n\n".join(sections)


def _heading(model: SavedModel, place: str) -> str:
    manifest, training = model.manifest, model.training
    size = sum(array.nbytes for array in model.arrays.values())
    return "\n".join(
        (
            f"Object2Vec model in {place}",
            f"  format version {manifest['format_version']}, written by object2vec "
            f"{manifest['object2vec_version']}",
            f"  {len(model.arrays)} arrays, {size / 2**20:.1f} MiB; every checksum is right",
            f"  epoch {training['best_epoch']} of {len(training['epochs'])} was the best: "
            f"{training['loss']} {training['best_loss']:.6g}",
        )
    )


def _encoder_rows(model: SavedModel) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for side, encoder in enumerate(model.hyperparameters.encoders):
        vocabulary = model.vocabularies[side]
        layers = f", {encoder.layers} layer" + ("s" if encoder.layers > 1 else "")
        network = encoder.network + ("" if encoder.network == "pooled_embedding" else layers)
        reads = f"up to {encoder.max_seq_len} of {encoder.vocab_size} ids"
        if vocabulary is not None:
            reads += f", or of {len(vocabulary)} token strings"
        width = f"{encoder.token_embedding_dim} -> {model.hyperparameters.enc_dim}"
        rows.append((f"enc{side}", network, reads, width))
    return rows


def _array_rows(model: SavedModel) -> list[tuple[str, ...]]:
    return [
        (name, " x ".join(map(str, array.shape)), f"{array.size:,}")
        for name, array in model.arrays.items()
    ]


def _metric_names(model: SavedModel) -> tuple[str, ...]:
    first = model.training["epochs"][0]
    return (
        "epoch",
        *(
            f"{channel} {name}"
            for channel in ("train", "validation")
            if first[channel]
            for name in first[channel]
        ),
    )


def _epoch_rows(model: SavedModel) -> list[tuple[str, ...]]:
    return [
        (
            str(epoch["epoch"]),
            *(f"{value:.5g}" for value in epoch["train"].values()),
            *(f"{value:.5g}" for value in (epoch["validation"] or {}).values()),
        )
        for epoch in model.training["epochs"]
    ]


def _given(model: SavedModel) -> str:
    defaults = default_strings()
    values = model.hyperparameters.as_strings()
    lines = [f"  {name} = {value}" for name, value in values.items() if value != defaults.get(name)]
    return "\n".join(("hyperparameters other than the default:", *lines))


def _table(names: Sequence[str], rows: Sequence[Sequence[str]], mark: int | None = None) -> str:
    """Return rows under their names in columns; row number `mark` gets a star."""
    lines: list[Any] = [names, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(names))]
    texts = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    if mark is not None:
        texts[mark + 1] += "  *"
    return "\n".join(texts)
