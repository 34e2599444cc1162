# SPDX-License-Identifier: Apache-2.0
"""The model repository on disk, in Triton's layout, and what is made of it."""

from penstock.repository.layout import FoundModel, find_models
from penstock.repository.plan import ModelPlan

__all__ = ["FoundModel", "ModelPlan", "find_models"]
