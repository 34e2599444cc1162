# SPDX-License-Identifier: Apache-2.0
"""The wire contracts as Python classes, in a descriptor pool of their own."""
