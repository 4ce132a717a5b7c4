"""Launching what answers with a model: endpoints and transform jobs."""

import sys
from argparse import Namespace
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

from object2vec.data.files import find_files
from object2vec.errors import ClientError, Object2VecError
from object2vec.launcher import model_archive, resources, serving_requests
from object2vec.launcher.launch import Launch, tell
from object2vec.launcher.locations import Location, S3Location, parse_location, parse_s3
from object2vec.launcher.session import Session
from object2vec.saved_model import SavedModel


def launch_endpoint(options: Namespace) -> tuple[Session, str]:
    """Create a model, an endpoint config and an endpoint of one name, and return the name."""
    model = _read_model(options)
    launch = Launch(options)
    name = launch.name
    data = _place_model(launch, model)
    steps = (
        (resources.MODEL, _model_body(launch, data)),
        (
            resources.ENDPOINT_CONFIG,
            serving_requests.endpoint_config_request(
                name, name, launch.instance_type, options.instance_count, launch.tags
            ),
        ),
        (resources.ENDPOINT, serving_requests.endpoint_request(name, name, launch.tags)),
    )
    _create_all(launch, steps)
    tell(f"endpoint {name}: created from {data}")
    return launch.session, name


def launch_transform(options: Namespace) -> tuple[Session, str]:
    """Create a model and a transform job of one name, and return the name."""
    model = _read_model(options)
    records = parse_location(options.input)
    files = find_files(records, "input").data if isinstance(records, Path) else ()
    launch = Launch(options)
    name = launch.name
    place = records if isinstance(records, S3Location) else launch.output / name / "input"
    launch.refuse_nothing("--input", records)
    data = _place_model(launch, model)
    transform = serving_requests.Transform(
        name,
        name,
        place,
        launch.output / name / "output",
        launch.instance_type,
        options.instance_count,
        options.content_type,
        options.accept,
        options.strategy,
        options.max_payload,
        options.max_concurrent,
        launch.tags,
    )
    if isinstance(records, Path):
        launch.upload("input", files, records, place)
    steps = (
        (resources.MODEL, _model_body(launch, data)),
        (resources.TRANSFORM, serving_requests.transform_request(transform)),
    )
    _create_all(launch, steps)
    tell(f"transform job {name}: created, answers below {transform.output}")
    return launch.session, name


def _create_all(
    launch: Launch, steps: tuple[tuple[resources.Kind, Mapping[str, object]], ...]
) -> None:
    """Create things that belong together; where one is refused, none is left."""
    with ExitStack() as undo:
        for kind, body in steps:
            launch.create(f"create_{kind.call}", body)
            undo.callback(_delete_quietly, launch.client, kind, launch.name)
        undo.pop_all()


def _delete_quietly(client: Any, kind: resources.Kind, name: str) -> None:
    description = {f"{kind.prefix}Name": name}
    try:
        resources.end(client, resources.Resource(kind, description), tell)
    except Object2VecError as error:  # What was refused first is what is told.
        print(f"{kind.word} {name} stays: {error}", file=sys.stderr)


def _read_model(options: Namespace) -> Location | str:
    """Return where the model is, or the name of the training job that made it."""
    if bool(options.model) == bool(options.job):
        raise ClientError(
            "Give either the model with --model (a model folder, a model.tar.gz, or the s3:// URI "
            "of one) or the training job that made it with --job NAME."
        )
    if options.job:
        return str(options.job)
    location = parse_location(options.model)
    if isinstance(location, S3Location) and not model_archive.is_archive(location.key):
        raise ClientError(
            f"--model {location} must be the model.tar.gz itself: a training job writes it to "
            "OUTPUT/JOB/output/model.tar.gz."
        )
    if isinstance(location, Path):
        _check_model(location)
    return location


def _check_model(path: Path) -> None:
    """Open a model of this machine, so that a broken one is told before anything is created."""
    with model_archive.model_folder(path) as folder:
        SavedModel.open(folder)


def _place_model(launch: Launch, model: Location | str) -> S3Location:
    """Return the model's archive in S3, uploaded where it is not there yet."""
    if isinstance(model, str):
        return model_of_job(launch.client, model)
    if isinstance(model, S3Location):
        launch.refuse_nothing("--model", model)
        return model
    place = launch.output / launch.name / "model" / model_archive.ARCHIVE
    with nullcontext(model) if model.is_file() else model_archive.packed(model) as archive:
        tell(f"uploading the model: {archive.stat().st_size / 2**20:.1f} MiB, to {place}")
        launch.storage.upload(archive, place)
    return place


def model_of_job(client: Any, job: str) -> S3Location:
    """Return where a training job has written its model.

    Raises:
        ClientError: There is no such job, or it has written none (yet).
    """
    description = resources.describe(client, resources.TRAINING, job)
    if description is None:
        raise ClientError(f"There is no training job {job} in {client.meta.region_name}.")
    status = resources.TRAINING.status(description)
    artifacts = description.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    if resources.TRAINING.is_moving(description) or status == "Failed" or not artifacts:
        raise ClientError(f"The training job {job} has no model: its status is {status}.")
    return parse_s3(artifacts, "the model", "SageMaker writes nowhere else.")


def _model_body(launch: Launch, data: S3Location) -> dict[str, object]:
    return serving_requests.model_request(
        launch.name,
        launch.image,
        launch.role,
        data,
        environment=launch.environment,
        tags=launch.tags,
    )
