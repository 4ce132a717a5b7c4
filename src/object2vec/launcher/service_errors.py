"""Errors of AWS in the project's own terms: whose fault, what failed, and what to do.

The one place that knows botocore's exceptions and the services' error codes.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import Boto3Error
from botocore import exceptions as botocore_errors

from object2vec.errors import ClientError, Object2VecError, PlatformError

NO_REGION = (
    "No AWS region is set. Give --region (such as eu-west-1), or set the environment variable "
    "AWS_DEFAULT_REGION, or a region in the profile (aws configure)."
)
NO_CREDENTIALS = (
    "No AWS credentials are found. Log in (aws configure, or aws sso login), name a profile with "
    "--profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
)

_NOT_ALLOWED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403")
_MISSING = ("ResourceNotFound", "ResourceNotFoundException", "NoSuchEntity", "404", "NoSuchKey")
_BAD_CREDENTIALS = (
    *("ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId"),
    *("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSignatureException"),
    *("UnrecognizedClientException", "IncompleteSignature", "MissingAuthenticationToken"),
)
_BUSY = ("Throttling", "ThrottlingException", "TooManyRequestsException", "SlowDown")
_CREDENTIAL_ERRORS = (
    botocore_errors.NoCredentialsError,
    botocore_errors.PartialCredentialsError,
    botocore_errors.CredentialRetrievalError,
    botocore_errors.LoginError,
    botocore_errors.SSOError,
    botocore_errors.TokenRetrievalError,
)
_UNREACHABLE = (botocore_errors.HTTPClientError, botocore_errors.ConnectionError)


@contextmanager
def explained(action: str) -> Iterator[None]:
    """Turn what AWS raises inside into the project's errors.

    Args:
        action: What is being done, as in "cannot ACTION".

    Raises:
        ClientError: The caller can mend it.
        PlatformError: The service, the network or this machine's disk failed.
    """
    try:
        yield
    except (botocore_errors.BotoCoreError, botocore_errors.ClientError, Boto3Error) as error:
        raise _explain(error, action) from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise PlatformError(f"Cannot {action}: {where}{error.strerror or error}.") from error


def is_missing(error: botocore_errors.ClientError) -> bool:
    """Whether a service says that what was asked for does not exist.

    SageMaker says so under a code of its own for some kinds, in words only for the others.
    """
    code, text = _code(error), str(error).lower()
    return code in _MISSING or (
        code == "ValidationException" and ("could not find" in text or "not found" in text)
    )


def is_not_allowed(error: botocore_errors.ClientError) -> bool:
    """Whether a service refuses the caller, whatever it was that was asked for."""
    return _code(error) in _NOT_ALLOWED


def _code(error: botocore_errors.ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _explain(error: Exception, action: str) -> Object2VecError:
    # The transfer of a file wraps the service's error into one of its own.
    inner = error.__cause__ or error.__context__
    if isinstance(error, Boto3Error) and isinstance(inner, botocore_errors.ClientError):
        error = inner
    if isinstance(error, botocore_errors.ClientError):
        return _explain_answer(error, action)
    if isinstance(error, botocore_errors.NoRegionError):
        return ClientError(NO_REGION)
    if isinstance(error, botocore_errors.ProfileNotFound):
        return ClientError(f"{error}. Name one of ~/.aws/config with --profile.")
    if isinstance(error, _CREDENTIAL_ERRORS):
        return ClientError(f"{NO_CREDENTIALS} ({error})")
    if isinstance(error, _UNREACHABLE):
        return PlatformError(
            f"Cannot {action}: {error}. Look at the network, the region and, where it is set, the "
            "environment variable AWS_ENDPOINT_URL; then try again."
        )
    return ClientError(f"Cannot {action}: {error}")


def _explain_answer(error: botocore_errors.ClientError, action: str) -> Object2VecError:
    """Return what an error that a service answered means."""
    code = _code(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    told = f"Cannot {action}: {error.response.get('Error', {}).get('Message') or error} ({code})."
    if code in _BAD_CREDENTIALS:
        return ClientError(f"{told} The AWS credentials are wrong or have expired: log in again.")
    if code in _NOT_ALLOWED:
        return ClientError(
            f"{told} Your AWS identity may not do this: ask for "
            f"{error.operation_name} to be allowed (and, to start jobs, iam:PassRole)."
        )
    if code == "ResourceLimitExceeded":
        return ClientError(
            f"{told} The account's quota is used up: take another instance type, fewer instances, "
            "or ask for a higher quota in Service Quotas."
        )
    if code == "ResourceInUse":
        return ClientError(f"{told} Choose another --name, or delete what has it.")
    if code in _BUSY or status >= 500:
        return PlatformError(f"{told} The service is busy or fails: try again later.")
    return ClientError(told)
