# SPDX-License-Identifier: Apache-2.0
"""Which of a model's versions are served. A pure function."""

from collections.abc import Sequence

from penstock.errors import RepositoryError
from penstock_client._proto.model_config_pb2 import ModelVersionPolicy

__all__ = ["missing_versions", "wanted_versions"]


def wanted_versions(available: Sequence[int], policy: ModelVersionPolicy) -> list[int]:
    """The versions that `policy` chooses of `available`, ascending; without a choice the latest.

    Raises RepositoryError if none is left.
    """
    present = sorted(available)
    if not present:
        raise RepositoryError(
            "The model has no version: wanted a folder named by a whole number, such as 1."
        )
    match policy.WhichOneof("policy_choice"):
        case "all":
            return present
        case "specific":
            asked = sorted(set(policy.specific.versions))
            chosen = [version for version in asked if version in present]
            if not chosen:
                raise RepositoryError(
                    f"version_policy wants versions {asked}, but the model has {present}: at least "
                    "one version must be available under the version policy."
                )
            return chosen
        case _:
            return present[-max(1, policy.latest.num_versions) :]


def missing_versions(available: Sequence[int], policy: ModelVersionPolicy) -> list[int]:
    """The versions that `policy` asks for by number and that are not `available`, ascending."""
    return sorted(set(policy.specific.versions) - set(available))
