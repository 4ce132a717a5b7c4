"""On a real terminal `train` draws a progress bar; the lines of every 100 batches make room."""

import re


def test_a_terminal_gets_a_bar_with_the_log_lines_above_it(ml_folder) -> None:
    ml_folder.channel("train", ml_folder.records(110))
    ml_folder.hyperparameters(mini_batch_size="1")
    exit_code, drawn = ml_folder.train_on_terminal()
    assert exit_code == 0
    # Every line begins at the left edge: after a line's end, or after a carriage return.
    lines = re.split(r"[\r\n]+", drawn)
    bars = [line for line in lines if line.startswith("epoch ")]
    assert any(re.match(r"epoch 1 of at most 2:  45%\|", line) for line in bars)  # 100 of 110
    assert any(re.match(r"epoch 2 of at most 2: 100%\|", line) for line in bars)
    assert all("records/s, perplexity" in line for line in bars[1:] if "100%" in line)
    assert all(len(line) <= 120 for line in bars)
    assert len([line for line in lines if "#quality_metric: host=algo-1, epoch=" in line]) == 4
    assert all(line.startswith("[") for line in lines if "#quality_metric" in line)
    assert "batches: 100, num_examples" not in drawn
    assert not lines[-1].startswith("epoch ")  # the bar is removed in the end


def test_a_failure_on_a_terminal_leaves_no_bar_behind(ml_folder) -> None:
    ml_folder.channel("train", ml_folder.records(230, 1e30))
    ml_folder.hyperparameters(
        mini_batch_size="1", output_layer="mean_squared_error", optimizer="sgd", learning_rate="1"
    )
    exit_code, drawn = ml_folder.train_on_terminal()
    assert exit_code == 2
    error = next(line for line in drawn.split("\r\n") if "ClientError: " in line)
    assert error.rpartition("\r")[2].startswith("[")
    assert "epoch 1 of at most" not in drawn[drawn.index("ClientError: ") :]


def test_a_dumb_terminal_gets_no_bar(ml_folder) -> None:
    ml_folder.channel("train", ml_folder.records(20)).hyperparameters(epochs="1")
    exit_code, drawn = ml_folder.train_on_terminal(term="dumb")
    assert exit_code == 0
    assert "of at most" not in drawn


def test_a_named_job_gets_no_bar(ml_folder) -> None:
    """The SDK's local mode gives a container a terminal, and shows whole lines of it only."""
    ml_folder.channel("train", ml_folder.records(110)).hyperparameters(mini_batch_size="1")
    exit_code, drawn = ml_folder.train_on_terminal(TRAINING_JOB_NAME="object2vec-1")
    assert exit_code == 0
    assert "of at most" not in drawn
    assert "batches: 100, num_examples" in drawn
