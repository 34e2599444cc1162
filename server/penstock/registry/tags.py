# SPDX-License-Identifier: Apache-2.0
"""The tags that say how versions stand, and how their aliases move."""

__all__ = [
    "ARCHIVED_TAG",
    "IS_ALLOWED",
    "IS_ARCHIVED",
    "METRIC_TAG",
    "MOVING_TAG",
    "REFUSED_TAG",
    "ROLLED_BACK_TAG",
    "ROLLOUT_TAG",
    "SIGNATURE_CHANGE_TAG",
    "VERDICT_TAG",
]

#: Of a version: IS_ARCHIVED, if it is shown and promoted no more.
ARCHIVED_TAG = "archived"
IS_ARCHIVED = "true"
#: Of a version: why a server did not serve it.
REFUSED_TAG = "penstock.refused"
#: Of a version: when and why a rollout of it was rolled back.
ROLLED_BACK_TAG = "penstock.rolled_back"
#: Of a version: IS_ALLOWED, if its alias may come from one of another signature.
SIGNATURE_CHANGE_TAG = "penstock.signature_change"
IS_ALLOWED = "allowed"
#: Of a run: what came of its evaluation.
VERDICT_TAG = "penstock.verdict"
#: Of a version: the metric that decided.
METRIC_TAG = "penstock.metric"
#: Of a model: the policy by which a candidate becomes the champion, as penstock.registry.policy
#: reads it; empty: at once.
ROLLOUT_TAG = "penstock.rollout"
#: Of a model, followed by `.ALIAS.NONCE`: when a writer began to move the alias.
MOVING_TAG = "penstock.moving"
