# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.doubles.registries import run_of

from penstock.errors import RegistryError
from penstock.package.manifest import read_manifest
from penstock.package.verify import verify_package
from penstock.registry.fetch import fetch_here, fetch_package, package_cache
from penstock.registry.registry import Registry


def registered(registry: Registry, package: Path) -> str:
    """The digest of the package, which is version 1 now, with the alias champion."""
    digest = read_manifest(package).digest
    registry.register(package, run_id=run_of(registry, digest), alias="champion")
    return digest


def test_a_version_is_fetched_by_its_alias_and_checked(
    package: Callable[[str], Path],
    registry: Callable[[], Registry],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = registry()
    digest = registered(opened, package("diabetes"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = fetch_package(opened.place, "diabetes", "champion")
    assert found == package_cache() / digest
    assert verify_package(found).digest == digest
    assert [entry.name for entry in found.parent.iterdir()] == [digest]


def test_what_was_fetched_is_used_again_unless_it_is_damaged(
    package: Callable[[str], Path], registry: Callable[[], Registry], tmp_path: Path
) -> None:
    opened = registry()
    digest = registered(opened, package("diabetes"))
    found = fetch_here(opened.place, "diabetes", "1", tmp_path / "cache")
    mark = (found / "signature.json").stat().st_ino
    assert fetch_here(opened.place, "diabetes", "", tmp_path / "cache") == found
    assert (found / "signature.json").stat().st_ino == mark
    (found / "signature.json").write_text("{}")
    assert fetch_here(opened.place, "diabetes", "1", tmp_path / "cache") == found
    assert verify_package(found).digest == digest


def test_an_alias_that_nobody_has_is_told(
    package: Callable[[str], Path], registry: Callable[[], Registry], tmp_path: Path
) -> None:
    opened = registry()
    registered(opened, package("diabetes"))
    with pytest.raises(RegistryError, match="has no version or alias 'staging'"):
        fetch_here(opened.place, "diabetes", "staging", tmp_path / "cache")
