"""Where a container's files are."""

from pathlib import Path

from object2vec_container.ml_folder import MLFolder


def test_the_folder_is_opt_ml_unless_the_variable_moves_it() -> None:
    assert MLFolder.from_variables({}).root == Path("/opt/ml")
    assert MLFolder.from_variables({"OBJECT2VEC_ML_ROOT": ""}).root == Path("/opt/ml")
    assert MLFolder.from_variables({"OBJECT2VEC_ML_ROOT": "/a/b"}).root == Path("/a/b")
    assert MLFolder.from_variables({"OBJECT2VEC_ML_ROOT": "b"}).root == Path.cwd() / "b"
