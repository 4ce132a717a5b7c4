"""`train` refuses what it cannot do: exit code, failure file, and no traceback in it."""

import os
import signal

from object2vec.saved_model import SavedModel

FAILURE_CHARACTERS = 1024


def small_job(ml_folder, **hyperparameters: str):
    return ml_folder.channel("train", ml_folder.records(20)).hyperparameters(**hyperparameters)


def assert_told(run, exit_code: int, fault_name: str, *words: str) -> None:
    """The failure file says whose fault it is and what; the log says it too, with the traceback."""
    assert run.exit_code == exit_code
    assert run.failure is not None
    assert run.failure.startswith(f"{fault_name}: ")
    assert len(run.failure) <= FAILURE_CHARACTERS
    for word in words:
        assert word in run.failure
    assert "Traceback" not in run.failure
    assert f"] {run.failure.splitlines()[0]}" in run.log
    assert run.log.index(run.failure.splitlines()[0]) < run.log.index("Traceback (most recent")


def test_bad_hyperparameters_are_all_told_and_at_once(ml_folder) -> None:
    small_job(ml_folder, enc_dim="3", epochs="many", learnig_rate="0.1")
    before = os.times()
    run = ml_folder.train()
    after = os.times()
    assert_told(
        run,
        2,
        "ClientError",
        "3 problems in the hyperparameters:",
        "'enc_dim' should be within range (4, 10000), got '3'",
        "'epochs'",
        "did you mean 'learning_rate'?",
    )
    # Processor time, which other programs of the machine do not lengthen much.
    assert after.children_user - before.children_user < 1
    assert not ml_folder.model.exists()


def test_bad_hyperparameters_are_refused_without_loading_the_engine(ml_folder, tmp_path) -> None:
    small_job(ml_folder, enc_dim="3")
    (tmp_path / "no_engine").mkdir()
    (tmp_path / "no_engine" / "mxnet.py").write_text("raise SystemExit('the engine was loaded')")
    path = os.pathsep.join([str(tmp_path / "no_engine"), os.environ.get("PYTHONPATH", "")])
    run = ml_folder.train(variables={"PYTHONPATH": path})
    assert_told(run, 2, "ClientError", "'enc_dim'")


def test_many_problems_leave_the_head_and_a_note_in_the_failure_file(ml_folder) -> None:
    small_job(ml_folder, **{f"wrong_name_number_{number}": "1" for number in range(60)})
    run = ml_folder.train()
    assert_told(
        run,
        2,
        "ClientError",
        "60 problems in the hyperparameters:",
        "'wrong_name_number_0' is not a hyperparameter",
        "lines are left out here; the log has them all]",
        "'wrong_name_number_59' is not a hyperparameter",
    )
    assert "'wrong_name_number_30' is not a hyperparameter" in run.log


def test_without_hyperparameters_it_says_where_it_looked(ml_folder) -> None:
    run = ml_folder.train()
    path = ml_folder.root / "input" / "config" / "hyperparameters.json"
    assert_told(run, 2, "ClientError", f"{path} does not exist", "OBJECT2VEC_ML_ROOT")


def test_without_an_ml_folder_it_makes_none(ml_folder, tmp_path) -> None:
    run = ml_folder.train(variables={"OBJECT2VEC_ML_ROOT": str(tmp_path / "nowhere")})
    assert run.exit_code == 2
    assert "ClientError: There are no hyperparameters" in run.log
    assert "The failure file cannot be written" in run.log
    assert not (tmp_path / "nowhere").exists()


def test_a_bad_record_is_named_by_file_and_line(ml_folder) -> None:
    records = [*ml_folder.records(5), {"in0": [99], "in1": [1], "label": 0}]
    run = ml_folder.hyperparameters().channel("train", records).train()
    assert_told(run, 2, "ClientError", "data.jsonl, line 6, field 'in0'", "99")


def test_an_empty_train_channel_is_the_client_s_fault(ml_folder) -> None:
    ml_folder.hyperparameters()
    (ml_folder.root / "input" / "data" / "train").mkdir()
    assert_told(ml_folder.train(), 2, "ClientError", "Channel 'train'", "no data file")


def test_an_unknown_input_mode_is_refused(ml_folder) -> None:
    small_job(ml_folder).config("inputdataconfig", {"train": {"TrainingInputMode": "Tube"}})
    assert_told(
        ml_folder.train(),
        2,
        "ClientError",
        "'Tube' is not supported, use 'File', 'FastFile' or 'Pipe'",
    )


def test_a_diverged_training_names_epoch_batch_and_learning_rate(ml_folder) -> None:
    records = ml_folder.records(40, 1e30)
    ml_folder.channel("train", records)
    ml_folder.hyperparameters(
        output_layer="mean_squared_error", optimizer="sgd", learning_rate="1.0"
    )
    assert_told(ml_folder.train(), 2, "ClientError", "diverged", "epoch 0, batch ", "learning_rate")


def test_a_vocabulary_without_the_auxiliary_channel_is_the_client_s_fault(ml_folder) -> None:
    small_job(ml_folder, enc0_vocab_file="words.json")
    assert_told(ml_folder.train(), 2, "ClientError", "enc0_vocab_file", "'auxiliary'")


def test_a_model_folder_that_is_a_file_is_the_platform_s_fault(ml_folder) -> None:
    small_job(ml_folder)
    ml_folder.model.write_text("in the way")
    assert_told(ml_folder.train(), 3, "PlatformError", str(ml_folder.model))


def test_a_failure_file_that_cannot_be_written_hides_nothing(ml_folder) -> None:
    small_job(ml_folder, enc_dim="3")
    ml_folder.failure.mkdir(parents=True)
    run = ml_folder.train()
    assert run.exit_code == 2
    assert "ClientError: 1 problem in the hyperparameters:" in run.log
    assert "The failure file cannot be written" in run.log


def test_sigterm_ends_the_job_in_good_order_with_the_best_model_so_far(ml_folder) -> None:
    ml_folder.channel("train", ml_folder.records(2000)).hyperparameters(epochs="100")
    run = ml_folder.train_and_interrupt("Saved the model of epoch 0", signal.SIGTERM)
    assert run.exit_code == 0
    assert run.failure is None
    assert f"Stopped by SIGTERM before the end of the training: {ml_folder.model} holds" in run.log
    assert "Traceback" not in run.log + run.errors
    assert SavedModel.open(ml_folder.model).hyperparameters.enc_dim == 4


def test_sigterm_before_the_first_epoch_is_a_clean_end_without_a_model(ml_folder) -> None:
    ml_folder.channel("train", ml_folder.records(20_000)).hyperparameters(epochs="100")
    run = ml_folder.train_and_interrupt("Reading default configuration", signal.SIGTERM)
    assert run.exit_code == 0
    assert "no epoch had ended, so there is no model" in run.log
    assert not ml_folder.model.exists() or not list(ml_folder.model.iterdir())


def test_an_interrupt_ends_the_job_with_its_own_exit_code(ml_folder) -> None:
    ml_folder.channel("train", ml_folder.records(2000)).hyperparameters(epochs="100")
    run = ml_folder.train_and_interrupt("Saved the model of epoch 0")
    assert run.exit_code == 130
    assert run.failure is not None
    assert run.failure.startswith("ClientError: The job was interrupted before it ended.")
    assert "Traceback" not in run.log + run.errors
    assert SavedModel.open(ml_folder.model).hyperparameters.enc_dim == 4
