# SPDX-License-Identifier: Apache-2.0
"""Judges of a canary beside each other, on the same simulated traffic."""
