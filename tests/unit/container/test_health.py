"""The image's health check."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from object2vec_container.health import main


class Ping(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/ping" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[http.server.HTTPServer]:
    with http.server.HTTPServer(("127.0.0.1", 0), Ping) as running:
        monkeypatch.setenv("SAGEMAKER_BIND_TO_PORT", str(running.server_port))
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def command_file(folder: Path, *words: str) -> Path:
    path = folder / "cmdline"
    path.write_bytes("\0".join(words).encode() + b"\0")
    return path


SERVING = ("python3", "-m", "object2vec_container", "serve")


def test_a_server_is_healthy_while_ping_answers_200(
    tmp_path: Path, server: http.server.HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(command_file(tmp_path, *SERVING)) == 0
    monkeypatch.setattr(Ping, "status", 503)
    assert main(command_file(tmp_path, *SERVING)) == 1


def test_a_server_that_does_not_listen_is_not_healthy(
    tmp_path: Path, server: http.server.HTTPServer
) -> None:
    server.server_close()
    server.shutdown()
    assert main(command_file(tmp_path, *SERVING)) == 1


def test_without_a_command_the_folder_tells_what_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBJECT2VEC_ML_ROOT", str(tmp_path))
    monkeypatch.setenv("SAGEMAKER_BIND_TO_PORT", "1")
    assert main(command_file(tmp_path, *SERVING[:-1])) == 1
    (tmp_path / "input" / "config").mkdir(parents=True)
    (tmp_path / "input" / "config" / "hyperparameters.json").write_text("{}")
    assert main(command_file(tmp_path, *SERVING[:-1])) == 0


def test_a_training_is_always_healthy(tmp_path: Path) -> None:
    assert main(command_file(tmp_path, *SERVING[:-1], "train")) == 0
