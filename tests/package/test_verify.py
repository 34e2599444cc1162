# SPDX-License-Identifier: Apache-2.0
"""A package is what its manifest says, or is refused with what differs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.errors import PackageError
from penstock.package import MANIFEST_FILE, verify_package

Copy = Callable[[str], Path]


def test_a_package_as_it_was_written_passes(made_packages: dict[str, Path]) -> None:
    for name, folder in made_packages.items():
        assert verify_package(folder).name == name


def test_one_changed_bit_is_found(package: Copy) -> None:
    folder = package("iris")
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(content)
    with pytest.raises(PackageError, match=r"model\.onnx has another digest"):
        verify_package(folder)


def test_a_file_that_was_cut_is_found_with_its_size(package: Copy) -> None:
    folder = package("iris")
    (folder / "smoke.json").write_bytes((folder / "smoke.json").read_bytes()[:10])
    with pytest.raises(PackageError, match=r"smoke\.json has 10 bytes, wanted \d+"):
        verify_package(folder)


def test_a_missing_file_and_one_too_many_are_found(package: Copy) -> None:
    folder = package("iris")
    (folder / "labels.txt").unlink()
    (folder / "model.py").write_text("import os")
    with pytest.raises(PackageError) as caught:
        verify_package(folder)
    assert "labels.txt is missing" in str(caught.value)
    assert "model.py is not in the manifest" in str(caught.value)


def test_a_link_in_the_place_of_a_file_is_found(package: Copy, tmp_path: Path) -> None:
    folder = package("iris")
    (folder / "model.onnx").rename(tmp_path / "elsewhere.onnx")
    (folder / "model.onnx").symlink_to(tmp_path / "elsewhere.onnx")
    with pytest.raises(PackageError, match=r"model\.onnx is no plain file"):
        verify_package(folder)


def test_what_mlflow_adds_to_a_download_is_let_pass(package: Copy) -> None:
    folder = package("iris")
    (folder / "registered_model_meta").write_text("model_name: iris\n")
    assert verify_package(folder).name == "iris"


def test_a_sentence_names_a_few_files_and_no_hundred(package: Copy) -> None:
    folder = package("iris")
    for i in range(100):
        (folder / f"extra{i:03}").touch()
    with pytest.raises(PackageError) as caught:
        verify_package(folder)
    assert "and more" in str(caught.value)
    assert len(str(caught.value)) < 600


def test_an_empty_manifest_of_an_empty_folder_is_whole(tmp_path: Path) -> None:
    (tmp_path / MANIFEST_FILE).write_text('{"format": 1, "name": "nothing", "files": {}}')
    assert verify_package(tmp_path).files == {}
