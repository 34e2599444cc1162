# SPDX-License-Identifier: Apache-2.0
"""The public faces: each package's `__all__` is sorted, and holds what it promises."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = sorted(
    path.parent.name
    for source_root in ["client", "server", "training", "monitoring"]
    for path in (ROOT / source_root).glob("penstock*/__init__.py")
)


@pytest.mark.parametrize("name", PUBLIC)
def test_all_is_sorted_and_names_what_exists(name: str) -> None:
    package = importlib.import_module(name)
    assert list(package.__all__) == sorted(set(package.__all__))
    assert [export for export in package.__all__ if not hasattr(package, export)] == []
