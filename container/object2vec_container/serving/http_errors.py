"""What a request can fail of: a status, a message, and where in the request it is."""

from typing import ClassVar


class HTTPFault(Exception):  # noqa: N818 (most are no errors of ours)
    """A request that gets an answer of status 400 and above.

    Attributes:
        status: The HTTP status.
        record: The record at fault, from 0, or None.
        field: The field at fault, or None.
        headers: What the answer's headers add.
    """

    status: ClassVar[int] = 500
    fault_name: ClassVar[str] = "ClientError"

    def __init__(
        self,
        message: str,
        *,
        record: int | None = None,
        field: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.record = record
        self.field = field
        self.headers = headers or {}


class BadRequestFault(HTTPFault):
    """The body or a record is not as it must be."""

    status = 400


class NotFoundFault(HTTPFault):
    """There is no such path or model."""

    status = 404


class NotAcceptableFault(HTTPFault):
    """The answer cannot have the form that is asked for."""

    status = 406


class RequestTimeoutFault(HTTPFault):
    """The body did not arrive in time."""

    status = 408


class ConflictFault(HTTPFault):
    """The model is loaded already."""

    status = 409


class TooLargeFault(HTTPFault):
    """The body is larger than the limit."""

    status = 413


class UnsupportedTypeFault(HTTPFault):
    """The body has a form or an encoding that is not read."""

    status = 415


class UnavailableFault(HTTPFault):
    """The server cannot answer now, and will be able to soon."""

    status = 503
    fault_name = "PlatformError"

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)})


class InsufficientMemoryFault(HTTPFault):
    """There is no memory for one more model."""

    status = 507
    fault_name = "PlatformError"
