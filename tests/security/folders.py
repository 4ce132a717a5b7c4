"""Folders as a stranger would make them: whole, but for the one thing that a test changes."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from object2vec.saved_model import MANIFEST


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change what model.json says."""
    manifest = json.loads((folder / MANIFEST).read_text())
    change(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def first_array(folder: Path) -> tuple[str, Path]:
    """Return an array's name and file."""
    name, entry = next(iter(json.loads((folder / MANIFEST).read_text())["arrays"].items()))
    return name, folder / entry["file"]


def replace_array(folder: Path, content: bytes) -> Path:
    """Give an array's file another content, and have model.json agree with it."""
    name, path = first_array(folder)
    path.write_bytes(content)
    entry = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    change_manifest(folder, lambda manifest: manifest["arrays"][name].update(entry))
    return path
