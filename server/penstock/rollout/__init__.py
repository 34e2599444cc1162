# SPDX-License-Identifier: Apache-2.0
"""Rollouts: a candidate's way from shadow through canary steps to live, judged on live traffic.

`policy` decides and `statistics` reckons, both pure; `controller` has the clock, the store and the
core. What a rollout was, and why it ended, can be recomputed from what `store` keeps.
"""
