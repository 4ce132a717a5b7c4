"""What the platform asks beside invocations."""

from tests.contract.serving.server import Server


def test_ping_is_an_empty_200_when_the_model_is_warm(hcnn_server: Server) -> None:
    answer = hcnn_server.get("/ping")
    assert (answer.status, answer.body) == (200, b"")


def test_execution_parameters_are_those_of_the_machine(hcnn_server: Server) -> None:
    parameters = hcnn_server.get("/execution-parameters").json()
    assert parameters["BatchStrategy"] == "MULTI_RECORD"
    assert parameters["MaxPayloadInMB"] == 6
    assert parameters["MaxConcurrentTransforms"] == min(2 * len(hcnn_server.workers), 16)
