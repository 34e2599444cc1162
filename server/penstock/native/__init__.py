# SPDX-License-Identifier: Apache-2.0
"""Compiled models: the file `model.pnst`, what writes it and what runs it.

Importing this imports neither the native core nor a training library: each module brings its own.
"""
