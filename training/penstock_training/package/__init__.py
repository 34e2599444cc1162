# SPDX-License-Identifier: Apache-2.0
"""Writes a version's folder from what the steps of a pipeline have written. See docs/package.md."""

from penstock_training.package.parts import PackageParts
from penstock_training.package.write import write_package

__all__ = ["PackageParts", "write_package"]
