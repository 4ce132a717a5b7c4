"""docs/architecture.md names every module, once and where it stands."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_every_module_has_its_room() -> None:
    text = (REPOSITORY / "docs" / "architecture.md").read_text("utf-8")
    rooms = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `object2vec")]
    named = []
    for room in rooms:
        first, *others = re.findall(r"`([^`]+)`", room)
        folder = Path(first).parent
        named += [first, *(str(folder / other) if "/" not in other else other for other in others)]
    assert len(named) == len(set(named))
    modules = {
        str(path.relative_to(root))
        for root in (REPOSITORY / "src", REPOSITORY / "container")
        for path in root.rglob("*.py")
        if path.name != "__init__.py"
    }
    assert set(named) == modules
