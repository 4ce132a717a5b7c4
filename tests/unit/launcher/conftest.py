"""The environment of one who is logged in, and the session that comes of it."""

import os
from collections.abc import Iterator
from functools import cache

import botocore.session
import pytest
from tests.sagemaker_platform import Platform

from object2vec.launcher.session import Session


@pytest.fixture(autouse=True, scope="session")
def services_read_once() -> Iterator[None]:
    """Read the services' models, megabytes of JSON, once and not for every session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", cache(botocore.session.create_loader))
        yield


@pytest.fixture(autouse=True)
def no_account_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from whatever account the machine is logged in to."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture
def logged_in(
    platform: Platform, no_account_of_this_machine: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    """The platform, with this process's environment leading to it."""
    for name, value in platform.environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    return platform


@pytest.fixture
def session(logged_in: Platform) -> Session:
    """A session there."""
    return Session()
