# SPDX-License-Identifier: Apache-2.0
"""Penstock: an inference server whose path from socket to batch to kernel is native code."""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["__version__"]

try:
    __version__ = version("penstock")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0.0.0"
