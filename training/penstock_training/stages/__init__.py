# SPDX-License-Identifier: Apache-2.0
"""The pipeline's steps, a file each: what each reads, what it writes."""
