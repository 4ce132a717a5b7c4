"""Train the image with the third major version of the SageMaker Python SDK: its ModelTrainer.

    build/sagemaker3/bin/python examples/sagemaker/model_trainer.py --data ml-100k

The training runs in a container on this machine, without an account and without network.
"""

import argparse
import os
import shutil
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import movie_ratings
from sagemaker.core.shapes import MetricDefinition
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData
from sagemaker.train.model_trainer import Mode


def train(channels: Path, hyperparameters: dict[str, str], folder: Path) -> Path:
    """Train in a container; its log is printed.

    Args:
        channels: The folder of the channels' folders.
        hyperparameters: As text, as the service hands them on.
        folder: Where the SDK keeps the job's files.

    Returns:
        The folder of what the job left, as archives.

    Raises:
        SystemExit: The job failed; it says why.
    """
    # The SDK makes a session of its own: it needs no credentials, and is to tell no one of itself.
    os.environ.setdefault("SAGEMAKER_USER_CONFIG_OVERRIDE", str(movie_ratings.SDK_CONFIGURATION))
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    shutil.rmtree(folder, ignore_errors=True)  # A job's folder must not hold another job's model.
    folder.mkdir(parents=True)
    trainer = ModelTrainer(
        training_mode=Mode.LOCAL_CONTAINER,
        training_image=movie_ratings.IMAGE,
        role=movie_ratings.LOCAL_ROLE,
        compute=Compute(instance_type="local_cpu", instance_count=1),
        hyperparameters=hyperparameters,
        base_job_name="object2vec",
        local_container_root=str(folder),
    ).with_metric_definitions(
        [
            MetricDefinition(name=metric["Name"], regex=metric["Regex"])
            for metric in movie_ratings.metric_definitions()
        ]
    )
    results = folder / "compressed_artifacts"
    try:
        trainer.train(
            [
                InputData(
                    channel_name=name,
                    data_source=str(channels / name),
                    content_type=movie_ratings.CONTENT_TYPE,
                )
                for name in movie_ratings.CHANNELS
            ]
        )
    except RuntimeError as error:
        sys.exit(f"{error}\n{movie_ratings.failure(results / 'output.tar.gz')}")
    return results


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, unpack the model, and say where it is."""
    parser = argparse.ArgumentParser(description="Object2Vec by the SageMaker SDK's ModelTrainer.")
    movie_ratings.add_arguments(parser)
    options = parser.parse_args(arguments)
    folder = options.output.resolve()
    channels = movie_ratings.prepare_channels(options.data, folder / "prepared")
    hyperparameters = movie_ratings.published_hyperparameters(options.epochs, options.set)
    results = train(channels, hyperparameters, folder / "job")
    model = folder / "model"
    with tarfile.open(results / "model.tar.gz") as archive:
        archive.extractall(model, filter="data")
    print(f"\nnow: .venv/bin/object2vec inspect {model}")


if __name__ == "__main__":
    main()
