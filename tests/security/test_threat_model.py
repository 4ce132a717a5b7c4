"""docs/security.md names a test for every threat, and every test is there."""

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
HEAD = "| sent | what could be tried | what stops it | test |"


def named_tests() -> list[str]:
    lines = (REPOSITORY / "docs" / "security.md").read_text().splitlines()
    begin = lines.index(HEAD) + 2
    rows = lines[begin : lines.index("", begin)]
    cells = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]
    assert all(len(row) == 4 for row in cells)
    return [row[3].strip("` |") for row in cells]


def names_in(path: Path) -> set[str]:
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            inner = (each for each in node.body if isinstance(each, ast.FunctionDef))
            found.update(f"{node.name}::{each.name}" for each in inner)
    return found


@pytest.mark.parametrize("test", sorted(set(named_tests())))
def test_every_threat_s_test_is_there(test: str) -> None:
    file, _, name = test.partition("::")
    path = REPOSITORY / file if "/" in file else Path(__file__).with_name(file)
    assert name in names_in(path)


def test_every_security_test_is_named_or_beside_one_that_is() -> None:
    named = {test.partition("::")[0] for test in named_tests()}
    for path in Path(__file__).parent.glob("test_*.py"):
        assert path.name in named or path == Path(__file__)
