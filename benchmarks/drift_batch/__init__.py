# SPDX-License-Identifier: Apache-2.0
"""The contestants of bench_drift_batch: each a script that compares two files in a process."""
