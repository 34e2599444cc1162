# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from tests.package.conftest import Opened

from penstock.errors import RegistryError
from penstock.registry.looks import fetch_version
from penstock.registry.store_reasons import store_reason

SEVERAL = (
    "The following failures occurred while downloading one or more artifacts from file:///m:\n"
    "##### File m/b #####\n[Errno 28] No space left on device: '/m/b' -> '/cache/tmp1/b'\n"
    "##### File m/a #####\nelse"
)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError(SEVERAL), "the disk of the cache is full: make room there"),
        (OSError(errno.EACCES, "Permission denied", "/cache/tmp1"), "Permission denied"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "the disk of the cache is full: make"),
        (ValueError("Not there.\nmore"), "Not there"),
        (KeyError(), "KeyError"),
    ],
)
def test_what_a_store_says_is_one_line_that_is_the_same_at_each_try(
    error: Exception, reason: str
) -> None:
    assert store_reason(error).startswith(reason)


def test_files_that_are_gone_are_told_by_mlflows_own_reason(
    registry: Opened, tmp_path: Path
) -> None:
    opened = registry()
    opened.client.create_registered_model("churn")
    opened.client.create_model_version("churn", (tmp_path / "gone").as_uri())
    folder = tmp_path / "into"
    folder.mkdir()
    with pytest.raises(RegistryError) as refused:
        fetch_version(opened, "churn", 1, folder, 1 << 30)
    assert str(refused.value) == (
        "The files of version 1 of 'churn' cannot be fetched: No such artifact: 'gone'."
    )
