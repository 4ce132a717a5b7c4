r"""Train, deploy and ask the image with the SageMaker Python SDK's Estimator (`sagemaker<3`).

    build/sagemaker2/bin/python examples/sagemaker/estimator.py --local --data ml-100k
    build/sagemaker2/bin/python examples/sagemaker/estimator.py --data ml-100k \
        --role ROLE_ARN --image IMAGE_URI --bucket BUCKET

--local runs everything in containers on this machine, without an account and without network (set
AWS_EC2_METADATA_DISABLED=true, or the SDK looks for credentials while it is imported, in vain).
Otherwise the same calls run in yours; the bucket gets data and models, and the endpoint is deleted.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import movie_ratings
import sagemaker
from movie_ratings import CHANNELS, CONTENT_TYPE, Rating
from sagemaker.config import load_sagemaker_config
from sagemaker.deserializers import JSONDeserializer, JSONLinesDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.local import LocalSession
from sagemaker.predictor import Predictor
from sagemaker.s3 import S3Downloader
from sagemaker.serializers import JSONLinesSerializer, JSONSerializer

ASKED = 4  # How many ratings the endpoint is asked for.
Answers = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the jobs run.

    Attributes:
        session: The SDK's session.
        role: The role that jobs run under.
        image: The image of training and serving.
        training_instance: The kind of machine for the training.
        serving_instance: The kind of machine for the endpoint and the batch transform.
        output: Where models and results go.
    """

    session: sagemaker.Session
    role: str
    image: str
    training_instance: str
    serving_instance: str
    output: str

    @classmethod
    def local(cls, folder: Path, port: int) -> "Place":
        """Return this machine: containers with their files below `folder`."""
        # No credentials of anyone's, so that none are looked for or handed to a container.
        nobody = boto3.Session(
            aws_access_key_id="none", aws_secret_access_key="none", region_name="us-east-1"
        )
        configuration = load_sagemaker_config([str(movie_ratings.SDK_CONFIGURATION)])
        session = LocalSession(nobody, sagemaker_config=configuration)
        models, containers = folder / "model", folder / "containers"
        for place in (models, containers):  # A model must not lie among another one's files.
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
        session.config = {
            "local": {
                "local_code": True,  # The SDK reads file:// as what it says, not as S3.
                "container_root": str(containers),
                "serving_port": port,
            }
        }
        role, image = movie_ratings.LOCAL_ROLE, movie_ratings.IMAGE
        return cls(session, role, image, "local", "local", models.as_uri())

    @classmethod
    def account(cls, role: str, image: str, bucket: str) -> "Place":
        """Return the caller's account."""
        session = sagemaker.Session(default_bucket=bucket)
        return cls(session, role, image, "ml.c5.xlarge", "ml.c5.large", f"s3://{bucket}/object2vec")

    def bring(self, folder: Path, name: str) -> str:
        """Return where jobs find a folder of this machine, after an upload where one is needed."""
        if self.session.local_mode:
            return folder.as_uri()
        bucket = self.session.default_bucket()
        return str(self.session.upload_data(str(folder), bucket, f"object2vec/data/{name}"))


def train(
    place: Place, channels: Path, hyperparameters: dict[str, str], instances: int
) -> Estimator:
    """Train one model on all instances; their log is printed.

    Raises:
        SystemExit: The job failed in local mode; it says why.
        sagemaker.exceptions.UnexpectedStatusException: It failed in the account; it says why.
    """
    estimator = Estimator(
        place.image,
        place.role,
        instance_count=instances,
        instance_type=place.training_instance,
        hyperparameters=hyperparameters,
        metric_definitions=movie_ratings.metric_definitions(),
        output_path=place.output,
        base_job_name="object2vec",
        sagemaker_session=place.session,
    )
    inputs = {
        name: TrainingInput(place.bring(channels / name, name), content_type=CONTENT_TYPE)
        for name in CHANNELS
    }
    try:
        estimator.fit(inputs)
    except RuntimeError as error:
        output = Path(place.output.removeprefix("file://"), "output.tar.gz")
        sys.exit(f"{error}\n{movie_ratings.failure(output)}")
    return estimator


def ask_endpoint(place: Place, estimator: Estimator, ratings: Sequence[Rating]) -> Answers:
    """Deploy the model, ask for scores and film embeddings in both forms, and delete the endpoint.

    Returns:
        The answers to each question, a record each.
    """
    document = estimator.deploy(
        initial_instance_count=1,
        instance_type=place.serving_instance,
        serializer=JSONSerializer(),
        deserializer=JSONDeserializer(),
    )
    try:
        lines = Predictor(
            document.endpoint_name, place.session, JSONLinesSerializer(), JSONLinesDeserializer()
        )
        pairs = [rating.record for rating in ratings]
        films = [{"in1": rating.record["in1"]} for rating in ratings]
        return {
            "scores, JSON": document.predict({"instances": pairs})["predictions"],
            "scores, JSON Lines": lines.predict(pairs),
            "embeddings, JSON": document.predict({"instances": films})["predictions"],
            "embeddings, JSON Lines": lines.predict(films),
        }
    finally:
        document.delete_model()
        document.delete_endpoint()


def transform(place: Place, estimator: Estimator, channels: Path) -> list[dict[str, Any]]:
    """Score the labelled test channel by a batch transform; return a score a record."""
    output = f"{place.output}/transform"
    transformer = estimator.transformer(
        instance_count=1,
        instance_type=place.serving_instance,
        strategy="MultiRecord",
        assemble_with="Line",
        accept=CONTENT_TYPE,
        output_path=output,
    )
    transformer.transform(
        place.bring(channels / "test", "test"),
        content_type=CONTENT_TYPE,
        split_type="Line",
        logs=not place.session.local_mode,  # Local mode prints them itself, and asks AWS for more.
    )
    transformer.delete_model()
    if place.session.local_mode:
        text = Path(output.removeprefix("file://"), "test.jsonl.out").read_text(encoding="utf-8")
    else:
        text = S3Downloader.read_file(f"{output}/test.jsonl.out", place.session)
    # AssembleWith Line sets a newline after every answer, also after one that ends with its own.
    return [json.loads(line) for line in text.splitlines() if line]


def print_table(answers: Answers, ratings: Sequence[Rating]) -> None:
    """Print what was got, a line a question."""
    print(f"\n{'question':24} {'records':>7}  the first answer")
    for question, records in answers.items():
        name, numbers = next(iter(records[0].items()))
        shown = ", ".join(f"{number:.3f}" for number in numbers[:3])
        more = ", ..." if len(numbers) > 3 else ""
        print(f"{question:24} {len(records):7,}  {len(numbers):4} {name}: {shown}{more}")
    scores = [record["scores"][0] for record in answers["scores, transform"]]
    labels = [rating.label for rating in ratings]
    mean = [sum(labels) / len(labels)] * len(labels)
    print(
        f"\nmean squared error over the test channel: {squared_error(scores, labels):.3f} "
        f"(of the mean rating: {squared_error(mean, labels):.3f})"
    )


def squared_error(scores: Sequence[float], labels: Sequence[float]) -> float:
    """Return the mean squared error."""
    pairs = list(zip(scores, labels, strict=True))
    return sum((score - label) ** 2 for score, label in pairs) / len(pairs)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, deploy, ask, transform, and print what was got."""
    parser = argparse.ArgumentParser(description="Object2Vec by the SageMaker SDK's Estimator.")
    parser.add_argument("--local", action="store_true", help="on this machine, offline")
    parser.add_argument("--role", metavar="ARN", help="the role of the jobs in your account")
    parser.add_argument("--image", metavar="URI", help="the image, in your account's registry")
    parser.add_argument("--bucket", metavar="NAME", help="your bucket for data and models")
    parser.add_argument(
        "--port", type=int, default=8080, help="of the local endpoint (default: 8080)"
    )
    parser.add_argument(
        "--instances", type=int, default=1, help="that train the model together (default: 1)"
    )
    movie_ratings.add_arguments(parser)
    options = parser.parse_args(arguments)
    folder = options.output.resolve()
    if options.local:
        place = Place.local(folder, options.port)
    elif options.role and options.image and options.bucket:
        place = Place.account(options.role, options.image, options.bucket)
    else:
        parser.error("either --local, or --role, --image and --bucket")
    channels = movie_ratings.prepare_channels(options.data, folder / "prepared")
    test = movie_ratings.read_ratings(channels, "test")
    hyperparameters = movie_ratings.published_hyperparameters(options.epochs, options.set)
    estimator = train(place, channels, hyperparameters, options.instances)
    answers = ask_endpoint(place, estimator, test[:ASKED])
    answers["scores, transform"] = transform(place, estimator, channels)
    (folder / "answers.json").write_text(json.dumps(answers))
    print_table(answers, test)


if __name__ == "__main__":
    main()
