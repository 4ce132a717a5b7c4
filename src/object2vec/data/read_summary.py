"""What reading a channel met with, and the lines that the log gets for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from object2vec.data.files import ChannelFiles
from object2vec.errors import show_name
from object2vec.hyperparameters import Hyperparameters

Log: TypeAlias = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class SideSummary:
    """What one side of a channel's records was like, after cutting.

    Attributes:
        tokens: Ids kept, padding among them.
        longest: Length of the longest sequence as it stood in the file.
        truncated: Sequences cut to max_seq_len.
        empty: Sequences without an id.
        padding_ids: Occurrences of padding_id.
        only_padding: Sequences that hold padding_id and nothing else.
        unknown_tokens: Strings left out, as the vocabulary does not have them.
    """

    tokens: int = 0
    longest: int = 0
    truncated: int = 0
    empty: int = 0
    padding_ids: int = 0
    only_padding: int = 0
    unknown_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ReadSummary:
    """What reading a channel met with; `bytes_read` counts unpacked text."""

    files: int
    records: int
    blank_lines: int
    in0: SideSummary
    in1: SideSummary
    bytes_read: int
    seconds: float


def log_skipped(files: ChannelFiles, name: str, log: Log) -> None:
    """Say which files were left out; a warning when one of them holds something."""
    if files.skipped:
        has_content = any(path.exists() and path.stat().st_size for path in files.skipped)
        shown = ", ".join(show_name(path.name) for path in files.skipped[:5])
        log(
            "WARNING" if has_content else "INFO",
            f"Channel '{name}': {len(files.skipped)} file(s) left out, as names with a leading dot "
            f"or underscore and names in .manifest are not taken for data: {shown}",
        )


def log_summary(
    summary: ReadSummary, name: str, hyperparameters: Hyperparameters, log: Log
) -> None:
    """Say what was read, cut, left out and empty, and warn of padding ids."""
    channel = f"Channel '{name}':"
    log(
        "INFO",
        f"{channel} {summary.records} records from {summary.files} file(s) in "
        f"{summary.seconds:.2f} s, {summary.in0.tokens} ids in in0, {summary.in1.tokens} in in1"
        + (f", {summary.blank_lines} blank lines skipped" if summary.blank_lines else ""),
    )
    sides = (
        ("in0", "enc0", summary.in0, hyperparameters.enc0.max_seq_len),
        ("in1", "enc1", summary.in1, hyperparameters.enc1.max_seq_len),
    )
    for field, encoder, side, max_seq_len in sides:
        if side.truncated:
            log(
                "INFO",
                f"{channel} {side.truncated} of {summary.records} {field} sequences are longer "
                f"than {encoder}_max_seq_len={max_seq_len} and were cut to it "
                f"(the longest had {side.longest} ids)",
            )
        if side.unknown_tokens:
            log(
                "INFO",
                f"{channel} {side.unknown_tokens} token strings of {field} are not in "
                f"{encoder}_vocab_file and were left out",
            )
        if side.empty:
            log("INFO", f"{channel} {side.empty} of {summary.records} {field} sequences are empty")
    _log_padding(summary, channel, hyperparameters.padding_id, log)


def _log_padding(summary: ReadSummary, channel: str, padding_id: int | None, log: Log) -> None:
    if summary.in0.padding_ids or summary.in1.padding_ids:
        log(
            "WARNING",
            f"{channel} the padding id {padding_id} occurs {summary.in0.padding_ids} times in in0 "
            f"and {summary.in1.padding_ids} times in in1; it contributes nothing. If it is a token "
            "of yours, set the hyperparameter padding_id=none.",
        )
    if summary.in0.only_padding or summary.in1.only_padding:
        log(
            "WARNING",
            f"{channel} WHOLE INPUTS ARE NOTHING BUT PADDING: in0 of {summary.in0.only_padding} "
            f"and in1 of {summary.in1.only_padding} of {summary.records} records hold only id "
            f"{padding_id}, so the model learns nothing from them. Set the hyperparameter "
            "padding_id=none if your ids start at 0, or number your tokens from 1.",
        )
