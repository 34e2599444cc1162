# SPDX-License-Identifier: Apache-2.0
"""Rows: where they come from, what is wrong with them, and which of them train."""
