# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from penstock.errors import RepositoryError
from penstock.repository import find_models


def test_models_are_folders_and_versions_whole_numbers(tmp_path: Path) -> None:
    for path in ("iris/1", "iris/10", "iris/9", "iris/01", "iris/0", "iris/-1", "iris/1.5"):
        (tmp_path / path).mkdir(parents=True)
    for path in ("iris/warmup", "iris/٣", "iris/99999999999", ".git/1", "empty"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "README.md").touch()
    (tmp_path / "iris" / "7").touch()
    found = {model.name: model.versions for model in find_models([tmp_path])}
    assert found == {"empty": (), "iris": (1, 9, 10)}


def test_a_model_knows_its_files(tmp_path: Path) -> None:
    (tmp_path / "iris" / "3").mkdir(parents=True)
    (model,) = find_models([tmp_path])
    assert model.config_path is None
    assert model.version_folder(3) == tmp_path / "iris" / "3"
    (tmp_path / "iris" / "config.pbtxt").touch()
    assert model.config_path == tmp_path / "iris" / "config.pbtxt"


def test_several_repositories_are_one(tmp_path: Path) -> None:
    (tmp_path / "one" / "b").mkdir(parents=True)
    (tmp_path / "two" / "a").mkdir(parents=True)
    found = find_models([tmp_path / "one", tmp_path / "two"])
    assert [model.name for model in found] == ["a", "b"]


def test_two_models_of_one_name_are_refused_with_both_folders(tmp_path: Path) -> None:
    (tmp_path / "one" / "iris").mkdir(parents=True)
    (tmp_path / "two" / "iris").mkdir(parents=True)
    with pytest.raises(RepositoryError, match=r"'iris': .*one.iris and .*two.iris"):
        find_models([tmp_path / "one", tmp_path / "two"])


def test_a_repository_that_is_no_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match=r"There is no model repository .*absent"):
        find_models([tmp_path / "absent"])
    (tmp_path / "file").touch()
    with pytest.raises(RepositoryError, match="file cannot be read: Not a directory"):
        find_models([tmp_path / "file"])
