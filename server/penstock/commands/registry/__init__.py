# SPDX-License-Identifier: Apache-2.0
"""What the verbs of `penstock registry` do: open it, ask it, print."""
