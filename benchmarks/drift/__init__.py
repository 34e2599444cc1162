# SPDX-License-Identifier: Apache-2.0
"""Streams with a change in them, Penstock's detector and rivals on them."""
