# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from penstock.errors import RepositoryError
from penstock.repository.config_file import CONFIG_BYTES_MAX, parse_config, read_config
from penstock.repository.layout import FoundModel


def model_with(folder: Path, text: str | None) -> FoundModel:
    if text is not None:
        (folder / "config.pbtxt").write_text(text)
    return FoundModel(name="iris", folder=folder, versions=(1,))


def test_a_model_without_a_file_has_an_empty_configuration_with_its_name(tmp_path: Path) -> None:
    written = read_config(model_with(tmp_path, None))
    assert written.config.name == "iris"
    assert not written.has_batch_size
    assert written.config.max_batch_size == 0


@pytest.mark.parametrize(
    ("text", "has_batch_size", "size"),
    [
        ("", False, 0),
        ("# max_batch_size: 4", False, 0),
        ("max_batch_size: 0", True, 0),
        ("max_batch_size: 8", True, 8),
        ('backend: "python"', False, 0),
    ],
)
def test_a_batch_size_of_zero_is_told_from_none(text: str, has_batch_size: bool, size: int) -> None:
    written = parse_config(text)
    assert (written.has_batch_size, written.config.max_batch_size) == (has_batch_size, size)


def test_a_syntax_error_is_told_with_its_line_and_column() -> None:
    with pytest.raises(
        RepositoryError, match=r"^config.pbtxt is not a .*: 2:1 .*max_batch_seize.*[^.]\.$"
    ):
        parse_config('name: "iris"\nmax_batch_seize: 8\n')


def test_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(RepositoryError, match=r"^config.pbtxt is not a model configuration: .*\.$"):
        parse_config("input { data_type: \udce8 }")


def test_a_file_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="wanted at most"):
        read_config(model_with(tmp_path, "#" * (CONFIG_BYTES_MAX + 1)))
    read_config(model_with(tmp_path, "#" * CONFIG_BYTES_MAX))


def test_a_configuration_of_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="a model 'rose', but its folder is called 'iris'"):
        read_config(model_with(tmp_path, 'name: "rose"'))


def test_text_that_is_not_utf8_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "config.pbtxt").write_bytes(b"\xff\xfe")
    with pytest.raises(RepositoryError, match="cannot be read"):
        read_config(model_with(tmp_path, None))


def test_a_configuration_as_triton_documents_it_parses() -> None:
    written = parse_config(
        """
        platform: "onnxruntime_onnx"
        max_batch_size: 8
        input [ { name: "x" data_type: TYPE_FP32 dims: [ 3, -1 ] format: FORMAT_NCHW } ]
        output [ { name: "y" data_type: TYPE_STRING dims: [ 1 ] label_filename: "labels.txt" } ]
        instance_group [ { count: 2 kind: KIND_GPU gpus: [ 0, 1 ]
                           rate_limiter { resources [ { name: "R" global: true count: 3 } ] } } ]
        version_policy: { specific { versions: [1, 3] } }
        dynamic_batching { preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 100
                           priority_queue_policy { key: 1 value { max_queue_size: 5 } } }
        optimization { execution_accelerators { gpu_execution_accelerator : [ {
            name : "tensorrt" parameters { key: "precision_mode" value: "FP16" } } ] } }
        parameters { key: "intra_op_thread_count" value: { string_value: "2" } }
        model_warmup [ { name: "zeros" batch_size: 1
            inputs { key: "x" value { data_type: TYPE_FP32 dims: [3, 4] zero_data: true } } } ]
        response_cache { enable: true }
        """
    )
    assert written.config.instance_group[0].rate_limiter.resources[0].count == 3
    assert list(written.config.version_policy.specific.versions) == [1, 3]
