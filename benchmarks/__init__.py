# SPDX-License-Identifier: Apache-2.0
"""Benchmarks: each bench_<question>.py answers one question; see README.md."""
