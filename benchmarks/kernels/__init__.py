# SPDX-License-Identifier: Apache-2.0
"""Programs that time kernels, each one contestant; started by bench_kernels and bench_trees."""
