"""What comes after a launch: waiting with a display, results brought here, descriptions shown."""

import json
import sys
import tempfile
from argparse import Namespace
from pathlib import Path

from object2vec.errors import AlgorithmError, ClientError, PlatformError
from object2vec.launcher import model_archive, progress, resources
from object2vec.launcher.launch import tell
from object2vec.launcher.locations import parse_location, parse_s3
from object2vec.launcher.screen import Screen
from object2vec.launcher.serving_launches import model_of_job
from object2vec.launcher.session import Session
from object2vec.launcher.storage import Storage
from object2vec.launcher.summaries import say_best, summary


def check_target(options: Namespace) -> Path | None:
    """Return the folder that a result is to be brought to, None where none is wanted.

    Raises:
        ClientError: Nothing will be waited for, it is no folder of this machine, or holds files.
        PlatformError: The folder cannot be looked into.
    """
    if options.download is None:
        return None
    if not options.wait:
        raise ClientError(
            "--download needs the end of the job, for which --no-wait does not wait: leave one out."
        )
    target = parse_location(options.download)
    if not isinstance(target, Path):
        raise ClientError(
            f"--download {target} must be a folder of this machine; --output says where in S3 "
            "the result lies."
        )
    try:
        is_taken = target.exists() and (not target.is_dir() or any(target.iterdir()))
    except OSError as error:
        raise PlatformError(f"{target} cannot be read: {error.strerror or error}.") from error
    if is_taken:
        raise ClientError(f"--download {target} is there already and not empty: name a new folder.")
    return target


def wait_for(
    session: Session, kind: resources.Kind, name: str, options: Namespace
) -> resources.Description:
    """Wait for a good end, show what happens until then, and tell of the end.

    Returns:
        The description at the end.

    Raises:
        Object2VecError: It ended badly, or cannot be asked after.
    """
    description = progress.follow(session, kind, name, Screen(sys.stdout), options.poll)
    progress.check_end(kind, description)
    show(resources.Resource(kind, description), as_json=getattr(options, "json", False))
    return description


def show(resource: resources.Resource, *, as_json: bool) -> None:
    """Print what there is to know of a thing, for a person or a program."""
    if as_json:
        print(json.dumps(resource.description, indent=2, default=str))
    else:
        print("\n".join(summary(resource)), flush=True)


def best_job(description: resources.Description) -> str:
    """Return the name of a tuning job's best training job.

    Raises:
        AlgorithmError: No training job has logged the objective.
    """
    if not say_best(description):
        raise AlgorithmError(
            f"The tuning job {resources.TUNING.name(description)} found no best training job: none "
            "has logged the objective. Look at one's log: object2vec sagemaker status JOB --wait"
        )
    return str(description["BestTrainingJob"]["TrainingJobName"])


def bring_model(session: Session, job: str, target: Path) -> None:
    """Write a training job's model into a folder.

    Raises:
        ClientError: It has none, or it may not be read.
        PlatformError: The disk or S3 failed.
    """
    place = model_of_job(session.client("sagemaker"), job)
    with tempfile.TemporaryDirectory(prefix="object2vec-") as folder:
        archive = Path(folder) / model_archive.ARCHIVE
        Storage(session).download(place, archive)
        model_archive.unpack(archive, target)
    tell(f"the model is in {target}: object2vec inspect {target}")


def bring_answers(session: Session, description: resources.Description, target: Path) -> None:
    """Write a transform job's answers into a folder.

    Raises:
        ClientError: There are none, or they may not be read.
        PlatformError: The disk or S3 failed.
    """
    output = description["TransformOutput"]["S3OutputPath"]
    place = parse_s3(output, "the output", "SageMaker writes nowhere else.")
    files = Storage(session).download(place, target)
    tell(f"the answers are in {target}: {len(files)} files")
