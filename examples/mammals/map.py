"""Draw the demo's embeddings on a plane, as an SVG picture: examples/mammals/map.svg.

The plane is spanned by the two directions in which the nouns differ most (principal components of
the embeddings at length 1). The model folder is read as what it is, JSON and NumPy arrays, without
this project.

    make demo
    .venv/bin/python examples/mammals/map.py
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt

EXAMPLE = Path(__file__).parent
MODEL_FOLDER = EXAMPLE.parents[1] / "build" / "demo" / "model"
LANDMARKS = (
    "beagle",
    "blue whale",
    "Chihuahua",
    "Clydesdale",
    "giant kangaroo",
    "giant panda",
    "giraffe",
    "golden hamster",
    "grevy's zebra",
    "house mouse",
    "jaguar",
    "merino",
    "Siamese cat",
    "walrus",
    "wolf",
)
# A noun gets the colour of the first of these that it is or has for an ancestor.
COLOURS = {
    "dog": "#1f5fa8",
    "canine": "#63a5e0",
    "feline": "#e0761f",
    "carnivore": "#c9a227",
    "even-toed ungulate": "#a8323a",
    "odd-toed ungulate": "#e58a8f",
    "rodent": "#7a4fa0",
    "primate": "#7b5233",
    "cetacean": "#138d90",
    "bat": "#d44fa0",
    "metatherian": "#3f9142",
}
LEGEND_NAMES = {"canine": "other canine", "carnivore": "other carnivore"}
OTHER = "other"
OTHER_COLOUR = "#b5b5b5"
WIDTH, HEIGHT, MARGIN, LEGEND = 900, 640, 30, 190


def read_embeddings(model_folder: Path) -> tuple[list[str], npt.NDArray[np.float32]]:
    """Return the N nouns of a model and their rows of the token table (N, C)."""
    model = json.loads((model_folder / "model.json").read_text(encoding="utf-8"))
    table = np.load(model_folder / model["arrays"]["embed_shared_weight"]["file"])
    vocabulary_file = model_folder / model["vocabularies"]["in0"]["file"]
    ids_by_noun = json.loads(vocabulary_file.read_text(encoding="utf-8"))
    return list(ids_by_noun), table[list(ids_by_noun.values())]


def read_families(data_folder: Path, families: Sequence[str]) -> dict[str, str]:
    """Return the first of `families` that a noun is, or has for an ancestor, for nouns with one."""
    found: dict[str, int] = {family: number for number, family in enumerate(families)}
    for file in sorted(data_folder.glob("*/*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            (noun,), (ancestor,) = record["in0"], record["in1"]
            if record["label"] == 1 and ancestor in families:
                found[noun] = min(families.index(ancestor), found.get(noun, len(families)))
    return {noun: families[number] for noun, number in found.items()}


def to_plane(embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the first two principal components (N, 2) of N embeddings (N, C) at length 1."""
    directions = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    centred = directions - directions.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:2]
    # An axis may as well point the other way: let its largest part be positive.
    axes *= np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])[:, None]
    return np.asarray(centred @ axes.T, dtype=np.float64)


def draw(nouns: Sequence[str], points: npt.NDArray[np.float64], families: Mapping[str, str]) -> str:
    """Return the picture as SVG.

    Args:
        nouns: N nouns.
        points: Where they are (N, 2), in any unit.
        families: The family of the nouns that have one.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    size = np.array([WIDTH - LEGEND - 2 * MARGIN, HEIGHT - 2 * MARGIN])
    places = MARGIN + (points - low) / (high - low) * size
    places[:, 1] = HEIGHT - places[:, 1]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for family, colour in ((OTHER, OTHER_COLOUR), *COLOURS.items()):
        lines.append(f'<g fill="{colour}" fill-opacity="0.75">')
        lines += [
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3"><title>{escape(noun)}</title></circle>'
            for noun, (x, y) in zip(nouns, places, strict=True)
            if families.get(noun, OTHER) == family
        ]
        lines.append("</g>")
    # The names twice: a white edge first, so that they stand out from the points.
    for style in ('fill="#ffffff" stroke="#ffffff" stroke-width="4"', 'fill="#222222"'):
        lines.append(f"<g {style}>")
        for noun in LANDMARKS:
            if noun in nouns:
                x, y = places[nouns.index(noun)]
                lines.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3"/>')
                lines.append(f'<text x="{x + 5:.0f}" y="{y + 4:.0f}">{escape(noun)}</text>')
        lines.append("</g>")
    for row, (family, colour) in enumerate((*COLOURS.items(), (OTHER, OTHER_COLOUR))):
        y = MARGIN + 22 * row
        lines.append(f'<circle cx="{WIDTH - LEGEND + 20}" cy="{y}" r="5" fill="{colour}"/>')
        name = LEGEND_NAMES.get(family, family)
        lines.append(f'<text x="{WIDTH - LEGEND + 32}" y="{y + 4}" fill="#222222">{name}</text>')
    return "\n".join([*lines, "</svg>", ""])


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the picture; return the exit code."""
    parser = argparse.ArgumentParser(description="Draw the mammals' embeddings on a plane.")
    parser.add_argument("--model", type=Path, default=MODEL_FOLDER, help="the model folder")
    parser.add_argument("--output", type=Path, default=EXAMPLE / "map.svg", help="the picture")
    options = parser.parse_args(arguments)
    if not (options.model / "model.json").is_file():
        print(f"{options.model} holds no model: run `make demo` first", file=sys.stderr)
        return 2
    nouns, embeddings = read_embeddings(options.model)
    families = read_families(EXAMPLE / "ml/input/data", list(COLOURS))
    options.output.write_text(draw(nouns, to_plane(embeddings), families), encoding="utf-8")
    print(f"{options.output}: {len(nouns):,} nouns")
    return 0


if __name__ == "__main__":
    sys.exit(main())
