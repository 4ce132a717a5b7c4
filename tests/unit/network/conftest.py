"""What several tests of networks share."""

import pytest
from tests.unit.network import small


@pytest.fixture(params=[True, False], ids=["packed", "padded"])
def each_layout(request, monkeypatch):
    """Every network of a test once with its sequences packed, once padded."""
    monkeypatch.setattr(small, "is_packed", request.param)
