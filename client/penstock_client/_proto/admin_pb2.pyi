# SPDX-License-Identifier: Apache-2.0
# Written by proto/generate.py: change the .proto, not this file.
# fmt: off
# ruff: noqa
# mypy: disable-error-code="type-arg, no-untyped-def"
from penstock_client._proto import drift_pb2 as _drift_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StartRolloutRequest(_message.Message):
    __slots__ = ("model", "candidate", "stable", "spec", "spec_toml", "allows_signature_change")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    STABLE_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    SPEC_TOML_FIELD_NUMBER: _ClassVar[int]
    ALLOWS_SIGNATURE_CHANGE_FIELD_NUMBER: _ClassVar[int]
    model: str
    candidate: int
    stable: int
    spec: RolloutSpec
    spec_toml: str
    allows_signature_change: bool
    def __init__(self, model: _Optional[str] = ..., candidate: _Optional[int] = ..., stable: _Optional[int] = ..., spec: _Optional[_Union[RolloutSpec, _Mapping]] = ..., spec_toml: _Optional[str] = ..., allows_signature_change: _Optional[bool] = ...) -> None: ...

class GetRolloutRequest(_message.Message):
    __slots__ = ("model", "rollout")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    model: str
    rollout: str
    def __init__(self, model: _Optional[str] = ..., rollout: _Optional[str] = ...) -> None: ...

class ListRolloutsRequest(_message.Message):
    __slots__ = ("model", "ongoing_only", "limit")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ONGOING_ONLY_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    model: str
    ongoing_only: bool
    limit: int
    def __init__(self, model: _Optional[str] = ..., ongoing_only: _Optional[bool] = ..., limit: _Optional[int] = ...) -> None: ...

class ListRolloutsResponse(_message.Message):
    __slots__ = ("rollouts",)
    ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    rollouts: _containers.RepeatedCompositeFieldContainer[RolloutStatus]
    def __init__(self, rollouts: _Optional[_Iterable[_Union[RolloutStatus, _Mapping]]] = ...) -> None: ...

class WatchRolloutRequest(_message.Message):
    __slots__ = ("model", "rollout", "interval_ms")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    model: str
    rollout: str
    interval_ms: int
    def __init__(self, model: _Optional[str] = ..., rollout: _Optional[str] = ..., interval_ms: _Optional[int] = ...) -> None: ...

class PromoteRolloutRequest(_message.Message):
    __slots__ = ("model", "rollout")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    model: str
    rollout: str
    def __init__(self, model: _Optional[str] = ..., rollout: _Optional[str] = ...) -> None: ...

class PauseRolloutRequest(_message.Message):
    __slots__ = ("model", "rollout")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    model: str
    rollout: str
    def __init__(self, model: _Optional[str] = ..., rollout: _Optional[str] = ...) -> None: ...

class ResumeRolloutRequest(_message.Message):
    __slots__ = ("model", "rollout")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    model: str
    rollout: str
    def __init__(self, model: _Optional[str] = ..., rollout: _Optional[str] = ...) -> None: ...

class RollBackRolloutRequest(_message.Message):
    __slots__ = ("model", "rollout", "reason")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    model: str
    rollout: str
    reason: str
    def __init__(self, model: _Optional[str] = ..., rollout: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ExplainRolloutRequest(_message.Message):
    __slots__ = ("model", "rollout")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    model: str
    rollout: str
    def __init__(self, model: _Optional[str] = ..., rollout: _Optional[str] = ...) -> None: ...

class ExplainRolloutResponse(_message.Message):
    __slots__ = ("explanation_json",)
    EXPLANATION_JSON_FIELD_NUMBER: _ClassVar[int]
    explanation_json: str
    def __init__(self, explanation_json: _Optional[str] = ...) -> None: ...

class ListRolloutExamplesRequest(_message.Message):
    __slots__ = ("model", "rollout", "limit")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    model: str
    rollout: str
    limit: int
    def __init__(self, model: _Optional[str] = ..., rollout: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ShadowExamples(_message.Message):
    __slots__ = ("rollout", "examples", "left_out")
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    rollout: str
    examples: _containers.RepeatedCompositeFieldContainer[ShadowExample]
    left_out: int
    def __init__(self, rollout: _Optional[str] = ..., examples: _Optional[_Iterable[_Union[ShadowExample, _Mapping]]] = ..., left_out: _Optional[int] = ...) -> None: ...

class ShadowExample(_message.Message):
    __slots__ = ("shadow", "wall_ms", "key_hash", "pair_json")
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    WALL_MS_FIELD_NUMBER: _ClassVar[int]
    KEY_HASH_FIELD_NUMBER: _ClassVar[int]
    PAIR_JSON_FIELD_NUMBER: _ClassVar[int]
    shadow: str
    wall_ms: int
    key_hash: str
    pair_json: str
    def __init__(self, shadow: _Optional[str] = ..., wall_ms: _Optional[int] = ..., key_hash: _Optional[str] = ..., pair_json: _Optional[str] = ...) -> None: ...

class GetRouteRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class ListRoutesRequest(_message.Message):
    __slots__ = ("limit",)
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    limit: int
    def __init__(self, limit: _Optional[int] = ...) -> None: ...

class ListRoutesResponse(_message.Message):
    __slots__ = ("routes", "left_out")
    ROUTES_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    routes: _containers.RepeatedCompositeFieldContainer[RouteStatus]
    left_out: int
    def __init__(self, routes: _Optional[_Iterable[_Union[RouteStatus, _Mapping]]] = ..., left_out: _Optional[int] = ...) -> None: ...

class ListRouteExamplesRequest(_message.Message):
    __slots__ = ("model", "limit")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    model: str
    limit: int
    def __init__(self, model: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class RouteStatus(_message.Message):
    __slots__ = ("model", "origin", "sticky_source", "sticky_name", "holdout_bp", "overrides", "can_force", "arms", "shadows")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    STICKY_SOURCE_FIELD_NUMBER: _ClassVar[int]
    STICKY_NAME_FIELD_NUMBER: _ClassVar[int]
    HOLDOUT_BP_FIELD_NUMBER: _ClassVar[int]
    OVERRIDES_FIELD_NUMBER: _ClassVar[int]
    CAN_FORCE_FIELD_NUMBER: _ClassVar[int]
    ARMS_FIELD_NUMBER: _ClassVar[int]
    SHADOWS_FIELD_NUMBER: _ClassVar[int]
    model: str
    origin: str
    sticky_source: str
    sticky_name: str
    holdout_bp: int
    overrides: int
    can_force: bool
    arms: _containers.RepeatedCompositeFieldContainer[RouteArm]
    shadows: _containers.RepeatedCompositeFieldContainer[RouteShadow]
    def __init__(self, model: _Optional[str] = ..., origin: _Optional[str] = ..., sticky_source: _Optional[str] = ..., sticky_name: _Optional[str] = ..., holdout_bp: _Optional[int] = ..., overrides: _Optional[int] = ..., can_force: _Optional[bool] = ..., arms: _Optional[_Iterable[_Union[RouteArm, _Mapping]]] = ..., shadows: _Optional[_Iterable[_Union[RouteShadow, _Mapping]]] = ...) -> None: ...

class RouteArm(_message.Message):
    __slots__ = ("name", "model", "version", "share_bp")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SHARE_BP_FIELD_NUMBER: _ClassVar[int]
    name: str
    model: str
    version: int
    share_bp: int
    def __init__(self, name: _Optional[str] = ..., model: _Optional[str] = ..., version: _Optional[int] = ..., share_bp: _Optional[int] = ...) -> None: ...

class RouteShadow(_message.Message):
    __slots__ = ("model", "version", "sample_bp", "relative", "absolute", "examples", "counts")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_BP_FIELD_NUMBER: _ClassVar[int]
    RELATIVE_FIELD_NUMBER: _ClassVar[int]
    ABSOLUTE_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: int
    sample_bp: int
    relative: float
    absolute: float
    examples: int
    counts: ShadowCounts
    def __init__(self, model: _Optional[str] = ..., version: _Optional[int] = ..., sample_bp: _Optional[int] = ..., relative: _Optional[float] = ..., absolute: _Optional[float] = ..., examples: _Optional[int] = ..., counts: _Optional[_Union[ShadowCounts, _Mapping]] = ...) -> None: ...

class RolloutStatus(_message.Message):
    __slots__ = ("id", "model", "stable", "candidate", "state", "canary_bp", "is_paused", "started_ms", "ended_ms", "why", "guardrails", "evidence", "log", "spec", "clock_jumps")
    ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    STABLE_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CANARY_BP_FIELD_NUMBER: _ClassVar[int]
    IS_PAUSED_FIELD_NUMBER: _ClassVar[int]
    STARTED_MS_FIELD_NUMBER: _ClassVar[int]
    ENDED_MS_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    GUARDRAILS_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    LOG_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    CLOCK_JUMPS_FIELD_NUMBER: _ClassVar[int]
    id: str
    model: str
    stable: int
    candidate: int
    state: str
    canary_bp: int
    is_paused: bool
    started_ms: int
    ended_ms: int
    why: str
    guardrails: _containers.RepeatedCompositeFieldContainer[GuardrailStatus]
    evidence: Evidence
    log: _containers.RepeatedCompositeFieldContainer[Transition]
    spec: RolloutSpec
    clock_jumps: int
    def __init__(self, id: _Optional[str] = ..., model: _Optional[str] = ..., stable: _Optional[int] = ..., candidate: _Optional[int] = ..., state: _Optional[str] = ..., canary_bp: _Optional[int] = ..., is_paused: _Optional[bool] = ..., started_ms: _Optional[int] = ..., ended_ms: _Optional[int] = ..., why: _Optional[str] = ..., guardrails: _Optional[_Iterable[_Union[GuardrailStatus, _Mapping]]] = ..., evidence: _Optional[_Union[Evidence, _Mapping]] = ..., log: _Optional[_Iterable[_Union[Transition, _Mapping]]] = ..., spec: _Optional[_Union[RolloutSpec, _Mapping]] = ..., clock_jumps: _Optional[int] = ...) -> None: ...

class GuardrailStatus(_message.Message):
    __slots__ = ("name", "log_e", "log_limit", "ratio_low", "ratio_high", "is_passed")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LOG_E_FIELD_NUMBER: _ClassVar[int]
    LOG_LIMIT_FIELD_NUMBER: _ClassVar[int]
    RATIO_LOW_FIELD_NUMBER: _ClassVar[int]
    RATIO_HIGH_FIELD_NUMBER: _ClassVar[int]
    IS_PASSED_FIELD_NUMBER: _ClassVar[int]
    name: str
    log_e: float
    log_limit: float
    ratio_low: float
    ratio_high: float
    is_passed: bool
    def __init__(self, name: _Optional[str] = ..., log_e: _Optional[float] = ..., log_limit: _Optional[float] = ..., ratio_low: _Optional[float] = ..., ratio_high: _Optional[float] = ..., is_passed: _Optional[bool] = ...) -> None: ...

class Transition(_message.Message):
    __slots__ = ("wall_ms", "state", "canary_bp", "by", "why")
    WALL_MS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CANARY_BP_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    wall_ms: int
    state: str
    canary_bp: int
    by: str
    why: str
    def __init__(self, wall_ms: _Optional[int] = ..., state: _Optional[str] = ..., canary_bp: _Optional[int] = ..., by: _Optional[str] = ..., why: _Optional[str] = ...) -> None: ...

class Evidence(_message.Message):
    __slots__ = ("epochs", "excluded", "retried", "canary_missing", "seen_is_full", "latency", "verdict", "shadows")
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    EXCLUDED_FIELD_NUMBER: _ClassVar[int]
    RETRIED_FIELD_NUMBER: _ClassVar[int]
    CANARY_MISSING_FIELD_NUMBER: _ClassVar[int]
    SEEN_IS_FULL_FIELD_NUMBER: _ClassVar[int]
    LATENCY_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    SHADOWS_FIELD_NUMBER: _ClassVar[int]
    epochs: _containers.RepeatedCompositeFieldContainer[Epoch]
    excluded: int
    retried: int
    canary_missing: int
    seen_is_full: bool
    latency: _containers.RepeatedCompositeFieldContainer[ArmLatency]
    verdict: NativeVerdict
    shadows: _containers.RepeatedCompositeFieldContainer[ShadowCounts]
    def __init__(self, epochs: _Optional[_Iterable[_Union[Epoch, _Mapping]]] = ..., excluded: _Optional[int] = ..., retried: _Optional[int] = ..., canary_missing: _Optional[int] = ..., seen_is_full: _Optional[bool] = ..., latency: _Optional[_Iterable[_Union[ArmLatency, _Mapping]]] = ..., verdict: _Optional[_Union[NativeVerdict, _Mapping]] = ..., shadows: _Optional[_Iterable[_Union[ShadowCounts, _Mapping]]] = ...) -> None: ...

class Epoch(_message.Message):
    __slots__ = ("number", "shares_bp", "arms")
    class SharesBpEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class ArmsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: ArmCounts
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[ArmCounts, _Mapping]] = ...) -> None: ...
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    SHARES_BP_FIELD_NUMBER: _ClassVar[int]
    ARMS_FIELD_NUMBER: _ClassVar[int]
    number: int
    shares_bp: _containers.ScalarMap[str, int]
    arms: _containers.MessageMap[str, ArmCounts]
    def __init__(self, number: _Optional[int] = ..., shares_bp: _Optional[_Mapping[str, int]] = ..., arms: _Optional[_Mapping[str, ArmCounts]] = ...) -> None: ...

class ArmCounts(_message.Message):
    __slots__ = ("keys", "requests", "bad", "predictions")
    class BadEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    KEYS_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    BAD_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    keys: int
    requests: int
    bad: _containers.ScalarMap[str, int]
    predictions: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, keys: _Optional[int] = ..., requests: _Optional[int] = ..., bad: _Optional[_Mapping[str, int]] = ..., predictions: _Optional[_Iterable[int]] = ...) -> None: ...

class ArmLatency(_message.Message):
    __slots__ = ("arm", "buckets")
    ARM_FIELD_NUMBER: _ClassVar[int]
    BUCKETS_FIELD_NUMBER: _ClassVar[int]
    arm: str
    buckets: _containers.RepeatedCompositeFieldContainer[LatencyBucket]
    def __init__(self, arm: _Optional[str] = ..., buckets: _Optional[_Iterable[_Union[LatencyBucket, _Mapping]]] = ...) -> None: ...

class LatencyBucket(_message.Message):
    __slots__ = ("ns", "count")
    NS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    ns: int
    count: int
    def __init__(self, ns: _Optional[int] = ..., count: _Optional[int] = ...) -> None: ...

class NativeVerdict(_message.Message):
    __slots__ = ("rolls_back", "cause", "guardrail", "log_e", "log_limit", "wall_ms")
    ROLLS_BACK_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    GUARDRAIL_FIELD_NUMBER: _ClassVar[int]
    LOG_E_FIELD_NUMBER: _ClassVar[int]
    LOG_LIMIT_FIELD_NUMBER: _ClassVar[int]
    WALL_MS_FIELD_NUMBER: _ClassVar[int]
    rolls_back: bool
    cause: str
    guardrail: str
    log_e: float
    log_limit: float
    wall_ms: int
    def __init__(self, rolls_back: _Optional[bool] = ..., cause: _Optional[str] = ..., guardrail: _Optional[str] = ..., log_e: _Optional[float] = ..., log_limit: _Optional[float] = ..., wall_ms: _Optional[int] = ...) -> None: ...

class ShadowCounts(_message.Message):
    __slots__ = ("name", "offered", "dropped", "compared", "agreed", "mismatched", "discordant_shadow", "discordant_primary", "both_failed", "latency_ratio", "outputs", "worst")
    class DroppedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class MismatchedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    OFFERED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    COMPARED_FIELD_NUMBER: _ClassVar[int]
    AGREED_FIELD_NUMBER: _ClassVar[int]
    MISMATCHED_FIELD_NUMBER: _ClassVar[int]
    DISCORDANT_SHADOW_FIELD_NUMBER: _ClassVar[int]
    DISCORDANT_PRIMARY_FIELD_NUMBER: _ClassVar[int]
    BOTH_FAILED_FIELD_NUMBER: _ClassVar[int]
    LATENCY_RATIO_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    WORST_FIELD_NUMBER: _ClassVar[int]
    name: str
    offered: int
    dropped: _containers.ScalarMap[str, int]
    compared: int
    agreed: int
    mismatched: _containers.ScalarMap[str, int]
    discordant_shadow: int
    discordant_primary: int
    both_failed: int
    latency_ratio: _containers.RepeatedScalarFieldContainer[int]
    outputs: _containers.RepeatedCompositeFieldContainer[ShadowOutput]
    worst: _containers.RepeatedCompositeFieldContainer[ShadowSlice]
    def __init__(self, name: _Optional[str] = ..., offered: _Optional[int] = ..., dropped: _Optional[_Mapping[str, int]] = ..., compared: _Optional[int] = ..., agreed: _Optional[int] = ..., mismatched: _Optional[_Mapping[str, int]] = ..., discordant_shadow: _Optional[int] = ..., discordant_primary: _Optional[int] = ..., both_failed: _Optional[int] = ..., latency_ratio: _Optional[_Iterable[int]] = ..., outputs: _Optional[_Iterable[_Union[ShadowOutput, _Mapping]]] = ..., worst: _Optional[_Iterable[_Union[ShadowSlice, _Mapping]]] = ...) -> None: ...

class ShadowOutput(_message.Message):
    __slots__ = ("name", "pairs", "agreed", "elements", "identical", "within", "mismatched", "absolute", "relative", "ulps", "argmax_rows", "argmax_agreed", "flips", "probability_rows", "total_variation", "jensen_shannon")
    class MismatchedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    AGREED_FIELD_NUMBER: _ClassVar[int]
    ELEMENTS_FIELD_NUMBER: _ClassVar[int]
    IDENTICAL_FIELD_NUMBER: _ClassVar[int]
    WITHIN_FIELD_NUMBER: _ClassVar[int]
    MISMATCHED_FIELD_NUMBER: _ClassVar[int]
    ABSOLUTE_FIELD_NUMBER: _ClassVar[int]
    RELATIVE_FIELD_NUMBER: _ClassVar[int]
    ULPS_FIELD_NUMBER: _ClassVar[int]
    ARGMAX_ROWS_FIELD_NUMBER: _ClassVar[int]
    ARGMAX_AGREED_FIELD_NUMBER: _ClassVar[int]
    FLIPS_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_ROWS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_VARIATION_FIELD_NUMBER: _ClassVar[int]
    JENSEN_SHANNON_FIELD_NUMBER: _ClassVar[int]
    name: str
    pairs: int
    agreed: int
    elements: int
    identical: int
    within: int
    mismatched: _containers.ScalarMap[str, int]
    absolute: _containers.RepeatedScalarFieldContainer[int]
    relative: _containers.RepeatedScalarFieldContainer[int]
    ulps: _containers.RepeatedScalarFieldContainer[int]
    argmax_rows: int
    argmax_agreed: int
    flips: _containers.RepeatedCompositeFieldContainer[ClassFlip]
    probability_rows: int
    total_variation: float
    jensen_shannon: float
    def __init__(self, name: _Optional[str] = ..., pairs: _Optional[int] = ..., agreed: _Optional[int] = ..., elements: _Optional[int] = ..., identical: _Optional[int] = ..., within: _Optional[int] = ..., mismatched: _Optional[_Mapping[str, int]] = ..., absolute: _Optional[_Iterable[int]] = ..., relative: _Optional[_Iterable[int]] = ..., ulps: _Optional[_Iterable[int]] = ..., argmax_rows: _Optional[int] = ..., argmax_agreed: _Optional[int] = ..., flips: _Optional[_Iterable[_Union[ClassFlip, _Mapping]]] = ..., probability_rows: _Optional[int] = ..., total_variation: _Optional[float] = ..., jensen_shannon: _Optional[float] = ...) -> None: ...

class ClassFlip(_message.Message):
    __slots__ = ("primary", "shadow", "rows")
    PRIMARY_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    primary: int
    shadow: int
    rows: int
    def __init__(self, primary: _Optional[int] = ..., shadow: _Optional[int] = ..., rows: _Optional[int] = ...) -> None: ...

class ShadowSlice(_message.Message):
    __slots__ = ("column", "is_missing", "low", "high", "rows", "agreed", "disagreement_min")
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    IS_MISSING_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    AGREED_FIELD_NUMBER: _ClassVar[int]
    DISAGREEMENT_MIN_FIELD_NUMBER: _ClassVar[int]
    column: str
    is_missing: bool
    low: float
    high: float
    rows: int
    agreed: int
    disagreement_min: float
    def __init__(self, column: _Optional[str] = ..., is_missing: _Optional[bool] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., rows: _Optional[int] = ..., agreed: _Optional[int] = ..., disagreement_min: _Optional[float] = ...) -> None: ...

class RolloutSpec(_message.Message):
    __slots__ = ("sticky", "holdout", "overrides", "shadow", "skips_shadow", "stages_bp", "dwell_s", "requests_min", "duration_max_s", "on_inconclusive", "guardrails", "promotion", "srm_alpha", "idempotent", "keys_max", "force_keys")
    STICKY_FIELD_NUMBER: _ClassVar[int]
    HOLDOUT_FIELD_NUMBER: _ClassVar[int]
    OVERRIDES_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    SKIPS_SHADOW_FIELD_NUMBER: _ClassVar[int]
    STAGES_BP_FIELD_NUMBER: _ClassVar[int]
    DWELL_S_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_MIN_FIELD_NUMBER: _ClassVar[int]
    DURATION_MAX_S_FIELD_NUMBER: _ClassVar[int]
    ON_INCONCLUSIVE_FIELD_NUMBER: _ClassVar[int]
    GUARDRAILS_FIELD_NUMBER: _ClassVar[int]
    PROMOTION_FIELD_NUMBER: _ClassVar[int]
    SRM_ALPHA_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENT_FIELD_NUMBER: _ClassVar[int]
    KEYS_MAX_FIELD_NUMBER: _ClassVar[int]
    FORCE_KEYS_FIELD_NUMBER: _ClassVar[int]
    sticky: Sticky
    holdout: Holdout
    overrides: _containers.RepeatedCompositeFieldContainer[Override]
    shadow: RolloutShadow
    skips_shadow: bool
    stages_bp: _containers.RepeatedScalarFieldContainer[int]
    dwell_s: float
    requests_min: int
    duration_max_s: float
    on_inconclusive: str
    guardrails: Guardrails
    promotion: Promotion
    srm_alpha: float
    idempotent: bool
    keys_max: int
    force_keys: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, sticky: _Optional[_Union[Sticky, _Mapping]] = ..., holdout: _Optional[_Union[Holdout, _Mapping]] = ..., overrides: _Optional[_Iterable[_Union[Override, _Mapping]]] = ..., shadow: _Optional[_Union[RolloutShadow, _Mapping]] = ..., skips_shadow: _Optional[bool] = ..., stages_bp: _Optional[_Iterable[int]] = ..., dwell_s: _Optional[float] = ..., requests_min: _Optional[int] = ..., duration_max_s: _Optional[float] = ..., on_inconclusive: _Optional[str] = ..., guardrails: _Optional[_Union[Guardrails, _Mapping]] = ..., promotion: _Optional[_Union[Promotion, _Mapping]] = ..., srm_alpha: _Optional[float] = ..., idempotent: _Optional[bool] = ..., keys_max: _Optional[int] = ..., force_keys: _Optional[_Iterable[str]] = ...) -> None: ...

class Sticky(_message.Message):
    __slots__ = ("source", "name")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    source: str
    name: str
    def __init__(self, source: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class Holdout(_message.Message):
    __slots__ = ("share_bp", "salt")
    SHARE_BP_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    share_bp: int
    salt: int
    def __init__(self, share_bp: _Optional[int] = ..., salt: _Optional[int] = ...) -> None: ...

class Override(_message.Message):
    __slots__ = ("arm", "key", "sha256")
    ARM_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    arm: str
    key: str
    sha256: str
    def __init__(self, arm: _Optional[str] = ..., key: _Optional[str] = ..., sha256: _Optional[str] = ...) -> None: ...

class RolloutShadow(_message.Message):
    __slots__ = ("model", "version", "name", "sample_bp", "relative", "absolute", "examples", "examples_kept_s", "sensitive", "pairs_min", "agreement_min")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_BP_FIELD_NUMBER: _ClassVar[int]
    RELATIVE_FIELD_NUMBER: _ClassVar[int]
    ABSOLUTE_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_KEPT_S_FIELD_NUMBER: _ClassVar[int]
    SENSITIVE_FIELD_NUMBER: _ClassVar[int]
    PAIRS_MIN_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_MIN_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: int
    name: str
    sample_bp: int
    relative: float
    absolute: float
    examples: int
    examples_kept_s: float
    sensitive: _containers.RepeatedScalarFieldContainer[str]
    pairs_min: int
    agreement_min: float
    def __init__(self, model: _Optional[str] = ..., version: _Optional[int] = ..., name: _Optional[str] = ..., sample_bp: _Optional[int] = ..., relative: _Optional[float] = ..., absolute: _Optional[float] = ..., examples: _Optional[int] = ..., examples_kept_s: _Optional[float] = ..., sensitive: _Optional[_Iterable[str]] = ..., pairs_min: _Optional[int] = ..., agreement_min: _Optional[float] = ...) -> None: ...

class Guardrails(_message.Message):
    __slots__ = ("alpha", "tolerance", "errors_weight", "latency", "predictions", "first_failures", "breaks_on_non_finite")
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    ERRORS_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    LATENCY_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    FIRST_FAILURES_FIELD_NUMBER: _ClassVar[int]
    BREAKS_ON_NON_FINITE_FIELD_NUMBER: _ClassVar[int]
    alpha: float
    tolerance: float
    errors_weight: float
    latency: LatencyGuardrail
    predictions: PredictionsGuardrail
    first_failures: int
    breaks_on_non_finite: bool
    def __init__(self, alpha: _Optional[float] = ..., tolerance: _Optional[float] = ..., errors_weight: _Optional[float] = ..., latency: _Optional[_Union[LatencyGuardrail, _Mapping]] = ..., predictions: _Optional[_Union[PredictionsGuardrail, _Mapping]] = ..., first_failures: _Optional[int] = ..., breaks_on_non_finite: _Optional[bool] = ...) -> None: ...

class LatencyGuardrail(_message.Message):
    __slots__ = ("slo_ms", "weight")
    SLO_MS_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    slo_ms: float
    weight: float
    def __init__(self, slo_ms: _Optional[float] = ..., weight: _Optional[float] = ...) -> None: ...

class PredictionsGuardrail(_message.Message):
    __slots__ = ("output", "edges", "weight", "tolerance", "on_breach")
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    ON_BREACH_FIELD_NUMBER: _ClassVar[int]
    output: str
    edges: _containers.RepeatedScalarFieldContainer[float]
    weight: float
    tolerance: float
    on_breach: str
    def __init__(self, output: _Optional[str] = ..., edges: _Optional[_Iterable[float]] = ..., weight: _Optional[float] = ..., tolerance: _Optional[float] = ..., on_breach: _Optional[str] = ...) -> None: ...

class Promotion(_message.Message):
    __slots__ = ("alpha", "margin", "max_bad_rate", "harm_budget")
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    MARGIN_FIELD_NUMBER: _ClassVar[int]
    MAX_BAD_RATE_FIELD_NUMBER: _ClassVar[int]
    HARM_BUDGET_FIELD_NUMBER: _ClassVar[int]
    alpha: float
    margin: float
    max_bad_rate: float
    harm_budget: float
    def __init__(self, alpha: _Optional[float] = ..., margin: _Optional[float] = ..., max_bad_rate: _Optional[float] = ..., harm_budget: _Optional[float] = ...) -> None: ...
