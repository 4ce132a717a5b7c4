"""What a user may forget: credentials, region, role, bucket. Every error says what to do."""

import pytest
from tests.sagemaker_platform import ACCOUNT, BUCKET, REGION, ROLE, Platform

from object2vec.errors import ClientError, PlatformError
from object2vec.launcher.locations import S3Location
from object2vec.launcher.session import Session


def test_the_region_is_the_one_given_or_that_of_the_environment(logged_in: Platform) -> None:
    assert Session().region == REGION
    assert Session("us-east-1").region == "us-east-1"
    assert Session("us-east-1").client("sagemaker").meta.region_name == "us-east-1"


def test_without_a_region_the_error_says_where_it_can_be_set(
    logged_in: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    session = Session()
    with pytest.raises(ClientError, match=r"No AWS region is set.*--region.*AWS_DEFAULT_REGION"):
        session.client("sagemaker")
    assert session.client("s3").meta.service_model.service_name == "s3"


def test_without_credentials_the_error_says_how_to_get_them() -> None:
    with pytest.raises(ClientError, match=r"No AWS credentials.*aws configure.*--profile"):
        Session(REGION).client("sagemaker")


def test_a_profile_that_is_not_there_is_named() -> None:
    with pytest.raises(ClientError, match=r"absent.*--profile"):
        Session(REGION, "absent")


def test_the_account_is_that_of_the_credentials(session: Session) -> None:
    assert session.account == ACCOUNT


def test_a_role_is_an_arn_or_the_name_of_one_that_is_there(
    session: Session, platform: Platform
) -> None:
    path = "arn:aws-cn:iam::123456789012:role/service-role/A_b+c=d,e.f@g-h"
    assert session.role_arn(ROLE) == ROLE
    assert session.role_arn(path) == path
    platform.client("iam").create_role(RoleName="launcher", AssumeRolePolicyDocument="{}")
    assert session.role_arn("launcher") == ROLE


@pytest.mark.parametrize(
    ("role", "words"),
    [
        (None, r"No role is given.*may assume.*--role"),
        ("", "No role is given"),
        ("absent", r"account 123456789012 has no role of this name"),
        ("arn:aws:iam::12:role/x", "neither a role's ARN"),
        ("arn:aws:iam::123456789012:user/x", "neither a role's ARN"),
        ("a role", "neither a role's ARN"),
    ],
)
def test_a_role_that_cannot_be_is_refused(session: Session, role: str | None, words: str) -> None:
    with pytest.raises(ClientError, match=words):
        session.role_arn(role)


def test_output_goes_where_it_is_told_or_into_sagemaker_s_bucket(
    session: Session, platform: Platform
) -> None:
    platform.make_bucket("mine")
    platform.make_bucket()
    place = S3Location("mine", "a/b")
    assert session.output_place(place) == place
    assert session.output_place(None) == S3Location(BUCKET, "object2vec")


def test_a_missing_bucket_is_told_with_the_command_that_makes_it(session: Session) -> None:
    with pytest.raises(ClientError, match=f"No bucket is given.*aws s3 mb s3://{BUCKET} "):
        session.output_place(None)
    with pytest.raises(ClientError, match=r"--output s3://absent/a: there is no such bucket"):
        session.output_place(S3Location("absent", "a"))


def test_a_bucket_of_another_region_is_refused(session: Session, platform: Platform) -> None:
    platform.make_bucket("far", "eu-central-1")
    with pytest.raises(ClientError, match=r"far lies in eu-central-1.*--region eu-central-1"):
        session.output_place(S3Location("far"))


def test_a_server_that_is_not_there_is_the_platform_s_fault(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(PlatformError, match=r"127.0.0.1:9.*AWS_ENDPOINT_URL"):
        _ = Session().account
