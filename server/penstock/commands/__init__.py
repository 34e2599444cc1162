# SPDX-License-Identifier: Apache-2.0
"""What the verbs of the `penstock` command do, other than serve; each works through the client."""
