"""The generated reference stands as the table says, and the API's documents are consistent."""

import json
import re
from pathlib import Path

import pytest

from object2vec.algorithm_specification import create_algorithm_request, tuning_ranges
from object2vec.documentation import generated_files, hyperparameters_markdown, main
from object2vec.hyperparameter_table import HYPERPARAMETERS
from object2vec.metric_definitions import METRIC_DEFINITIONS

DOCS = Path(__file__).parents[2] / "docs"


def specifications() -> dict[str, dict]:
    training = create_algorithm_request()["TrainingSpecification"]
    return {line["Name"]: line for line in training["SupportedHyperParameters"]}


@pytest.mark.parametrize("name", generated_files())
def test_a_generated_file_in_docs_is_up_to_date(name: str) -> None:
    text = (DOCS / name).read_text(encoding="utf-8")
    assert text == generated_files()[name], f"docs/{name} is stale: run `make docs`"


def test_the_command_writes_every_file_into_the_folder(tmp_path: Path) -> None:
    assert main([str(tmp_path / "made")]) == 0
    written = {path.name: path.read_text("utf-8") for path in (tmp_path / "made").iterdir()}
    assert written == generated_files()


def test_every_name_has_one_row_in_the_reference() -> None:
    text = hyperparameters_markdown()
    tables, _, _ = text.partition("## How values are read")
    for name in HYPERPARAMETERS:
        assert tables.count(f"\n| `{name}` | ") == 1
    for metric in METRIC_DEFINITIONS:
        assert f"| `{metric.name}` |" in text


def test_the_specification_lists_all_43_names_with_the_api_s_types() -> None:
    types = {name: line["Type"] for name, line in specifications().items()}
    assert set(types) == set(HYPERPARAMETERS)
    assert types["enc_dim"] == "Integer"
    assert types["dropout"] == "Continuous"
    assert types["optimizer"] == "Categorical"
    assert types["tied_token_embedding_weight"] == "Categorical"
    assert types["comparator_list"] == "FreeText"
    assert types["padding_id"] == "FreeText"
    for line in specifications().values():
        assert ("Range" in line) == (line["Type"] != "FreeText")
        assert not (line["IsTunable"] and line["Type"] == "FreeText")
        assert not (line["IsRequired"] and "DefaultValue" in line)


def test_a_default_lies_within_the_specification_s_range() -> None:
    for line in specifications().values():
        if "DefaultValue" not in line or "Range" not in line:
            continue
        (limits,) = line["Range"].values()
        if line["Type"] == "Categorical":
            assert line["DefaultValue"] in limits["Values"]
        else:
            low, high = float(limits["MinValue"]), float(limits["MaxValue"])
            assert low <= float(line["DefaultValue"]) <= high


def test_the_documented_optional_names_keep_their_wide_ranges() -> None:
    integer = "IntegerParameterRangeSpecification"
    assert specifications()["mlp_layers"]["Range"][integer]["MinValue"] == "0"
    assert specifications()["negative_sampling_rate"]["Range"][integer] == {
        "MinValue": "0",
        "MaxValue": "2147483647",
    }
    layers = specifications()["enc1_layers"]["Range"]["CategoricalParameterRangeSpecification"]
    assert layers["Values"] == ["auto", "1", "2", "3", "4"]


def test_tuning_ranges_have_the_specification_s_types_and_all_tunables() -> None:
    ranges = tuning_ranges()
    types = specifications()
    listed = set()
    for api_type in ("Continuous", "Integer", "Categorical"):
        for line in ranges[f"{api_type}ParameterRanges"]:
            listed.add(line["Name"])
            assert types[line["Name"]]["Type"] == api_type
            assert types[line["Name"]]["IsTunable"]
    assert listed == {name for name, line in types.items() if line["IsTunable"]}
    assert len(listed) == 18


def test_channels_and_content_types_are_the_original_s() -> None:
    request = create_algorithm_request()
    training = request["TrainingSpecification"]
    channels = {channel["Name"]: channel for channel in training["TrainingChannels"]}
    assert list(channels) == ["train", "validation", "test", "auxiliary"]
    assert [name for name, channel in channels.items() if channel["IsRequired"]] == ["train"]
    for name in ("train", "validation", "test"):
        assert channels[name]["SupportedContentTypes"] == ["application/jsonlines"]
        # The original takes File mode only.
        assert channels[name]["SupportedInputModes"] == ["File", "Pipe"]
    assert channels["auxiliary"]["SupportedInputModes"] == ["File"]
    assert training["SupportsDistributedTraining"] is False
    answers = ["application/json", "application/jsonlines"]
    assert request["InferenceSpecification"]["SupportedContentTypes"] == answers
    assert request["InferenceSpecification"]["SupportedResponseMIMETypes"] == answers


def test_objectives_are_the_six_of_the_original() -> None:
    training = create_algorithm_request()["TrainingSpecification"]
    objectives = {
        line["MetricName"]: line["Type"] for line in training["SupportedTuningJobObjectiveMetrics"]
    }
    assert objectives == {
        "test:mean_squared_error": "Minimize",
        "validation:mean_squared_error": "Minimize",
        "test:accuracy": "Maximize",
        "test:cross_entropy": "Minimize",
        "validation:accuracy": "Maximize",
        "validation:cross_entropy": "Minimize",
    }


@pytest.mark.parametrize(
    ("name", "line", "value"),
    [
        (
            "train:accuracy",
            "#quality_metric: host=algo-1, epoch=0, train accuracy <score>=0.8743",
            "0.8743",
        ),
        (
            "train:cross_entropy",
            "#quality_metric: host=algo-1, epoch=3, train cross_entropy <loss>=0.5",
            "0.5",
        ),
        (
            "validation:mean_squared_error",
            "#quality_metric: host=algo-1, epoch=8, validation mean_squared_error <loss>=0.919",
            "0.919",
        ),
        (
            "test:cross_entropy",
            "#quality_metric: host=algo-1, test cross_entropy <loss>=0.1808",
            "0.1808",
        ),
        ("train:progress", "#progress_metric: host=algo-1, completed 5.0 % of epochs", "5.0"),
        (
            "train:throughput",
            "#throughput_metric: host=algo-1, train throughput=13832.43 records/second",
            "13832.43",
        ),
    ],
)
def test_a_metric_s_regex_finds_the_value_in_the_original_s_line_alone(
    name: str, line: str, value: str
) -> None:
    found = {
        metric.name: match.group(1)
        for metric in METRIC_DEFINITIONS
        if (match := re.search(metric.regex, line))
    }
    assert found == {name: value}


def test_the_json_files_are_json() -> None:
    files = generated_files()
    assert json.loads(files["algorithm_specification.json"]) == create_algorithm_request()
    assert json.loads(files["tuning_ranges.json"]) == tuning_ranges()
