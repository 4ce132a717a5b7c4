"""Launching training jobs and tuning jobs: the hyperparameter file and the channels to a job."""

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

from object2vec.data.files import find_files
from object2vec.hyperparameters import Hyperparameters
from object2vec.launcher import given_values, training_requests, tuning
from object2vec.launcher.hyperparameter_file import read_hyperparameter_strings
from object2vec.launcher.launch import IN_S3, Launch, tell
from object2vec.launcher.locations import Location, S3Location, parse_location, parse_s3
from object2vec.launcher.session import Session
from object2vec.launcher.storage import Storage, local_copy


def launch_training(options: Namespace) -> tuple[Session, str]:
    """Create a training job and return its name."""
    machine = _machine(options)
    strings, channels, hyperparameters = _read_job(options)
    launch = Launch(options)
    places = _place_channels(launch, channels)
    _tell_notes(hyperparameters)
    training = _training(launch, strings, places, machine)
    _upload_channels(launch, channels, places)
    launch.create("create_training_job", training_requests.training_request(training))
    tell(f"training job {launch.name}: created, output below {launch.output / launch.name}")
    return launch.session, launch.name


def launch_tuning(options: Namespace) -> tuple[Session, str]:
    """Create a tuning job and return its name."""
    machine = _machine(options)
    strings, channels, hyperparameters = _read_job(options)
    objective = tuning.choose_objective(options.objective, hyperparameters, channels)
    ranges = tuning.choose_ranges(options.tune, strings)
    names = tuning.tuned_names(ranges)
    static = {name: value for name, value in strings.items() if name not in names}
    launch = Launch(options, given_values.LONGEST_TUNING_NAME)
    places = _place_channels(launch, channels)
    body = training_requests.tuning_request(
        _training(launch, static, places, machine),
        ranges,
        objective,
        jobs=options.jobs,
        parallel=min(options.parallel, options.jobs),
        strategy=options.strategy,
        stop_early=options.stop_early,
    )
    _upload_channels(launch, channels, places)
    launch.create("create_hyper_parameter_tuning_job", body)
    tell(
        f"tuning job {launch.name}: created, {options.jobs} training jobs; "
        f"{objective['Type'].lower()}s {objective['MetricName']} over {', '.join(sorted(names))}"
    )
    return launch.session, launch.name


def _machine(options: Namespace) -> training_requests.Machine:
    return training_requests.Machine(
        options.instance_type,
        options.instance_count,
        options.volume,
        options.max_runtime,
        options.spot,
        options.max_wait,
    )


def _read_job(
    options: Namespace,
) -> tuple[dict[str, str], dict[str, Location], Hyperparameters]:
    """Return what a job is given: strings, channels, and the strings as the job will read them."""
    location = parse_location(options.hyperparameters)
    with local_copy(location, Storage(Session(options.region, options.profile))) as path:
        strings = read_hyperparameter_strings(path)
    channels = {
        name: parse_location(text)
        for name in training_requests.CHANNELS
        if (text := getattr(options, name)) is not None
    }
    hyperparameters = training_requests.check_training(strings, channels)
    for name, location in channels.items():
        if isinstance(location, Path):
            find_files(location, name)
    return strings, channels, hyperparameters


def _tell_notes(hyperparameters: Hyperparameters) -> None:
    for note in hyperparameters.notes:
        tell(f"{note.level}: {note.message}")


def _training(
    launch: Launch,
    strings: Mapping[str, str],
    places: Mapping[str, S3Location],
    machine: training_requests.Machine,
) -> training_requests.Training:
    given = launch.options.checkpoints
    return training_requests.Training(
        launch.name,
        launch.image,
        launch.role,
        strings,
        places,
        launch.output,
        machine,
        parse_s3(given, "--checkpoints", IN_S3) if given else None,
        launch.environment,
        launch.tags,
    )


def _place_channels(launch: Launch, channels: Mapping[str, Location]) -> dict[str, S3Location]:
    """Return the channels' places in S3, after a look whether there is anything to read."""
    places = {}
    for name, location in channels.items():
        if isinstance(location, Path):
            places[name] = launch.output / launch.name / "input" / name
        else:
            launch.refuse_nothing(f"--{name}", location)
            places[name] = location
    return places


def _upload_channels(
    launch: Launch, channels: Mapping[str, Location], places: Mapping[str, S3Location]
) -> None:
    for name, location in channels.items():
        if isinstance(location, Path):
            launch.upload(name, find_files(location, name).data, location, places[name])
