# SPDX-License-Identifier: Apache-2.0
"""The Python backend without the core: its callables are entered as the core enters them."""

import logging
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from penstock.backend import Batch
from penstock.backends.python_class import Execute, TritonInstance, python_executes
from penstock.errors import BackendError
from penstock.repository import ModelPlan
from penstock.repository.config_file import parse_config
from penstock.repository.plan import TensorPlan

DOUBLER = """
    class Doubler:
        def execute(self, batch):
            return {"y": batch["x"] * 2}
"""


def executes(
    folder: Path, code: str, *, config: str = "", instances: int = 1, datatype: str = "FP32"
) -> list[Execute]:
    path = folder / "1" / "model.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(dedent(code))
    plan = ModelPlan(
        name="doubler",
        version=1,
        platform="python",
        backend="python",
        model_path=path,
        batch_rows_max=8,
        batch_rows_default=8,
        inputs=(TensorPlan(name="x", datatype="FP32", dims=(2,)),),
        outputs=(TensorPlan(name="y", datatype=datatype, dims=(2,)),),
        instance_count=instances,
    )
    made = python_executes(plan, parse_config(config).config)
    return [execute for execute in made if not isinstance(execute, TritonInstance)]


def rows(count: int) -> np.ndarray:
    return np.arange(count * 2, dtype=np.float32).reshape(count, 2)


def test_execute_is_entered_with_the_batch_and_gives_its_outputs(tmp_path: Path) -> None:
    (execute,) = executes(tmp_path, DOUBLER)
    answer = execute({"x": rows(3)}, [1, 2])
    assert answer.keys() == {"y"}
    np.testing.assert_array_equal(answer["y"], rows(3) * 2)


def test_load_is_told_where_it_is_once_for_each_instance(tmp_path: Path) -> None:
    code = """
        class Told:
            def load(self, context):
                self.context = context
            def execute(self, batch):
                c = self.context
                said = f"{c.model} {c.version} {c.folder.name} {c.instance} "
                said += c.config.parameters["factor"].string_value
                return {"y": np.array([[said.encode(), b""]], dtype=object)}
        import numpy as np
    """
    config = 'parameters { key: "factor" value { string_value: "3" } }'
    made = executes(tmp_path, code, config=config, instances=2, datatype="BYTES")
    said = [execute({"x": rows(1)}, [1])["y"][0, 0] for execute in made]
    assert said == [b"doubler 1 1 0 3", b"doubler 1 1 1 3"]


def test_an_output_of_another_shape_than_configured_is_the_models_failure(tmp_path: Path) -> None:
    code = """
        class Narrow:
            def execute(self, batch):
                return {"y": batch["x"][:, :1]}
    """
    (execute,) = executes(tmp_path, code)
    with pytest.raises(BackendError, match=r"'y' has shape \[3, 1\]: wanted \[-1, 2\]"):
        execute({"x": rows(3)}, [3])


def test_a_batch_tells_rows_requests_and_inputs_that_are_there() -> None:
    batch = Batch({"x": rows(3), "hint": None}, [2, 1])
    assert (batch.rows, list(batch.request_rows), list(batch)) == (3, [2, 1], ["x"])
    assert "hint" not in batch
    assert batch.get("hint") is None
    assert repr(batch) == "<Batch of 2 requests, 3 rows: x: float32[3, 2]>"


def test_a_file_beside_model_py_is_imported_relatively(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "factors.py").write_text("FACTOR = 5")
    code = """
        from .factors import FACTOR
        class Times:
            def execute(self, batch):
                return {"y": batch["x"] * FACTOR}
    """
    (execute,) = executes(tmp_path, code)
    np.testing.assert_array_equal(execute({"x": rows(1)}, [1])["y"], rows(1) * 5)


def test_two_models_of_one_class_name_do_not_meet(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (first,) = executes(tmp_path / "a", DOUBLER)
    (second,) = executes(tmp_path / "b", DOUBLER.replace("* 2", "* 3"))
    assert first({"x": rows(1)}, [1])["y"][0, 1] == 2
    assert second({"x": rows(1)}, [1])["y"][0, 1] == 3


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    executes(tmp_path, DOUBLER)
    (again,) = executes(tmp_path, DOUBLER.replace("* 2", "* 33"))
    assert again({"x": rows(1)}, [1])["y"][0, 1] == 33


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("x = 1", r"wanted one class with execute\(self, batch\), or a Triton.*, found none"),
        (DOUBLER + DOUBLER.replace("Doubler", "Other"), "found Doubler, Other"),
        ("from collections import OrderedDict", "found none"),
        ("import nothing_of_this_name", "cannot be imported: ModuleNotFoundError"),
        ("class A", "cannot be imported: SyntaxError"),
    ],
)
def test_a_file_without_one_usable_class_is_refused(
    tmp_path: Path, code: str, sentence: str
) -> None:
    with pytest.raises(BackendError, match=sentence):
        executes(tmp_path, code)


def test_a_load_that_raises_is_told_with_the_class(tmp_path: Path) -> None:
    code = """
        class Sick:
            def load(self, context): raise OSError("no weights")
            def execute(self, batch): ...
    """
    with pytest.raises(BackendError, match=r"Sick of .*model.py failed to load: OSError: no wei"):
        executes(tmp_path, code)


def test_what_execute_raises_names_the_model_and_leaves_the_traceback_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = """
        class Sick:
            def execute(self, batch): return 1 / 0
    """
    (execute,) = executes(tmp_path, code)
    with caplog.at_level(logging.ERROR), pytest.raises(BackendError) as caught:
        execute({"x": rows(1)}, [1])
    assert str(caught.value) == "Model 'doubler' failed: ZeroDivisionError: division by zero"
    assert caught.value.__suppress_context__
    assert caplog.messages == ["model_failed"]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("None", "execute returned NoneType: wanted a dict"),
        ("{}", r"execute returned \[\]: wanted output 'y'"),
        ('{"y": batch["x"].astype("float64")}', "output 'y' is float64: wanted float32, for FP32"),
        ('{"y": "text"}', "could not convert"),
    ],
)
def test_an_answer_that_is_not_the_configured_one_is_an_error(
    tmp_path: Path, answer: str, sentence: str
) -> None:
    code = f"""
        class Odd:
            def execute(self, batch): return {answer}
    """
    (execute,) = executes(tmp_path, code)
    with pytest.raises(BackendError, match=f"Model 'doubler' failed: .*{sentence}"):
        execute({"x": rows(1)}, [1])


@pytest.mark.parametrize(
    ("datatype", "answer", "wanted"),
    [
        ("FP32", "[[1, 2]]", np.array([[1, 2]], np.float32)),
        ("INT64", "[[1, 2]]", np.array([[1, 2]], np.int64)),
        ("BYTES", "[['é', b'raw']]", np.array([["é".encode(), b"raw"]], object)),
        ("BYTES", "np.array([['a', 'b']])", np.array([[b"a", b"b"]], object)),
        ("FP32", "batch['x'][:, ::-1]", np.array([[1, 0]], np.float32)),
        ("BF16", "np.array([[1, 2]], np.uint16)", np.array([[1, 2]], np.uint16)),
    ],
)
def test_lists_texts_and_strided_arrays_become_what_the_core_takes(
    tmp_path: Path, datatype: str, answer: str, wanted: np.ndarray
) -> None:
    code = f"""
        import numpy as np
        class Free:
            def execute(self, batch): return {{"y": {answer}}}
    """
    (execute,) = executes(tmp_path, code, datatype=datatype)
    answer_array = execute({"x": rows(1)}, [1])["y"]
    assert answer_array.dtype == wanted.dtype
    assert answer_array.flags.c_contiguous
    np.testing.assert_array_equal(answer_array, wanted)


@pytest.mark.parametrize("raised", ["KeyboardInterrupt", "asyncio.CancelledError", "SystemExit"])
def test_whatever_a_model_raises_fails_its_own_load_or_batch_alone(
    tmp_path: Path, raised: str
) -> None:
    loads = f"""
        import asyncio
        class Free:
            def load(self, context): raise {raised}
            def execute(self, batch): pass
    """
    with pytest.raises(BackendError, match=f"failed to load: {raised.rpartition('.')[2]}"):
        executes(tmp_path, loads)
    executing = f"""
        import asyncio
        class Free:
            def execute(self, batch): raise {raised}
    """
    (execute,) = executes(tmp_path, executing)
    with pytest.raises(BackendError, match=f"failed: {raised.rpartition('.')[2]}"):
        execute({"x": rows(1)}, [1])


def test_a_file_that_ends_the_program_ends_only_its_own_load(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"1/model.py cannot be imported: SystemExit: 3"):
        executes(tmp_path, "import sys; sys.exit(3)")
