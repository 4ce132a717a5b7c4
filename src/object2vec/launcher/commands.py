"""The subcommands of `object2vec sagemaker`.

Only what the command line needs is imported here: boto3 takes a third of a second, and the other
commands do without it.
"""

import argparse
import shlex
from typing import Any

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
KIND_WORDS = (
    *("training-job", "tuning-job", "transform-job"),
    *("endpoint", "endpoint-config", "model"),
)
_PLACE = "a path of this machine, which is uploaded, or s3://"


class ArgumentFile(argparse.ArgumentParser):
    """A parser that takes options from a file too: `@FILE`, as a shell would read them."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(fromfile_prefix_chars="@", allow_abbrev=False, **settings)

    def convert_arg_line_to_args(self, arg_line: str) -> list[str]:
        """Read one line of the file; `#` begins a comment."""
        return shlex.split(arg_line, comments=True)


def positive(text: str) -> int:
    """Read a whole number from 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds above 0")
    return number


def add_to(commands: Any) -> None:
    """Add the command `sagemaker` with its subcommands.

    Args:
        commands: The subparsers of the `object2vec` command.
    """
    sagemaker = commands.add_parser(
        "sagemaker", help="train, deploy, transform and tune on Amazon SageMaker"
    )
    subcommands = sagemaker.add_subparsers(
        required=True, metavar="COMMAND", parser_class=ArgumentFile
    )
    _add_train(subcommands)
    _add_deploy(subcommands)
    _add_transform(subcommands)
    _add_tune(subcommands)
    _add_status(subcommands)
    _add_delete(subcommands)


def _add_train(subcommands: Any) -> None:
    parser = subcommands.add_parser("train", help="run a training job")
    _add_job_options(parser)
    _add_launch_options(parser, "ml.m5.2xlarge")
    parser.add_argument("--download", metavar="FOLDER", help="bring the model into a new folder")
    parser.set_defaults(run=_train)


def _add_deploy(subcommands: Any) -> None:
    parser = subcommands.add_parser("deploy", help="create an endpoint that answers with a model")
    _add_model_options(parser)
    _add_launch_options(parser, "ml.m5.xlarge")
    parser.set_defaults(run=_deploy)


def _add_transform(subcommands: Any) -> None:
    parser = subcommands.add_parser("transform", help="answer all records of a file or folder")
    _add_model_options(parser)
    parser.add_argument("--input", required=True, metavar="PLACE", help=f"the records: {_PLACE}")
    parser.add_argument("--content-type", default="application/jsonlines", help="their form")
    parser.add_argument("--accept", help="the answers' form (default: that of the records)")
    parser.add_argument("--strategy", choices=("MultiRecord", "SingleRecord"))
    parser.add_argument("--max-payload", type=positive, metavar="MB", help="largest request")
    parser.add_argument("--max-concurrent", type=positive, metavar="N", help="requests at a time")
    _add_launch_options(parser, "ml.m5.xlarge")
    parser.add_argument("--download", metavar="FOLDER", help="bring the answers into a new folder")
    parser.set_defaults(run=_transform)


def _add_tune(subcommands: Any) -> None:
    parser = subcommands.add_parser("tune", help="run a hyperparameter tuning job")
    _add_job_options(parser)
    parser.add_argument(
        "--tune",
        action="append",
        default=[],
        metavar="RANGE",
        help="a hyperparameter to vary: NAME (recommended range), NAME=LOW:HIGH[:SCALING] or "
        "NAME=A,B; repeated (default: all with a recommended range and an effect)",
    )
    parser.add_argument("--objective", metavar="METRIC", help="default: the validation loss")
    parser.add_argument("--jobs", type=positive, default=20, help="training jobs (default: 20)")
    parser.add_argument("--parallel", type=positive, default=2, help="at a time (default: 2)")
    parser.add_argument(
        "--strategy", choices=("Bayesian", "Random", "Hyperband"), default="Bayesian"
    )
    parser.add_argument("--stop-early", action="store_true", help="stop jobs that do badly")
    _add_launch_options(parser, "ml.m5.2xlarge")
    parser.add_argument("--download", metavar="FOLDER", help="bring the best model here")
    parser.set_defaults(run=_tune)


def _add_status(subcommands: Any) -> None:
    parser = subcommands.add_parser("status", help="say how a job, endpoint or model is")
    _add_name(parser)
    parser.add_argument("--json", action="store_true", help="print all that the service says")
    parser.add_argument("--wait", action="store_true", help="wait for its end, with its log")
    _add_poll(parser)
    parser.set_defaults(run=_status)


def _add_delete(subcommands: Any) -> None:
    parser = subcommands.add_parser(
        "delete", help="stop a running job; delete an endpoint, with its config and model"
    )
    _add_name(parser)
    parser.set_defaults(run=_delete)


def _add_account_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("AWS account")
    group.add_argument("--region", help="default: that of the environment or the profile")
    group.add_argument("--profile", help="a profile of ~/.aws/config")


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--kind", choices=KIND_WORDS, help="where several things have the name")
    _add_account_options(parser)


def _add_poll(parser: Any) -> None:
    parser.add_argument(
        "--poll", type=_seconds, default=10, metavar="SECONDS", help="time between two looks"
    )


def _add_job_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the job")
    group.add_argument(
        "--hyperparameters", required=True, metavar="FILE", help="a JSON object; a path or s3://"
    )
    for channel in ("train", "validation", "test", "auxiliary"):
        group.add_argument(f"--{channel}", metavar="PLACE", help=f"channel: {_PLACE}")
    group.add_argument("--volume", type=positive, default=30, metavar="GB", help="default: 30")
    group.add_argument(
        "--max-runtime", type=positive, default=86_400, metavar="SECONDS", help="default: a day"
    )
    group.add_argument("--spot", action="store_true", help="spare machines, at times interrupted")
    group.add_argument(
        "--max-wait", type=positive, metavar="SECONDS", help="of spot jobs, the run included"
    )
    group.add_argument("--checkpoints", metavar="S3", help="where /opt/ml/checkpoints is kept")


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the model, one of")
    group.add_argument(
        "--model", metavar="PLACE", help="a model folder, a model.tar.gz, or its s3:// URI"
    )
    group.add_argument("--job", metavar="NAME", help="the training job that made it")


def _add_launch_options(parser: argparse.ArgumentParser, instance_type: str) -> None:
    group = parser.add_argument_group("on SageMaker")
    group.add_argument("--name", help="default: object2vec- and the time")
    group.add_argument("--image", metavar="URI", help="this project's image in your registry")
    group.add_argument("--role", help="ARN or name of the role that SageMaker runs it as")
    group.add_argument(
        "--output", metavar="S3", help="default: s3://sagemaker-REGION-ACCOUNT/object2vec"
    )
    group.add_argument("--instance-type", default=instance_type, help=f"default: {instance_type}")
    group.add_argument("--instance-count", type=positive, default=1, metavar="N")
    for option, what in (("--environment", "a variable of the container"), ("--tag", "a tag")):
        group.add_argument(
            option, action="append", default=[], metavar="NAME=VALUE", help=f"{what}; repeated"
        )
    group.add_argument(
        "--wait",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="wait for the end, and show statuses and log (default)",
    )
    _add_poll(group)
    _add_account_options(parser)


def _train(options: argparse.Namespace) -> None:
    from object2vec.launcher import outcomes, resources, training_launches  # noqa: PLC0415

    target = outcomes.check_target(options)
    session, name = training_launches.launch_training(options)
    description = _wait(options, session, resources.TRAINING, name)
    if description is not None and target is not None:
        outcomes.bring_model(session, name, target)


def _deploy(options: argparse.Namespace) -> None:
    from object2vec.launcher import resources, serving_launches  # noqa: PLC0415

    session, name = serving_launches.launch_endpoint(options)
    if _wait(options, session, resources.ENDPOINT, name) is not None:
        print(f"it costs money until it is deleted: object2vec sagemaker delete {name}")


def _transform(options: argparse.Namespace) -> None:
    from object2vec.launcher import outcomes, resources, serving_launches  # noqa: PLC0415

    target = outcomes.check_target(options)
    session, name = serving_launches.launch_transform(options)
    description = _wait(options, session, resources.TRANSFORM, name)
    if description is not None and target is not None:
        outcomes.bring_answers(session, description, target)


def _tune(options: argparse.Namespace) -> None:
    from object2vec.launcher import outcomes, resources, training_launches  # noqa: PLC0415

    target = outcomes.check_target(options)
    session, name = training_launches.launch_tuning(options)
    description = _wait(options, session, resources.TUNING, name)
    if description is not None:
        best = outcomes.best_job(description)
        if target is not None:
            outcomes.bring_model(session, best, target)


def _status(options: argparse.Namespace) -> None:
    from object2vec.launcher import outcomes, resources  # noqa: PLC0415
    from object2vec.launcher.session import Session  # noqa: PLC0415

    session = Session(options.region, options.profile)
    found = resources.find(session.client("sagemaker"), options.name, _kind(options))
    if options.wait:
        _wait(options, session, found.kind, found.name)
    else:
        outcomes.show(found, as_json=options.json)


def _delete(options: argparse.Namespace) -> None:
    from object2vec.launcher import resources  # noqa: PLC0415
    from object2vec.launcher.launch import tell  # noqa: PLC0415
    from object2vec.launcher.session import Session  # noqa: PLC0415

    client = Session(options.region, options.profile).client("sagemaker")
    found = resources.find(client, options.name, _kind(options))
    resources.end(client, found, tell)


def _kind(options: argparse.Namespace) -> Any:
    from object2vec.launcher import resources  # noqa: PLC0415

    words = (options.kind or "").replace("-", " ")
    return next((kind for kind in resources.KINDS if kind.word == words), None)


def _wait(options: argparse.Namespace, session: Any, kind: Any, name: str) -> Any:
    """Wait, if that is wanted; return the description at a good end, None without waiting.

    Raises:
        Object2VecError: It ended badly, or cannot be asked after.
        SystemExit: The user has interrupted the wait.
    """
    from object2vec.launcher import outcomes  # noqa: PLC0415

    follow = f"object2vec sagemaker status {name} --wait"
    if not options.wait:
        print(f"to follow it: {follow}")
        return None
    try:
        return outcomes.wait_for(session, kind, name, options)
    except KeyboardInterrupt:
        print(
            f"\nNo longer waiting; the {kind.word} {name} goes on. To follow it: {follow}; to end "
            f"it: object2vec sagemaker delete {name}"
        )
        raise SystemExit(INTERRUPTED) from None
