# SPDX-License-Identifier: Apache-2.0
"""The registry of versions: the one place that speaks to MLflow. docs/registry.md describes it.

Importing this does not import MLflow, which takes seconds and 200 MiB; opening a registry does.
"""

from penstock.registry.entries import ModelEntry, VersionEntry
from penstock.registry.place import RegistryPlace, registry_place

__all__ = ["ModelEntry", "RegistryPlace", "VersionEntry", "registry_place"]
