# SPDX-License-Identifier: Apache-2.0
"""Signatures of packages, by the real library."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.package.keys import make_key

from penstock.errors import PackageError
from penstock.package import MANIFEST_FILE, SIGNING_FILE, verify_package, write_manifest
from penstock.package.signing import sign_manifest

Copy = Callable[[str], Path]


def test_a_package_passes_with_its_own_key_alone(package: Copy, tmp_path: Path) -> None:
    private, public = make_key(tmp_path, "ours")
    _, others = make_key(tmp_path, "theirs")
    folder = package("iris")
    with pytest.raises(PackageError, match=f"is not signed: wanted {SIGNING_FILE}"):
        verify_package(folder, public_keys=[public])
    sign_manifest(folder, private)
    assert verify_package(folder, public_keys=[public]).name == "iris"
    with pytest.raises(PackageError, match=r"is not one of .*theirs\.pub: Key mismatch"):
        verify_package(folder, public_keys=[others])


def test_a_manifest_that_was_written_again_needs_a_new_signature(
    package: Copy, tmp_path: Path
) -> None:
    private, public = make_key(tmp_path, "ours")
    folder = package("iris")
    sign_manifest(folder, private)
    signature = tmp_path / "kept.sig"
    shutil.copyfile(folder / SIGNING_FILE, signature)
    (folder / "card.md").write_text("The best of models.")
    write_manifest(folder, "iris")
    shutil.copyfile(signature, folder / SIGNING_FILE)
    with pytest.raises(PackageError, match="Signature mismatch"):
        verify_package(folder, public_keys=[public])


def test_a_changed_signature_is_refused(package: Copy, tmp_path: Path) -> None:
    private, public = make_key(tmp_path, "ours")
    folder = package("iris")
    sign_manifest(folder, private)
    bundle = json.loads((folder / SIGNING_FILE).read_text())
    payload = bundle["dsseEnvelope"]["payload"]
    bundle["dsseEnvelope"]["payload"] = payload[:-8] + "AAAA" + payload[-4:]
    (folder / SIGNING_FILE).write_text(json.dumps(bundle))
    with pytest.raises(PackageError, match="is not one of"):
        verify_package(folder, public_keys=[public])


def test_the_librarys_own_command_passes_it(package: Copy, tmp_path: Path) -> None:
    private, public = make_key(tmp_path, "ours")
    folder = package("iris")
    sign_manifest(folder, private)
    command = [sys.executable, "-m", "model_signing", "verify", "key", folder / MANIFEST_FILE]
    command += ["--signature", folder / SIGNING_FILE, "--public_key", public]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_a_key_that_cannot_sign_is_told_with_the_mend(package: Copy, tmp_path: Path) -> None:
    folder = package("iris")
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no key")
    with pytest.raises(PackageError, match="Wanted an EC key of curve P-256"):
        sign_manifest(folder, wrong)
    with pytest.raises(PackageError, match=r"absent\.pem is not there"):
        sign_manifest(folder, tmp_path / "absent.pem")
    assert not (folder / SIGNING_FILE).exists()
