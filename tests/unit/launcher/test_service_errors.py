"""Errors of AWS in the project's own terms."""

import pytest
from boto3.exceptions import S3UploadFailedError
from botocore import exceptions as botocore_errors

from object2vec.errors import ClientError, PlatformError
from object2vec.launcher.service_errors import explained, is_missing


def answer(code: str, message: str = "told", status: int = 400) -> botocore_errors.ClientError:
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return botocore_errors.ClientError(response, "CreateTrainingJob")


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (answer("AccessDeniedException"), ClientError, r"CreateTrainingJob to be allowed"),
        (answer("ExpiredTokenException"), ClientError, "log in again"),
        (answer("ResourceLimitExceeded"), ClientError, "quota"),
        (answer("ResourceInUse"), ClientError, "another --name"),
        (answer("ValidationException", "no such image"), ClientError, r"no such image \(Valid"),
        (answer("ThrottlingException"), PlatformError, "try again later"),
        (answer("InternalFailure", status=500), PlatformError, "try again later"),
        (botocore_errors.NoRegionError(), ClientError, "No AWS region is set"),
        (botocore_errors.NoCredentialsError(), ClientError, "No AWS credentials"),
        (botocore_errors.TokenRetrievalError(provider="sso", error_msg="x"), ClientError, "log"),
        (
            botocore_errors.EndpointConnectionError(endpoint_url="http://x", error="refused"),
            PlatformError,
            "Look at the network",
        ),
        (botocore_errors.ParamValidationError(report="too long"), ClientError, "too long"),
        (OSError(28, "No space left on device", "/tmp/x"), PlatformError, "/tmp/x: No space left"),
    ],
)
def test_an_error_says_whose_fault_it_is_and_what_to_do(
    error: Exception, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught, explained("do this"):
        raise error
    assert caught.value.__cause__ is error


def test_the_service_s_error_is_found_behind_that_of_a_transfer() -> None:
    def upload() -> None:
        try:
            raise answer("AccessDenied")
        except botocore_errors.ClientError as error:
            raise S3UploadFailedError("failed to upload") from error

    words = r"Cannot upload it: told \(AccessDenied\)"
    with pytest.raises(ClientError, match=words), explained("upload it"):
        upload()


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(KeyError), explained("do this"):
        raise KeyError
    with pytest.raises(PlatformError, match=r"^ours$"), explained("do this"):
        raise PlatformError("ours")


@pytest.mark.parametrize(
    ("code", "message", "missing"),
    [
        ("ValidationException", 'Could not find endpoint "arn:x".', True),
        ("ValidationException", "Requested resource not found.", True),
        ("ResourceNotFound", "x", True),
        ("404", "Not Found", True),
        ("ValidationException", "1 validation error detected", False),
        ("AccessDeniedException", "not found", False),
    ],
)
def test_what_is_missing_is_known_by_code_or_words(code: str, message: str, missing: bool) -> None:
    assert is_missing(answer(code, message)) is missing
