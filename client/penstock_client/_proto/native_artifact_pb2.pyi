# SPDX-License-Identifier: Apache-2.0
# Written by proto/generate.py: change the .proto, not this file.
# fmt: off
# ruff: noqa
# mypy: disable-error-code="type-arg, no-untyped-def"
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KIND_UNSPECIFIED: _ClassVar[Kind]
    FLOAT32: _ClassVar[Kind]
    FLOAT64: _ClassVar[Kind]
    INT64: _ClassVar[Kind]
    TEXT: _ClassVar[Kind]
KIND_UNSPECIFIED: Kind
FLOAT32: Kind
FLOAT64: Kind
INT64: Kind
TEXT: Kind

class Blob(_message.Message):
    __slots__ = ("offset", "bytes")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    offset: int
    bytes: int
    def __init__(self, offset: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...

class Value(_message.Message):
    __slots__ = ("kind", "width")
    KIND_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    kind: Kind
    width: int
    def __init__(self, kind: _Optional[_Union[Kind, str]] = ..., width: _Optional[int] = ...) -> None: ...

class Port(_message.Message):
    __slots__ = ("name", "datatype", "value", "dims")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DATATYPE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    DIMS_FIELD_NUMBER: _ClassVar[int]
    name: str
    datatype: str
    value: int
    dims: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, name: _Optional[str] = ..., datatype: _Optional[str] = ..., value: _Optional[int] = ..., dims: _Optional[_Iterable[int]] = ...) -> None: ...

class Artifact(_message.Message):
    __slots__ = ("producer", "source", "values", "inputs", "outputs", "steps", "evidence")
    PRODUCER_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    producer: str
    source: str
    values: _containers.RepeatedCompositeFieldContainer[Value]
    inputs: _containers.RepeatedCompositeFieldContainer[Port]
    outputs: _containers.RepeatedCompositeFieldContainer[Port]
    steps: _containers.RepeatedCompositeFieldContainer[Step]
    evidence: str
    def __init__(self, producer: _Optional[str] = ..., source: _Optional[str] = ..., values: _Optional[_Iterable[_Union[Value, _Mapping]]] = ..., inputs: _Optional[_Iterable[_Union[Port, _Mapping]]] = ..., outputs: _Optional[_Iterable[_Union[Port, _Mapping]]] = ..., steps: _Optional[_Iterable[_Union[Step, _Mapping]]] = ..., evidence: _Optional[str] = ...) -> None: ...

class Step(_message.Message):
    __slots__ = ("reads", "writes", "name", "convert", "affine", "normalize", "impute", "one_hot", "lookup", "concat", "select", "dense", "activation", "forest", "arg_max", "threshold", "string_index", "labels", "complement", "onnx")
    READS_FIELD_NUMBER: _ClassVar[int]
    WRITES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONVERT_FIELD_NUMBER: _ClassVar[int]
    AFFINE_FIELD_NUMBER: _ClassVar[int]
    NORMALIZE_FIELD_NUMBER: _ClassVar[int]
    IMPUTE_FIELD_NUMBER: _ClassVar[int]
    ONE_HOT_FIELD_NUMBER: _ClassVar[int]
    LOOKUP_FIELD_NUMBER: _ClassVar[int]
    CONCAT_FIELD_NUMBER: _ClassVar[int]
    SELECT_FIELD_NUMBER: _ClassVar[int]
    DENSE_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    FOREST_FIELD_NUMBER: _ClassVar[int]
    ARG_MAX_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    STRING_INDEX_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    COMPLEMENT_FIELD_NUMBER: _ClassVar[int]
    ONNX_FIELD_NUMBER: _ClassVar[int]
    reads: _containers.RepeatedScalarFieldContainer[int]
    writes: int
    name: str
    convert: Convert
    affine: Affine
    normalize: Normalize
    impute: Impute
    one_hot: OneHot
    lookup: Lookup
    concat: Concat
    select: Select
    dense: Dense
    activation: Activation
    forest: Forest
    arg_max: ArgMax
    threshold: Threshold
    string_index: StringIndex
    labels: Labels
    complement: Complement
    onnx: Onnx
    def __init__(self, reads: _Optional[_Iterable[int]] = ..., writes: _Optional[int] = ..., name: _Optional[str] = ..., convert: _Optional[_Union[Convert, _Mapping]] = ..., affine: _Optional[_Union[Affine, _Mapping]] = ..., normalize: _Optional[_Union[Normalize, _Mapping]] = ..., impute: _Optional[_Union[Impute, _Mapping]] = ..., one_hot: _Optional[_Union[OneHot, _Mapping]] = ..., lookup: _Optional[_Union[Lookup, _Mapping]] = ..., concat: _Optional[_Union[Concat, _Mapping]] = ..., select: _Optional[_Union[Select, _Mapping]] = ..., dense: _Optional[_Union[Dense, _Mapping]] = ..., activation: _Optional[_Union[Activation, _Mapping]] = ..., forest: _Optional[_Union[Forest, _Mapping]] = ..., arg_max: _Optional[_Union[ArgMax, _Mapping]] = ..., threshold: _Optional[_Union[Threshold, _Mapping]] = ..., string_index: _Optional[_Union[StringIndex, _Mapping]] = ..., labels: _Optional[_Union[Labels, _Mapping]] = ..., complement: _Optional[_Union[Complement, _Mapping]] = ..., onnx: _Optional[_Union[Onnx, _Mapping]] = ...) -> None: ...

class Convert(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Affine(_message.Message):
    __slots__ = ("offset", "scale")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    offset: Blob
    scale: Blob
    def __init__(self, offset: _Optional[_Union[Blob, _Mapping]] = ..., scale: _Optional[_Union[Blob, _Mapping]] = ...) -> None: ...

class Normalize(_message.Message):
    __slots__ = ("norm",)
    class Norm(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        NORM_UNSPECIFIED: _ClassVar[Normalize.Norm]
        L1: _ClassVar[Normalize.Norm]
        L2: _ClassVar[Normalize.Norm]
        MAX: _ClassVar[Normalize.Norm]
    NORM_UNSPECIFIED: Normalize.Norm
    L1: Normalize.Norm
    L2: Normalize.Norm
    MAX: Normalize.Norm
    NORM_FIELD_NUMBER: _ClassVar[int]
    norm: Normalize.Norm
    def __init__(self, norm: _Optional[_Union[Normalize.Norm, str]] = ...) -> None: ...

class Impute(_message.Message):
    __slots__ = ("missing", "replacement")
    MISSING_FIELD_NUMBER: _ClassVar[int]
    REPLACEMENT_FIELD_NUMBER: _ClassVar[int]
    missing: float
    replacement: Blob
    def __init__(self, missing: _Optional[float] = ..., replacement: _Optional[_Union[Blob, _Mapping]] = ...) -> None: ...

class OneHot(_message.Message):
    __slots__ = ("counts", "categories")
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    counts: _containers.RepeatedScalarFieldContainer[int]
    categories: Blob
    def __init__(self, counts: _Optional[_Iterable[int]] = ..., categories: _Optional[_Union[Blob, _Mapping]] = ...) -> None: ...

class Lookup(_message.Message):
    __slots__ = ("keys", "values", "otherwise")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    OTHERWISE_FIELD_NUMBER: _ClassVar[int]
    keys: Blob
    values: Blob
    otherwise: Blob
    def __init__(self, keys: _Optional[_Union[Blob, _Mapping]] = ..., values: _Optional[_Union[Blob, _Mapping]] = ..., otherwise: _Optional[_Union[Blob, _Mapping]] = ...) -> None: ...

class Concat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Select(_message.Message):
    __slots__ = ("columns",)
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    columns: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, columns: _Optional[_Iterable[int]] = ...) -> None: ...

class Dense(_message.Message):
    __slots__ = ("weights", "weight", "scale", "group", "bias", "activation", "input")
    class Weights(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        WEIGHTS_UNSPECIFIED: _ClassVar[Dense.Weights]
        FP32: _ClassVar[Dense.Weights]
        BF16: _ClassVar[Dense.Weights]
        S8: _ClassVar[Dense.Weights]
        U4: _ClassVar[Dense.Weights]
    WEIGHTS_UNSPECIFIED: Dense.Weights
    FP32: Dense.Weights
    BF16: Dense.Weights
    S8: Dense.Weights
    U4: Dense.Weights
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    BIAS_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    weights: Dense.Weights
    weight: Blob
    scale: Blob
    group: int
    bias: Blob
    activation: Activation
    input: StaticInput
    def __init__(self, weights: _Optional[_Union[Dense.Weights, str]] = ..., weight: _Optional[_Union[Blob, _Mapping]] = ..., scale: _Optional[_Union[Blob, _Mapping]] = ..., group: _Optional[int] = ..., bias: _Optional[_Union[Blob, _Mapping]] = ..., activation: _Optional[_Union[Activation, _Mapping]] = ..., input: _Optional[_Union[StaticInput, _Mapping]] = ...) -> None: ...

class StaticInput(_message.Message):
    __slots__ = ("scale", "zero_point")
    SCALE_FIELD_NUMBER: _ClassVar[int]
    ZERO_POINT_FIELD_NUMBER: _ClassVar[int]
    scale: float
    zero_point: int
    def __init__(self, scale: _Optional[float] = ..., zero_point: _Optional[int] = ...) -> None: ...

class Activation(_message.Message):
    __slots__ = ("function", "alpha", "beta")
    class Function(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        IDENTITY: _ClassVar[Activation.Function]
        RELU: _ClassVar[Activation.Function]
        LEAKY_RELU: _ClassVar[Activation.Function]
        SIGMOID: _ClassVar[Activation.Function]
        TANH: _ClassVar[Activation.Function]
        CLIP: _ClassVar[Activation.Function]
        SOFTMAX: _ClassVar[Activation.Function]
        EXP: _ClassVar[Activation.Function]
        LOG1P_EXP: _ClassVar[Activation.Function]
        SOFTMAX_ZERO: _ClassVar[Activation.Function]
        PROBIT: _ClassVar[Activation.Function]
        SIGN_SQUARE: _ClassVar[Activation.Function]
        COPY_SIGN_NORMALIZE: _ClassVar[Activation.Function]
    IDENTITY: Activation.Function
    RELU: Activation.Function
    LEAKY_RELU: Activation.Function
    SIGMOID: Activation.Function
    TANH: Activation.Function
    CLIP: Activation.Function
    SOFTMAX: Activation.Function
    EXP: Activation.Function
    LOG1P_EXP: Activation.Function
    SOFTMAX_ZERO: Activation.Function
    PROBIT: Activation.Function
    SIGN_SQUARE: Activation.Function
    COPY_SIGN_NORMALIZE: Activation.Function
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    BETA_FIELD_NUMBER: _ClassVar[int]
    function: Activation.Function
    alpha: float
    beta: float
    def __init__(self, function: _Optional[_Union[Activation.Function, str]] = ..., alpha: _Optional[float] = ..., beta: _Optional[float] = ...) -> None: ...

class Forest(_message.Message):
    __slots__ = ("features", "targets", "roots", "feature", "threshold", "left", "right", "flags", "leaf_values", "leaves_are_rows", "category_words", "base", "factor", "sum")
    class Sum(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SUM_UNSPECIFIED: _ClassVar[Forest.Sum]
        IN_FLOAT: _ClassVar[Forest.Sum]
        IN_DOUBLE: _ClassVar[Forest.Sum]
        IN_ANY_ORDER: _ClassVar[Forest.Sum]
    SUM_UNSPECIFIED: Forest.Sum
    IN_FLOAT: Forest.Sum
    IN_DOUBLE: Forest.Sum
    IN_ANY_ORDER: Forest.Sum
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    ROOTS_FIELD_NUMBER: _ClassVar[int]
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    LEAF_VALUES_FIELD_NUMBER: _ClassVar[int]
    LEAVES_ARE_ROWS_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_WORDS_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    SUM_FIELD_NUMBER: _ClassVar[int]
    features: int
    targets: int
    roots: Blob
    feature: Blob
    threshold: Blob
    left: Blob
    right: Blob
    flags: Blob
    leaf_values: Blob
    leaves_are_rows: bool
    category_words: Blob
    base: Blob
    factor: float
    sum: Forest.Sum
    def __init__(self, features: _Optional[int] = ..., targets: _Optional[int] = ..., roots: _Optional[_Union[Blob, _Mapping]] = ..., feature: _Optional[_Union[Blob, _Mapping]] = ..., threshold: _Optional[_Union[Blob, _Mapping]] = ..., left: _Optional[_Union[Blob, _Mapping]] = ..., right: _Optional[_Union[Blob, _Mapping]] = ..., flags: _Optional[_Union[Blob, _Mapping]] = ..., leaf_values: _Optional[_Union[Blob, _Mapping]] = ..., leaves_are_rows: _Optional[bool] = ..., category_words: _Optional[_Union[Blob, _Mapping]] = ..., base: _Optional[_Union[Blob, _Mapping]] = ..., factor: _Optional[float] = ..., sum: _Optional[_Union[Forest.Sum, str]] = ...) -> None: ...

class ArgMax(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Threshold(_message.Message):
    __slots__ = ("threshold", "is_inclusive")
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    IS_INCLUSIVE_FIELD_NUMBER: _ClassVar[int]
    threshold: float
    is_inclusive: bool
    def __init__(self, threshold: _Optional[float] = ..., is_inclusive: _Optional[bool] = ...) -> None: ...

class StringIndex(_message.Message):
    __slots__ = ("strings",)
    STRINGS_FIELD_NUMBER: _ClassVar[int]
    strings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, strings: _Optional[_Iterable[str]] = ...) -> None: ...

class Labels(_message.Message):
    __slots__ = ("strings", "numbers", "otherwise_string", "otherwise_number")
    STRINGS_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    OTHERWISE_STRING_FIELD_NUMBER: _ClassVar[int]
    OTHERWISE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    strings: _containers.RepeatedScalarFieldContainer[str]
    numbers: _containers.RepeatedScalarFieldContainer[int]
    otherwise_string: str
    otherwise_number: int
    def __init__(self, strings: _Optional[_Iterable[str]] = ..., numbers: _Optional[_Iterable[int]] = ..., otherwise_string: _Optional[str] = ..., otherwise_number: _Optional[int] = ...) -> None: ...

class Complement(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Onnx(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: Blob
    def __init__(self, model: _Optional[_Union[Blob, _Mapping]] = ...) -> None: ...
