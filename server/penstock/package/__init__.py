# SPDX-License-Identifier: Apache-2.0
"""Packaged versions: one folder with all that belongs to a version of a model.

docs/package.md describes the folder. What is here reads and checks one; `penstock_training.package`
writes one. Importing this imports no library but pydantic.
"""

from penstock.package.manifest import (
    MANIFEST_FILE,
    SIGNING_FILE,
    FileMark,
    Manifest,
    is_package,
    manifest_of,
    read_manifest,
    write_manifest,
)
from penstock.package.signature import ModelSignature, TensorSignature, read_signature
from penstock.package.verify import verify_package

__all__ = [
    "FileMark",
    "MANIFEST_FILE",
    "Manifest",
    "ModelSignature",
    "SIGNING_FILE",
    "TensorSignature",
    "is_package",
    "manifest_of",
    "read_manifest",
    "read_signature",
    "verify_package",
    "write_manifest",
]
