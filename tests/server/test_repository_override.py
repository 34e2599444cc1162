# SPDX-License-Identifier: Apache-2.0
"""Configurations and files that clients send with a load."""

import stat
from pathlib import Path

import pytest

from penstock.control.parts import LoadWish
from penstock.errors import RepositoryError
from penstock.repository.override import FILES_MAX, NAME_BYTES_MAX, Override, read_override

CONFIG = '{"backend": "identity"}'


def read(wish: LoadWish, *, allows_files: bool = True, bytes_max: int = 100) -> Override | None:
    return read_override(wish, allows_files=allows_files, bytes_max=bytes_max)


def refused(files: dict[str, bytes], model: str = "m", config: str | None = CONFIG) -> str:
    with pytest.raises(RepositoryError) as caught:
        read(LoadWish(model=model, config=config, files=files))
    return str(caught.value)


def test_a_plain_load_has_no_override() -> None:
    assert read(LoadWish(model="m")) is None


def test_a_configuration_may_come_without_files() -> None:
    override = read(LoadWish(model="m", config='{"maxBatchSize": 3}'), allows_files=False)
    assert override is not None
    assert override.written.config.max_batch_size == 3
    assert override.written.config.name == "m"
    assert override.written.has_batch_size
    assert override.model is None


def test_a_configuration_of_another_model_or_of_nonsense_is_refused() -> None:
    with pytest.raises(RepositoryError, match="for a model 'other': wanted 'm'"):
        read(LoadWish(model="m", config='{"name": "other"}'))
    with pytest.raises(RepositoryError, match="configuration"):
        read(LoadWish(model="m", config='{"max_batch_seize": 3}'))
    with pytest.raises(RepositoryError, match="configuration"):
        read(LoadWish(model="m", config="[1]"))


def test_files_are_written_where_only_this_user_can_read_them_and_removed() -> None:
    files = {"1/model.onnx": b"graph", "2/deep/er.bin": b"", "labels.txt": b"cat"}
    override = read(LoadWish(model="m", config=CONFIG, files=files))
    assert override is not None and override.model is not None and override.folder is not None
    model = override.model
    assert (model.name, model.versions) == ("m", (1, 2))
    assert {path: (model.folder / path).read_bytes() for path in files} == files
    assert stat.S_IMODE(override.folder.stat().st_mode) == 0o700
    override.drop()
    assert not override.folder.exists()


def test_files_are_refused_unless_the_server_allows_them() -> None:
    wish = LoadWish(model="m", config=CONFIG, files={"1/model.py": b"evil"})
    with pytest.raises(RepositoryError, match="--allow-model-file-override"):
        read(wish, allows_files=False)


def test_files_need_a_configuration() -> None:
    assert "wanted `config` as well" in refused({"1/model.onnx": b""}, config=None)


@pytest.mark.parametrize(
    "path",
    [
        "../m/1/model.onnx",
        "1/../../x",
        "/etc/passwd",
        "1//model.onnx",
        "1/./model.onnx",
        "1/model.onnx/",
        "",
        "1\\..\\x",
        "1/a\0b",
        "1/\ud800",
        "1/" + "a" * (NAME_BYTES_MAX + 1),
        "/".join(["a"] * 17),
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    assert "is not below the model's folder" in refused({path: b""})


@pytest.mark.parametrize("model", ["", ".", "..", "a/b", "a\\b", "a\0", "x" * 256])
def test_a_model_whose_name_is_no_folders_is_refused(model: str) -> None:
    assert "cannot be a folder's name" in refused({"1/x": b""}, model=model)


def test_a_path_that_is_both_a_file_and_a_folder_is_refused() -> None:
    assert "is sent as a file, and as the folder" in refused({"1": b"", "1/x": b""})


def test_sizes_and_numbers_of_files_are_bounded() -> None:
    whole = {"1/a": bytes(60), "1/b": bytes(40)}
    override = read(LoadWish(model="m", config=CONFIG, files=whole))
    assert override is not None
    override.drop()
    assert "101 bytes: wanted at most 100" in refused(whole | {"1/c": b"x"})
    many = {f"1/{number}": b"" for number in range(FILES_MAX + 1)}
    assert f"wanted at most {FILES_MAX}" in refused(many)


def test_an_override_without_files_removes_nothing(tmp_path: Path) -> None:
    override = read(LoadWish(model="m", config=CONFIG))
    assert override is not None
    override.drop()
    assert tmp_path.exists()
