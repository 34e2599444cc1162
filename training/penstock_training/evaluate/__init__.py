# SPDX-License-Identifier: Apache-2.0
"""How good a chosen model is, how sure that is, where it fails, and whether it may be registered.

It judges the exported model on rows that neither trained nor chose it.
"""
