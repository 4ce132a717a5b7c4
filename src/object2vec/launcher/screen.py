"""What a person sees while a job runs: lines, and on a terminal a line of progress below them."""

import time
from typing import Any, TextIO

from tqdm import tqdm

_REDRAW_SECONDS = 1.0
_WITH_BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}{postfix}"
_WITHOUT_BAR = "{desc}, {elapsed}{postfix}"


class Screen:
    """Writes lines; where the stream is a terminal, keeps a line of progress below them.

    Args:
        stream: Where to write.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._bar: Any = None

    def line(self, text: str) -> None:
        """Write one line, above the progress."""
        if self._is_terminal:
            tqdm.write(text, file=self._stream)
        else:
            print(text, file=self._stream, flush=True)

    def progress(self, status: str, percent: float | None = None, note: str = "") -> None:
        """Draw what goes on; without a terminal, nothing.

        Args:
            status: What goes on.
            percent: How much of it is done, None where that is unknown.
            note: More of it.
        """
        if not self._is_terminal:
            return
        if self._bar is None:
            self._bar = tqdm(total=100, file=self._stream, dynamic_ncols=True, leave=False)
        self._bar.bar_format = _WITHOUT_BAR if percent is None else _WITH_BAR
        self._bar.n = percent or 0
        self._bar.set_description_str(status, refresh=False)
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.refresh()

    def sleep(self, seconds: float) -> None:
        """Wait, while the time in the progress goes on."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _REDRAW_SECONDS))
            if self._bar is not None:
                self._bar.refresh()

    def close(self) -> None:
        """Remove the progress; the lines stay."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
