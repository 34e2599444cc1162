# SPDX-License-Identifier: Apache-2.0
"""What watches models that are served. So far: the builder of reference profiles."""

from penstock_monitoring.profile import Column, Reference, build_profile, write_profile

__all__ = ["Column", "Reference", "build_profile", "write_profile"]
