"""The list of what an image holds: CycloneDX, with every distribution, its version and licence."""

import json
from typing import Any

import pytest
from tests.image.containers import run

PLACE = "/opt/object2vec/sbom.json"
INSTALLED = """
import importlib.metadata, json
found = importlib.metadata.distributions()
print(json.dumps({each.metadata["Name"]: each.version for each in found}))
"""


@pytest.fixture(params=["cpu_image", "gpu_image"])
def image(request: pytest.FixtureRequest) -> str:
    name: str = request.getfixturevalue(request.param)
    return name


def says(licence: dict[str, Any]) -> str:
    """Return what an entry of `licenses` says."""
    named = licence.get("license", {})
    return str(licence.get("expression") or named.get("id") or named.get("name") or "")


def test_every_distribution_is_listed_with_version_and_licence(image: str) -> None:
    listed = json.loads(run(image, "cat", PLACE))
    assert listed["bomFormat"] == "CycloneDX"
    assert listed["specVersion"] >= "1.6"
    installed = json.loads(run(image, "python3", "-c", INSTALLED))
    components = {each["name"]: each for each in listed["components"]}
    assert {name: each["version"] for name, each in components.items()} == installed
    assert {"object2vec", "numpy", "gluonnlp"} <= components.keys()
    for name, component in components.items():
        assert any(says(licence) for licence in component.get("licenses", ())), name
        # Where it can be had; this project itself is in no registry.
        assert component.get("purl", "").startswith("pkg:pypi/") != (name == "object2vec")


def test_the_tool_that_made_it_is_not_in_the_image(image: str) -> None:
    assert "cyclonedx-py" in run(image, "cat", PLACE)
    found = run(image, "find", "/", "-xdev", "-iname", "*cyclonedx_py*", "-not", "-path", "/proc/*")
    assert found == ""
