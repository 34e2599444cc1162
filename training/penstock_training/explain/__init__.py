# SPDX-License-Identifier: Apache-2.0
"""Why a model answers as it does: which columns it leans on, and in which direction.

Columns are those of the served graph's inputs, before any step of the transformation, and what is
explained is the exported model. Of a sensitive column only means over rows are told.
"""
