# SPDX-License-Identifier: Apache-2.0
"""Which of a model's versions are served. A pure function."""

from collections.abc import Sequence

from penstock.errors import RepositoryError
from penstock_client._proto.model_config_pb2 import ModelVersionPolicy

__all__ = ["wanted_versions"]


def wanted_versions(available: Sequence[int], policy: ModelVersionPolicy) -> list[int]:
    """The versions that `policy` chooses of `available`, ascending; without a choice the latest.

    Raises RepositoryError if none is left, or if one that is asked for by number is missing.
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
            missing = [version for version in asked if version not in present]
            if missing or not asked:
                raise RepositoryError(
                    f"version_policy wants versions {asked}, but the model has {present}."
                )
            return asked
        case _:
            return present[-max(1, policy.latest.num_versions) :]
