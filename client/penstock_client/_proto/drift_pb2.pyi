# SPDX-License-Identifier: Apache-2.0
# Written by proto/generate.py: change the .proto, not this file.
# fmt: off
# ruff: noqa
# mypy: disable-error-code="type-arg, no-untyped-def"
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetDriftRequest(_message.Message):
    __slots__ = ("model", "version", "window_s")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    WINDOW_S_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: int
    window_s: float
    def __init__(self, model: _Optional[str] = ..., version: _Optional[int] = ..., window_s: _Optional[float] = ...) -> None: ...

class ListDriftRequest(_message.Message):
    __slots__ = ("limit",)
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    limit: int
    def __init__(self, limit: _Optional[int] = ...) -> None: ...

class ListDriftResponse(_message.Message):
    __slots__ = ("versions", "left_out")
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[DriftStatus]
    left_out: int
    def __init__(self, versions: _Optional[_Iterable[_Union[DriftStatus, _Mapping]]] = ..., left_out: _Optional[int] = ...) -> None: ...

class DriftStatus(_message.Message):
    __slots__ = ("model", "version", "reference", "reference_digest", "reference_rows", "begin", "end", "rows", "tested_rows", "dropped_rows", "repeated_rows", "share", "ticks", "false_alarms_per_30_days", "columns", "alarms", "notes", "claims_bound", "bound")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_ROWS_FIELD_NUMBER: _ClassVar[int]
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    TESTED_ROWS_FIELD_NUMBER: _ClassVar[int]
    DROPPED_ROWS_FIELD_NUMBER: _ClassVar[int]
    REPEATED_ROWS_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    TICKS_FIELD_NUMBER: _ClassVar[int]
    FALSE_ALARMS_PER_30_DAYS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    ALARMS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    CLAIMS_BOUND_FIELD_NUMBER: _ClassVar[int]
    BOUND_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: int
    reference: str
    reference_digest: str
    reference_rows: int
    begin: float
    end: float
    rows: int
    tested_rows: int
    dropped_rows: int
    repeated_rows: int
    share: float
    ticks: int
    false_alarms_per_30_days: float
    columns: _containers.RepeatedCompositeFieldContainer[ColumnDrift]
    alarms: _containers.RepeatedCompositeFieldContainer[DriftAlarm]
    notes: _containers.RepeatedScalarFieldContainer[str]
    claims_bound: bool
    bound: str
    def __init__(self, model: _Optional[str] = ..., version: _Optional[int] = ..., reference: _Optional[str] = ..., reference_digest: _Optional[str] = ..., reference_rows: _Optional[int] = ..., begin: _Optional[float] = ..., end: _Optional[float] = ..., rows: _Optional[int] = ..., tested_rows: _Optional[int] = ..., dropped_rows: _Optional[int] = ..., repeated_rows: _Optional[int] = ..., share: _Optional[float] = ..., ticks: _Optional[int] = ..., false_alarms_per_30_days: _Optional[float] = ..., columns: _Optional[_Iterable[_Union[ColumnDrift, _Mapping]]] = ..., alarms: _Optional[_Iterable[_Union[DriftAlarm, _Mapping]]] = ..., notes: _Optional[_Iterable[str]] = ..., claims_bound: _Optional[bool] = ..., bound: _Optional[str] = ...) -> None: ...

class ColumnDrift(_message.Message):
    __slots__ = ("name", "kind", "is_output", "state", "log_e", "log_limit", "onset", "rows", "reference_rows", "against", "effects", "rates", "bins", "live", "reference", "quantiles", "smallest_psi", "history", "unseen", "calibrated_limit", "is_suspected")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    IS_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LOG_E_FIELD_NUMBER: _ClassVar[int]
    LOG_LIMIT_FIELD_NUMBER: _ClassVar[int]
    ONSET_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_ROWS_FIELD_NUMBER: _ClassVar[int]
    AGAINST_FIELD_NUMBER: _ClassVar[int]
    EFFECTS_FIELD_NUMBER: _ClassVar[int]
    RATES_FIELD_NUMBER: _ClassVar[int]
    BINS_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    QUANTILES_FIELD_NUMBER: _ClassVar[int]
    SMALLEST_PSI_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    UNSEEN_FIELD_NUMBER: _ClassVar[int]
    CALIBRATED_LIMIT_FIELD_NUMBER: _ClassVar[int]
    IS_SUSPECTED_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    is_output: bool
    state: str
    log_e: float
    log_limit: float
    onset: float
    rows: int
    reference_rows: int
    against: str
    effects: _containers.RepeatedCompositeFieldContainer[DriftEffect]
    rates: _containers.RepeatedCompositeFieldContainer[DriftRate]
    bins: _containers.RepeatedScalarFieldContainer[str]
    live: _containers.RepeatedScalarFieldContainer[float]
    reference: _containers.RepeatedScalarFieldContainer[float]
    quantiles: _containers.RepeatedScalarFieldContainer[float]
    smallest_psi: float
    history: _containers.RepeatedCompositeFieldContainer[DriftHistoryPoint]
    unseen: _containers.RepeatedCompositeFieldContainer[UnseenCategory]
    calibrated_limit: float
    is_suspected: bool
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., is_output: _Optional[bool] = ..., state: _Optional[str] = ..., log_e: _Optional[float] = ..., log_limit: _Optional[float] = ..., onset: _Optional[float] = ..., rows: _Optional[int] = ..., reference_rows: _Optional[int] = ..., against: _Optional[str] = ..., effects: _Optional[_Iterable[_Union[DriftEffect, _Mapping]]] = ..., rates: _Optional[_Iterable[_Union[DriftRate, _Mapping]]] = ..., bins: _Optional[_Iterable[str]] = ..., live: _Optional[_Iterable[float]] = ..., reference: _Optional[_Iterable[float]] = ..., quantiles: _Optional[_Iterable[float]] = ..., smallest_psi: _Optional[float] = ..., history: _Optional[_Iterable[_Union[DriftHistoryPoint, _Mapping]]] = ..., unseen: _Optional[_Iterable[_Union[UnseenCategory, _Mapping]]] = ..., calibrated_limit: _Optional[float] = ..., is_suspected: _Optional[bool] = ...) -> None: ...

class DriftEffect(_message.Message):
    __slots__ = ("name", "value", "low", "high")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: float
    low: float
    high: float
    def __init__(self, name: _Optional[str] = ..., value: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...

class DriftRate(_message.Message):
    __slots__ = ("name", "live", "reference")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    live: float
    reference: float
    def __init__(self, name: _Optional[str] = ..., live: _Optional[float] = ..., reference: _Optional[float] = ...) -> None: ...

class DriftHistoryPoint(_message.Message):
    __slots__ = ("begin", "end", "rows", "psi", "missing", "mean")
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    PSI_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    begin: float
    end: float
    rows: int
    psi: float
    missing: float
    mean: float
    def __init__(self, begin: _Optional[float] = ..., end: _Optional[float] = ..., rows: _Optional[int] = ..., psi: _Optional[float] = ..., missing: _Optional[float] = ..., mean: _Optional[float] = ...) -> None: ...

class UnseenCategory(_message.Message):
    __slots__ = ("category", "rows")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    category: str
    rows: int
    def __init__(self, category: _Optional[str] = ..., rows: _Optional[int] = ...) -> None: ...

class DriftAlarm(_message.Message):
    __slots__ = ("id", "kind", "columns", "raised_at", "onset", "cleared_at", "log_e", "effect", "message", "reminders")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    RAISED_AT_FIELD_NUMBER: _ClassVar[int]
    ONSET_FIELD_NUMBER: _ClassVar[int]
    CLEARED_AT_FIELD_NUMBER: _ClassVar[int]
    LOG_E_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REMINDERS_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: str
    columns: _containers.RepeatedScalarFieldContainer[str]
    raised_at: float
    onset: float
    cleared_at: float
    log_e: float
    effect: DriftEffect
    message: str
    reminders: int
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[str] = ..., columns: _Optional[_Iterable[str]] = ..., raised_at: _Optional[float] = ..., onset: _Optional[float] = ..., cleared_at: _Optional[float] = ..., log_e: _Optional[float] = ..., effect: _Optional[_Union[DriftEffect, _Mapping]] = ..., message: _Optional[str] = ..., reminders: _Optional[int] = ...) -> None: ...
