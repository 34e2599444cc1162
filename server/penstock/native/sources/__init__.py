# SPDX-License-Identifier: Apache-2.0
"""Models as the libraries write them, each read by a module of its own into a compiled model.

A module here reads a format and knows the library's arithmetic; none of them imports the library.
"""
