# SPDX-License-Identifier: Apache-2.0
"""The pipeline's steps, a file each: what each reads, what it writes."""

__all__ = ["STEP_NAMES"]

#: In their order; each is the STEP of the module of its name.
STEP_NAMES = (
    "ingest",
    "validate",
    "split",
    "features",
    "candidates",
    "select",
    "evaluate",
    "explain",
    "profile",
    "package",
    "verify",
    "register",
)
