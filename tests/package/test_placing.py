# SPDX-License-Identifier: Apache-2.0
"""Packages among the versions of a repository: which configuration a version has."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.errors import OptionsError, RepositoryError, UnsignedError
from penstock.package import write_manifest
from penstock.package.placing import link_packages, named_packages, version_config
from penstock.repository.layout import FoundModel, find_models
from penstock.repository.snapshot import take_snapshot

Copy = Callable[[str], Path]


def placed(package: Path, repository: Path, name: str = "flowers") -> FoundModel:
    shutil.copytree(package, repository / name / "3")
    return find_models([repository])[0]


def test_a_version_that_is_no_package_has_no_configuration_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "plain/1").mkdir(parents=True)
    (tmp_path / "plain/1/config.pbtxt").write_text('backend: "python"')
    (model,) = find_models([tmp_path])
    assert version_config(model, 1) is None
    with pytest.raises(UnsignedError, match="wanted a signed package"):
        version_config(model, 1, public_keys=[tmp_path / "key.pub"])


def test_a_package_stands_under_any_name_and_its_files_are_its_own(
    made_packages: dict[str, Path], tmp_path: Path
) -> None:
    model = placed(made_packages["iris"], tmp_path)
    written = version_config(model, 3)
    assert written is not None
    assert written.config.name == "flowers"
    assert written.config.max_batch_size == 1024
    assert written.folder == tmp_path / "flowers/3"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('name: "rose"', "is for a model 'rose'"),
        ("max_batch_seize: 3", "max_batch_seize"),
        ("ensemble_scheduling { }", "ensembles are not served yet"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_as_a_models_is(
    text: str, reason: str, package: Copy, tmp_path: Path
) -> None:
    folder = package("iris")
    (folder / "config.pbtxt").write_text(text)
    write_manifest(folder, "iris")
    model = placed(folder, tmp_path / "repository")
    with pytest.raises(RepositoryError, match=reason):
        version_config(model, 3)


def test_linked_packages_are_a_repository_whose_changes_are_seen(
    package: Copy, tmp_path: Path
) -> None:
    folder = package("iris")
    repository = tmp_path / "links"
    repository.mkdir()
    link_packages(named_packages([str(folder)]), repository)
    (model,) = find_models([repository])
    assert (model.name, model.versions) == ("iris", (1,))
    before = take_snapshot(model.folder, model.versions)
    assert "pictures/explain-importance.png" in before.versions[1]
    (folder / "card.md").write_text("# changed")
    assert take_snapshot(model.folder, model.versions).has_changed(1, before)


def test_two_packages_of_one_name_are_told_of(package: Copy) -> None:
    folder = package("iris")
    assert named_packages([]) == {}
    with pytest.raises(OptionsError, match="--package is given twice for the model 'iris'"):
        named_packages([str(folder), str(folder)])
