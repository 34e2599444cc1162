# SPDX-License-Identifier: Apache-2.0
"""What setuptools is told to package is what stands in the tree."""

import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: Project -> source roots whose packages it carries.
SOURCE_ROOTS = {"client": ["client"], ".": ["server", "training", "monitoring"]}


def settings(project: str) -> Any:
    """The parsed pyproject.toml of `project`."""
    return tomllib.loads((ROOT / project / "pyproject.toml").read_text())


def packages(project: str) -> list[str]:
    """Dotted names of the packages in the tree that belong to `project`."""
    return sorted(
        ".".join(path.parent.relative_to(ROOT / source_root).parts)
        for source_root in SOURCE_ROOTS[project]
        for path in (ROOT / source_root).glob("penstock*/**/__init__.py")
    )


@pytest.mark.parametrize("project", SOURCE_ROOTS)
def test_every_package_is_listed_in_order(project: str) -> None:
    assert settings(project)["tool"]["setuptools"]["packages"] == packages(project)


@pytest.mark.parametrize("project", SOURCE_ROOTS)
def test_every_folder_with_python_in_it_is_a_package(project: str) -> None:
    folders = {
        path.parent
        for source_root in SOURCE_ROOTS[project]
        for path in (ROOT / source_root).glob("penstock*/**/*.py")
    }
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("project", SOURCE_ROOTS)
def test_every_distribution_says_that_it_is_typed(project: str) -> None:
    top_level = [name for name in packages(project) if "." not in name]
    package_data = settings(project)["tool"]["setuptools"]["package-data"]
    assert [name for name in top_level if "py.typed" not in package_data[name]] == []
    assert all(list(ROOT.glob(f"*/{name}/py.typed")) for name in top_level)


def test_both_distributions_have_the_one_version() -> None:
    version = (ROOT / "client" / "VERSION").read_text().strip()
    assert metadata.version("penstock") == metadata.version("penstock-client") == version


@pytest.mark.parametrize("project", SOURCE_ROOTS)
def test_every_requirement_has_a_lower_and_an_upper_bound(project: str) -> None:
    described = settings(project)["project"]
    lines = list(described["dependencies"])
    for extra in described.get("optional-dependencies", {}).values():
        lines += extra
    assert [line for line in lines if not ("==" in line or (">=" in line and "<" in line))] == []
