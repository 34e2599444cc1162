"""Routes and trials: how requests of one model are shared among versions, and what becomes of them.

`penstock.traffic` gives these to the rest of the house. Shares are in basis points; a key falls
into one of 10000 buckets, and an arm has as many of them as basis points.
"""

from collections.abc import Sequence

class Arm:
    """One arm of a route. `role`: "plain", "stable", "control" or "canary"; `version`: a number, or
    empty for the highest that is loaded; `intervals`: buckets [begin, end).
    """

    def __init__(
        self,
        name: str,
        model: str,
        version: str,
        role: str,
        intervals: Sequence[tuple[int, int]],
    ) -> None: ...

class Route:
    """Whose requests go where."""

    name: str  # what clients call the model
    sticky_source: str  # "request_id", "header" or "parameter"
    sticky_name: str
    salt: int
    arms: list[Arm]
    overrides: list[tuple[bytes, int]]  # SHA-256 of a key, and the arm that it goes to
    holdout_bp: int
    holdout_salt: int
    force_keys: list[str]  # secrets that sign forced arms
    shadows: list[tuple[Shadow, int, int]]  # with its share of requests, and its salt
    def __init__(self, name: str) -> None: ...

class TrialOptions:
    """How a canary is watched."""

    alpha: float  # 0.01: chance of a false rollback
    tolerance: float  # 0: theta0 - 1
    errors_weight: float  # 1: part of alpha
    latency_weight: float  # 0
    keys_max: int
    first_failures: int  # 3
    breaks_on_non_finite: bool
    slo_us: int  # 0: no answer is slow
    retries: bool  # False: what the canary fails stays failed
    watched_output: str  # empty: none
    watched_edges: list[float]
    def __init__(self) -> None: ...

class TrialCounts:
    """What a trial has counted until now. Arms are in the order stable, control, canary."""

    @property
    def epochs(
        self,
    ) -> list[tuple[int, list[int], list[tuple[int, int, list[int], list[int]]]]]:
        """Number, shares, and by arm: keys, requests, bad ones by kind, predictions by bin."""

    @property
    def latency_ns(self) -> list[list[tuple[int, int]]]:
        """By arm: the middle of a bucket in nanoseconds, and the answers in it."""

    @property
    def verdict(self) -> tuple[bool, str, str, float, float, int] | None:
        """rolls_back, cause, guardrail, log_e, log_limit, wall_ms."""

    @property
    def excluded(self) -> int: ...
    @property
    def retried(self) -> int: ...
    @property
    def canary_missing(self) -> int: ...
    @property
    def seen_is_full(self) -> bool: ...

_Event = tuple[int, str, str, bool, int, int, int, int, int, int, bool]

class Trial:
    """A candidate on trial. Made by `Traffic.open_trial`.

    A bad event is: wall_ms, guardrail, kind, is_canary, epoch, canary_bp, both_bp, key_hash,
    canary_good, baseline_good, counts.
    """

    def begin_epoch(self, number: int, shares_bp: Sequence[int]) -> None:
        """Before a route of this epoch is set. CoreError out of turn, and beyond 64 of them."""

    def replay(self, events: Sequence[_Event]) -> None:
        """Brings the judge where these events bring it."""

    def counts(self) -> TrialCounts: ...
    def take_events(self) -> list[_Event]:
        """Since the last call, in the order in which they were judged."""

    @property
    def is_cut(self) -> bool:
        """Whether the canary gets no request any more."""

class ShadowOptions:
    """What a shadow is, and what of it is kept."""

    name: str
    model: str
    version: str  # a number; empty: the highest that is loaded
    relative: float  # 1e-5: two numbers agree within either
    absolute: float  # 1e-6
    examples: int  # 0: none are kept
    examples_kept_s: float
    sensitive: list[str]  # tensors whose values are never kept nor told
    def __init__(self) -> None: ...

class ShadowOutput:
    """How one output differs from the primary's: cpp/judging/agreement.h."""

    @property
    def name(self) -> str: ...
    @property
    def pairs(self) -> int: ...
    @property
    def agreed(self) -> int: ...
    @property
    def elements(self) -> int: ...
    @property
    def identical(self) -> int: ...
    @property
    def within(self) -> int: ...
    @property
    def mismatched(self) -> dict[str, int]: ...
    @property
    def absolute(self) -> list[int]: ...
    @property
    def relative(self) -> list[int]: ...
    @property
    def ulps(self) -> list[int]: ...
    @property
    def argmax_rows(self) -> int: ...
    @property
    def argmax_agreed(self) -> int: ...
    @property
    def flips(self) -> list[list[int]]: ...
    @property
    def probability_rows(self) -> int: ...
    @property
    def total_variation_sum(self) -> float: ...
    @property
    def jensen_shannon_sum(self) -> float: ...

class ShadowCounts:
    """What came of the copies that a shadow was sent: cpp/serving/shadow.h."""

    @property
    def offered(self) -> int: ...
    @property
    def dropped(self) -> dict[str, int]: ...
    @property
    def compared(self) -> int: ...
    @property
    def agreed(self) -> int: ...
    @property
    def mismatched(self) -> dict[str, int]: ...
    @property
    def discordant_shadow(self) -> int: ...
    @property
    def discordant_primary(self) -> int: ...
    @property
    def both_failed(self) -> int: ...
    @property
    def latency_ratio(self) -> list[int]: ...
    @property
    def outputs(self) -> list[ShadowOutput]: ...
    @property
    def worst(self) -> list[tuple[str, bool, float, float, int, int, float]]:
        """Column, is_missing, low, high, rows, agreed, disagreement_min; worst first."""

class Shadow:
    """One shadow. Made by `Traffic.open_shadow`."""

    def counts(self) -> ShadowCounts: ...
    def examples(self) -> list[tuple[int, int, str]]:
        """Milliseconds since 1970, the key's hash, and JSON: cpp/serving/shadow_examples.h."""

class Traffic:
    """The routes of one engine."""

    def open_shadow(self, options: ShadowOptions) -> Shadow: ...
    def open_trial(self, options: TrialOptions) -> Trial: ...
    def set_route(self, route: Route, trial: Trial | None = None, epoch: int = 0) -> None:
        """From now on. CoreError, a sentence, for what is no route."""

    def remove_route(self, name: str) -> None: ...
    def worker_restarts(self, model: str, version: int) -> int:
        """Of processes of this version since it was loaded; 0 for one that has none."""
    @property
    def verdicts_fd(self) -> int:
        """Readable once a judge has decided, until cleared."""

    def clear_verdicts(self) -> None: ...
