# SPDX-License-Identifier: Apache-2.0
"""What `penstock drift` does."""
