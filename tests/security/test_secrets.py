"""What is secret in the environment, or sent in a header, is in no log, failure file or model."""

from pathlib import Path

import pytest
from tests.contract.conftest import MLFolderBuilder
from tests.contract.serving.server import Server

SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIA-o2v-hidden-key",
    "AWS_SECRET_ACCESS_KEY": "o2v-hidden-secret-key",
    "AWS_SESSION_TOKEN": "o2v-hidden-session-token",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/o2v-hidden-path",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "o2v-hidden-authorization",
    "PRESIGNED_URL": "https://bucket.s3.amazonaws.com/x?X-Amz-Signature=o2v-hidden-signature",
    "HTTPS_PROXY": "http://user:o2v-hidden-password@proxy:3128",
}
MARK = b"o2v-hidden"


@pytest.fixture
def builder(tmp_path: Path) -> MLFolderBuilder:
    return MLFolderBuilder(tmp_path / "ml")


def assert_hidden(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert MARK not in path.read_bytes(), path


def test_a_training_tells_no_secret(builder: MLFolderBuilder) -> None:
    builder.hyperparameters().channel("train", builder.records(60))
    (builder.root / "checkpoints").mkdir()
    done = builder.train(variables=SECRETS)
    assert done.exit_code == 0, done.log
    assert MARK.decode() not in done.log + done.errors
    assert list((builder.root / "checkpoints").iterdir())
    assert_hidden(builder.root)


@pytest.mark.parametrize("program_fault", [False, True])
def test_a_failed_training_tells_no_secret(builder: MLFolderBuilder, program_fault: bool) -> None:
    builder.hyperparameters().channel("train", [{"label": "x"}])
    if program_fault:  # a file where a folder must be: an error that nothing foresees
        builder.channel("train", builder.records(60))
        builder.model.write_text("")
    done = builder.train(variables=SECRETS)
    assert done.exit_code not in (0, None)
    assert "Traceback" in done.log
    assert MARK.decode() not in done.log + done.errors + (done.failure or "")
    assert_hidden(builder.root)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ML folder with a model."""
    builder = MLFolderBuilder(tmp_path_factory.mktemp("trained") / "ml")
    builder.hyperparameters(epochs="1").channel("train", builder.records(60))
    assert builder.train().exit_code == 0
    return builder.root


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_server_tells_no_secret_of_its_environment_or_of_a_request(
    trained: Path, tmp_path: Path, log_format: str
) -> None:
    log = tmp_path / "serve.log"
    variables = {**SECRETS, "OBJECT2VEC_LOG_FORMAT": log_format}
    variables["SAGEMAKER_MODEL_SERVER_WORKERS"] = "1"
    headers = {
        "Authorization": f"Bearer {MARK.decode()}",
        "Cookie": f"session={MARK.decode()}",
        "X-Amz-Security-Token": MARK.decode(),
        "X-Amzn-SageMaker-Custom-Attributes": MARK.decode(),
    }
    with Server(trained, log, **variables) as server:
        good = b'{"instances": [{"in0": [1], "in1": [2]}]}'
        answers = [
            server.request("POST", path, body, {"Content-Type": "application/json", **headers})
            for path in ("/invocations", f"/invocations?X-Amz-Signature={MARK.decode()}")
            for body in (good, b'{"instances": [{"in0": ["' + MARK + b'"]}]}', MARK)
        ]
        answers.append(server.request("GET", f"/{MARK.decode()}"))
        metrics = server.get("/metrics").body
    assert {answer.status for answer in answers} >= {200, 400, 404}
    assert MARK not in log.read_bytes() + metrics
