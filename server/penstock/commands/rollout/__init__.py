# SPDX-License-Identifier: Apache-2.0
"""What the verbs of `penstock rollout` do and print."""
