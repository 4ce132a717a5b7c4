"""What all launches have in common: the checked options, the session, uploads, Create calls.

Nothing is uploaded before everything given was checked, and nothing is created before everything
is uploaded.
"""

from argparse import Namespace
from collections.abc import Iterable, Mapping
from pathlib import Path

from object2vec.errors import ClientError
from object2vec.launcher import given_values
from object2vec.launcher.locations import Location, S3Location, parse_s3
from object2vec.launcher.service_errors import explained
from object2vec.launcher.session import Session
from object2vec.launcher.storage import Storage

IN_S3 = "SageMaker reads and writes S3 only. --download FOLDER brings the result here."


class Launch:
    """What the commands that create something have in common.

    Args:
        options: The command line, as `commands` defines it.
        longest_name: How long a name may be.

    Raises:
        ClientError: Something given is missing or wrong.
        PlatformError: AWS cannot be reached.
    """

    def __init__(self, options: Namespace, longest_name: int = given_values.LONGEST_NAME) -> None:
        self.options = options
        self.name = given_values.check_name(
            options.name or given_values.unique_name(), longest_name
        )
        self.image = given_values.check_image(options.image)
        self.instance_type = given_values.check_instance_type(options.instance_type)
        self.environment = given_values.read_variables(options.environment)
        self.tags = given_values.read_pairs(options.tag, "--tag")
        self.session = Session(options.region, options.profile)
        self.storage = Storage(self.session)
        self.client = self.session.client("sagemaker")
        self.role = self.session.role_arn(options.role)
        given = parse_s3(options.output, "--output", IN_S3) if options.output else None
        self.output = self.session.output_place(given)

    def create(self, operation: str, body: Mapping[str, object]) -> None:
        """Make one Create call.

        Raises:
            ClientError: The service refuses.
            PlatformError: The service fails or cannot be reached.
        """
        words = operation.removeprefix("create_").replace("_", " ")
        with explained(f"create the {words} {self.name}"):
            getattr(self.client, operation)(**body)

    def upload(self, name: str, files: Iterable[Path], folder: Path, place: S3Location) -> None:
        """Upload files below a prefix, and say so.

        Raises:
            ClientError: The bucket may not be written.
            PlatformError: A file cannot be read, or S3 cannot be reached.
        """
        paths = list(files)
        size = sum(path.stat().st_size for path in paths) / 2**20
        tell(f"uploading {name}: {len(paths)} files, {size:.1f} MiB, to {place}")
        self.storage.upload_files(paths, folder, place)

    def refuse_nothing(self, option: str, location: Location) -> None:
        """Raise ClientError where a place in S3 is known to hold nothing."""
        if isinstance(location, S3Location) and self.storage.is_known_empty(location):
            raise ClientError(f"{option} {location}: there is nothing at this place in S3.")


def tell(text: str) -> None:
    """Write one line of what was done."""
    print(text, flush=True)
