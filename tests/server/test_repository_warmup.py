# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from penstock.errors import RepositoryError
from penstock.repository.config_file import ModelConfig, parse_config
from penstock.repository.model_files import LABEL_BYTES_MAX, read_labels, read_warmup_tensor
from penstock.repository.plan import WarmupInput, WarmupPlan
from penstock.repository.warmup import COUNT_MAX, label_files, warmup_plans

FOLDER = Path("models/m")


def config(text: str) -> ModelConfig:
    return parse_config(text).config


def warmup_of(tensor: str, more: str = "") -> tuple[WarmupPlan, ...]:
    return warmup_plans(
        config(f'model_warmup {{ name: "w" {more} inputs {{ key: "x" value {{ {tensor} }} }} }}'),
        FOLDER,
    )


def test_a_warm_up_is_planned_as_it_is_written() -> None:
    made = warmup_plans(
        config(
            """
            model_warmup { name: "all" batch_size: 4 count: 3
              inputs { key: "b" value { data_type: TYPE_STRING dims: 1 input_data_file: "b/1" } }
              inputs { key: "a" value { data_type: TYPE_FP32 dims: [2, 3] zero_data: true } } }
            model_warmup { inputs { key: "a" value { data_type: TYPE_INT8 random_data: true } } }
            """
        ),
        FOLDER,
    )
    assert made == (
        WarmupPlan(
            name="all",
            rows=4,
            count=3,
            inputs=(
                WarmupInput(name="a", datatype="FP32", dims=(2, 3), source="zero"),
                WarmupInput(
                    name="b",
                    datatype="BYTES",
                    dims=(1,),
                    source="file",
                    file=FOLDER / "warmup" / "b" / "1",
                ),
            ),
        ),
        WarmupPlan(
            name="1",
            rows=1,
            count=1,
            inputs=(WarmupInput(name="a", datatype="INT8", dims=(), source="random"),),
        ),
    )


@pytest.mark.parametrize(
    ("tensor", "sentence"),
    [
        ("dims: 1 zero_data: true", "has no data_type"),
        ("data_type: TYPE_FP32 dims: [2, -1] zero_data: true", r"dims \[2, -1\]: wanted the size"),
        ("data_type: TYPE_FP32 dims: 1", "has no data: wanted zero_data: true"),
    ],
)
def test_a_tensor_that_is_not_whole_is_named(tensor: str, sentence: str) -> None:
    with pytest.raises(RepositoryError, match=rf"^model_warmup 'w', input 'x' .*{sentence}"):
        warmup_of(tensor)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "", "a\\000b", "."])
def test_files_are_only_those_of_the_model(name: str) -> None:
    with pytest.raises(RepositoryError, match=r"wanted a path below models/m/warmup, without"):
        warmup_of(f'data_type: TYPE_FP32 dims: 1 input_data_file: "{name}"')
    if name:
        with pytest.raises(RepositoryError, match=r"output.y.label_filename names the file"):
            label_files(config(f'output {{ name: "y" label_filename: "{name}" }}'), FOLDER)


def test_a_warm_up_has_an_end() -> None:
    zeros = "data_type: TYPE_FP32 zero_data: true"
    assert warmup_of(zeros, f"count: {COUNT_MAX}")[0].count == COUNT_MAX
    with pytest.raises(RepositoryError, match=f"is {COUNT_MAX + 1}: wanted at most {COUNT_MAX}"):
        warmup_of(zeros, f"count: {COUNT_MAX + 1}")


def test_labels_are_the_lines_of_their_file(tmp_path: Path) -> None:
    found = label_files(
        config('output { name: "y" label_filename: "l/y.txt" } output { name: "z" }'), tmp_path
    )
    assert found == {"y": tmp_path / "l" / "y.txt"}
    found["y"].parent.mkdir()
    for content, lines in {
        b"": [],
        b"cat": [b"cat"],
        b"cat\n": [b"cat"],
        b"cat\r\n\r\n\xff dog\n": [b"cat", b"", b"\xff dog"],
    }.items():
        found["y"].write_bytes(content)
        assert read_labels(found["y"]) == lines


def test_a_file_that_cannot_be_read_is_named_with_its_field(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match=r"^label_filename is 'no.txt', .* No such file"):
        read_labels(tmp_path / "no.txt")
    with pytest.raises(RepositoryError, match=r"^model_warmup\.inputs\.input_data_file is"):
        read_warmup_tensor(tmp_path)


def test_a_label_file_has_a_bound(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(b"x" * LABEL_BYTES_MAX)
    assert len(read_labels(path)) == 1
    path.write_bytes(b"x" * (LABEL_BYTES_MAX + 1))
    with pytest.raises(RepositoryError, match="wanted at most"):
        read_labels(path)
