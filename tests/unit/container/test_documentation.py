"""The server's generated references stand as the code says."""

import json
import re
from pathlib import Path

import pytest

from object2vec.data.array_space import SPACE_VARIABLES
from object2vec.data.pipes import PIPE_VARIABLES
from object2vec_container.checkpoint_settings import CHECKPOINT_VARIABLES
from object2vec_container.documentation import (
    INTRODUCTION,
    RECIPES,
    environment_variables_markdown,
    generated_files,
    main,
)
from object2vec_container.hosts.settings import HOST_SETTINGS
from object2vec_container.serving import http_errors
from object2vec_container.serving.http_errors import HTTPFault
from object2vec_container.serving.openapi import document
from object2vec_container.serving.settings import MEBIBYTE, Settings
from object2vec_container.serving.settings_table import SETTINGS

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("name", generated_files())
def test_a_generated_file_in_docs_is_up_to_date(name: str) -> None:
    text = (DOCS / name).read_text(encoding="utf-8")
    assert text == generated_files()[name], f"docs/{name} is stale: run `make docs`"


def test_the_command_writes_every_file_into_the_folder(tmp_path: Path) -> None:
    assert main([str(tmp_path / "made")]) == 0
    written = {path.name: path.read_text("utf-8") for path in (tmp_path / "made").iterdir()}
    assert written == generated_files()


def test_every_variable_has_one_row_with_its_other_names() -> None:
    rows = [line for line in environment_variables_markdown().splitlines() if line[:3] == "| `"]
    settings = (
        *SETTINGS,
        *SPACE_VARIABLES,
        *PIPE_VARIABLES,
        *CHECKPOINT_VARIABLES,
        *HOST_SETTINGS,
    )
    assert len(rows) == len(settings)
    for setting, row in zip(settings, rows, strict=True):
        assert row.startswith(f"| `{setting.name}` | ")
        assert row.count("|") == 6, "a bar in a text breaks the table"
        assert all(f"`{name}`" in row for name in getattr(setting, "other_names", ()))


def recipes() -> dict[str, dict[str, str]]:
    """The variables of every recipe, by its title."""
    found = {}
    for section in RECIPES.split("### ")[1:]:
        title, _, text = section.partition("\n")
        found[title] = dict(re.findall(r"^([A-Z0-9_]+)=(.*)$", text, re.MULTILINE))
    return found


@pytest.mark.parametrize("title", recipes())
def test_a_recipe_is_read_by_the_server(title: str) -> None:
    variables = recipes()[title]
    assert set(variables) <= {setting.name for setting in SETTINGS}
    Settings.from_variables(variables)


def test_the_recipe_of_asynchronous_inference_allows_a_gigabyte_and_an_hour() -> None:
    settings = Settings.from_variables(recipes()["Asynchronous inference"])
    assert settings.payload_bytes == 1024 * MEBIBYTE
    assert settings.timeout == 3600


def test_the_interface_s_document_names_every_status_that_the_server_answers() -> None:
    answers = [
        set(operation["responses"])
        for path in document()["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    ]
    own = {
        str(fault.status)
        for fault in vars(http_errors).values()
        if isinstance(fault, type) and issubclass(fault, HTTPFault)
    }
    assert set.union(*answers) == own | {"200", "204", "405"}
    assert all({"405", "500"} <= statuses for statuses in answers)


def test_every_reference_of_the_document_has_its_aim() -> None:
    text = json.dumps(document())
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', text):
        place = document()
        for name in reference.split("/"):
            place = place[name]


def test_the_tables_that_it_is_made_from_are_where_it_says() -> None:
    named = re.findall(r"`((?:src|container)/[^`]+)`", INTRODUCTION)
    assert len(named) == 5
    for path in named:
        assert (DOCS.parent / path).is_file(), path
