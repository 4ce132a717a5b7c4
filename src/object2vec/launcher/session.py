"""Who calls AWS and where: credentials, region, account, role, bucket, each with a clear error."""

import re
from functools import cache, cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError as AnswerError

from object2vec.errors import ClientError, shorten
from object2vec.launcher.locations import S3Location
from object2vec.launcher.service_errors import NO_CREDENTIALS, NO_REGION, explained, is_missing

_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", re.ASCII)
_ROLE_NAME = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
_CONFIG = Config(retries={"mode": "standard", "max_attempts": 4}, connect_timeout=10)


class Session:
    """One identity in one region. Nothing is asked of AWS before it is needed.

    Args:
        region: The region; None for that of the environment or the profile.
        profile: The profile of ~/.aws; None for that of the environment.

    Raises:
        ClientError: There is no such profile.
    """

    def __init__(self, region: str | None = None, profile: str | None = None) -> None:
        with explained("open the AWS profile"):
            self._session = boto3.Session(region_name=region, profile_name=profile)
        self._clients = cache(self._make_client)

    @property
    def region(self) -> str:
        """The region.

        Raises:
            ClientError: None is set.
        """
        if not self._session.region_name:
            raise ClientError(NO_REGION)
        return str(self._session.region_name)

    def client(self, service: str) -> Any:
        """Return the client of a service.

        Raises:
            ClientError: No credentials are found, or no region is set for a service that has one
                everywhere (S3 finds a bucket's own).
        """
        return self._clients(service)

    def _make_client(self, service: str) -> Any:
        with explained("read the AWS credentials"):
            if self._session.get_credentials() is None:
                raise ClientError(NO_CREDENTIALS)
        if service != "s3":
            _ = self.region
        with explained(f"reach {service}"):
            return self._session.client(service, config=_CONFIG)

    @cached_property
    def account(self) -> str:
        """The number of the caller's account.

        Raises:
            ClientError: The credentials are refused.
            PlatformError: AWS cannot be reached.
        """
        with explained("ask AWS whose credentials these are"):
            return str(self.client("sts").get_caller_identity()["Account"])

    def role_arn(self, role: str | None) -> str:
        """Return the ARN of the role that a job runs as.

        Args:
            role: An ARN, taken as it is, or the name of a role of the caller's account.

        Raises:
            ClientError: None is given, it can be no role, or there is no such role.
        """
        if not role:
            raise ClientError(
                "No role is given. SageMaker runs a job as an IAM role that it may assume and that "
                "can read the data, write the output and pull the image: give its ARN or name with "
                "--role (arn:aws:iam::123456789012:role/NAME)."
            )
        if _ROLE_ARN.fullmatch(role):
            return role
        if not _ROLE_NAME.fullmatch(role):
            raise ClientError(
                f"--role {shorten(role)} is neither a role's ARN "
                "(arn:aws:iam::123456789012:role/NAME) nor a role's name."
            )
        with explained(f"look up the role {role}"):
            try:
                return str(self.client("iam").get_role(RoleName=role)["Role"]["Arn"])
            except AnswerError as error:
                if is_missing(error):
                    raise ClientError(
                        f"--role {role}: account {self.account} has no role of this name. List "
                        "them with `aws iam list-roles`, or make one that SageMaker may assume."
                    ) from error
                raise

    def output_place(self, given: S3Location | None) -> S3Location:
        """Return where jobs write: what was given, or SageMaker's bucket of account and region.

        Raises:
            ClientError: The bucket does not exist, is another's, or lies in another region.
        """
        place = given or S3Location(f"sagemaker-{self.region}-{self.account}", "object2vec")
        with explained(f"use the bucket {place.bucket}"):
            try:
                answer = self.client("s3").head_bucket(Bucket=place.bucket)
            except AnswerError as error:
                if is_missing(error):
                    raise ClientError(self._say_no_bucket(place, given)) from error
                raise
        region = answer.get("BucketRegion") or self.region
        if region != self.region:
            raise ClientError(
                f"The bucket {place.bucket} lies in {region}, but the job would run in "
                f"{self.region}; SageMaker writes to its own region only. Give --region {region}, "
                f"or an --output in {self.region}."
            )
        return place

    def _say_no_bucket(self, place: S3Location, given: S3Location | None) -> str:
        make = f"aws s3 mb s3://{place.bucket} --region {self.region}"
        if given is None:
            return (
                "No bucket is given, and SageMaker's usual one, "
                f"{place.bucket}, does not exist. Give --output s3://bucket/prefix, or make that "
                f"bucket: {make}"
            )
        return f"--output {given}: there is no such bucket. Make it ({make}) or give another."
