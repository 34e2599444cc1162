# SPDX-License-Identifier: Apache-2.0
"""What `make setup` installs for the Node client is the same everywhere."""

import json
from pathlib import Path

LOCK = Path(__file__).parent / "grpc_js" / "package-lock.json"


def test_the_lock_has_a_hash_for_each_package_and_names_no_registry() -> None:
    packages = json.loads(LOCK.read_text())["packages"]
    installed = {path: package for path, package in packages.items() if path}
    assert [path for path, package in installed.items() if "integrity" not in package] == []
    assert [path for path, package in installed.items() if "resolved" in package] == []
