"""The picture of the mammals' embeddings."""

import json
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import numpy as np
import pytest


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    vocabulary = {"wolf": 1, "dog": 3, "rat & co": 2}
    (tmp_path / "vocabulary.json").write_text(json.dumps(vocabulary))
    table = np.array([[9, 9, 9], [2, 0, 0], [0, 3, 0], [1, 0, 0.1]], dtype=np.float32)
    np.save(tmp_path / "table.npy", table)
    manifest = {
        "arrays": {"embed_shared_weight": {"file": "table.npy"}},
        "vocabularies": {"in0": {"file": "vocabulary.json"}},
    }
    (tmp_path / "model.json").write_text(json.dumps(manifest))
    return tmp_path


def test_every_noun_gets_its_own_row(draw_map: ModuleType, model_folder: Path) -> None:
    nouns, embeddings = draw_map.read_embeddings(model_folder)
    assert nouns == ["wolf", "dog", "rat & co"]
    assert embeddings[:, 0].tolist() == [2, 1, 0]


def test_the_first_family_that_fits_counts(draw_map: ModuleType, mammals: Path) -> None:
    families = draw_map.read_families(mammals / "ml/input/data", ["dog", "canine", "carnivore"])
    chosen = [families.get(noun) for noun in ("dog", "poodle", "wolf", "lion", "horse")]
    assert chosen == ["dog", "dog", "canine", "carnivore", None]


def test_the_plane_keeps_the_largest_differences(draw_map: ModuleType) -> None:
    generator = np.random.default_rng(1)
    directions = np.zeros((50, 4), dtype=np.float32)
    directions[:, 0] = 10
    directions[:, 1:3] = generator.normal(size=(50, 2))
    directions[:, 3] = generator.normal(size=50) * 1e-4
    points = draw_map.to_plane(directions)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    real = directions / lengths
    expected = np.linalg.norm(real[:, None] - real[None], axis=2)
    np.testing.assert_allclose(distances, expected, atol=0.01)


def test_the_picture_is_xml_with_every_noun(
    draw_map: ModuleType, model_folder: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "map.svg"
    assert draw_map.main(["--model", str(model_folder), "--output", str(picture)]) == 0
    root = ElementTree.fromstring(picture.read_text())
    titles = [element.text for element in root.iter("{http://www.w3.org/2000/svg}title")]
    assert sorted(filter(None, titles)) == ["dog", "rat & co", "wolf"]


def test_a_missing_model_says_what_to_run(
    draw_map: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert draw_map.main(["--model", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"{tmp_path} holds no model: run `make demo` first\n"
