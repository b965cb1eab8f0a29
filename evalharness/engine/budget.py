"""Budgets: how much a run may ask, and what it has used so far, over all its sessions."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from evalharness.config import Prices, RunConfig
from evalharness.engine.halt import Halt
from evalharness.errors import ConfigError
from evalharness.records import Failure, Request, Response, Role

__all__ = [
    "Allowance", "Budget", "Used", "check_prices", "cost_of", "tokens_in", "tokens_of",
    "tokens_wanted",
]  # fmt: skip

#: Characters a token, where nobody counted: a rule of thumb for English text.
_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True)
class Allowance:
    """What a run may use in all its sessions; None: as much as it takes."""

    max_requests: int | None = None
    max_tokens: int | None = None
    max_cost: float | None = None
    max_minutes: float | None = None
    prices: Prices | None = None

    @classmethod
    def of(cls, config: RunConfig) -> Allowance:
        """As a configuration says."""
        return cls(
            config.max_requests,
            config.max_tokens,
            config.max_cost,
            config.max_minutes,
            config.prices,
        )


@dataclass
class Used:
    """What one role has used.

    ``estimated``: answers whose tokens the model did not report. ``further``: calls beside the
    requests (probes, a filter's model), whose tokens nobody counts.
    """

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    estimated: int = 0
    further: int = 0


@dataclass
class Budget:
    """Counts what is used and stops the run at a limit.

    Requests are counted before each try, so their limit is exact. Tokens, cost and an adapter's
    further calls are known when an answer is there: the calls in flight go over their limit.

    Args:
        models: role -> the model's name, as the price table spells it.
        used: role -> what earlier sessions used.
        seconds: what earlier sessions took.
    """

    allowance: Allowance
    halt: Halt
    models: Mapping[Role, str]
    used: dict[Role, Used] = field(default_factory=dict)
    seconds: float = 0.0
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._started = self.clock()
        self._requests = sum(used.requests + used.further for used in self.used.values())
        self._check()

    @property
    def remaining_seconds(self) -> float | None:
        """Until ``max_minutes`` is reached; None without that limit."""
        if self.allowance.max_minutes is None:
            return None
        return 60 * self.allowance.max_minutes - self.seconds - (self.clock() - self._started)

    def take(self, role: Role, requests: int) -> None:
        """Count tries before they are made.

        Raises:
            Halted: they would be too many, or the run was stopped; they are not counted then.
        """
        limit = self.allowance.max_requests
        if limit is not None and self._requests + requests > limit:
            self.halt.stop(_reached("max_requests", limit))
        self.halt.check()
        self._requests += requests
        self._of(role).requests += requests

    def further(self, role: Role, calls: int) -> None:
        """Count calls that an adapter made beside the requests, of which it told afterwards."""
        self._requests += calls
        self._of(role).further += calls

    def add(self, role: Role, request: Request, answer: Response | Failure) -> None:
        """Count an answer's tokens."""
        if not isinstance(answer, Response):
            return
        used = self._of(role)
        given, made = answer.input_tokens, answer.output_tokens
        if given is None or (made is None and request.kind == "generate"):
            used.estimated += 1
        used.input_tokens += tokens_in(request) if given is None else given
        used.output_tokens += tokens_of(len(answer.text)) if made is None else made
        self._check()

    def cost(self) -> float | None:
        """What all roles cost so far, in the price table's currency; None without prices."""
        prices = self.allowance.prices
        if prices is None:
            return None
        return sum(cost_of(prices, self.models[role], used) for role, used in self.used.items())

    def out_of_time(self) -> None:
        """``max_minutes`` are over."""
        self.halt.stop(_reached("max_minutes", self.allowance.max_minutes))

    def _of(self, role: Role) -> Used:
        found = self.used.get(role)
        if found is None:
            found = self.used[role] = Used()
        return found

    def _check(self) -> None:
        allowance = self.allowance
        if allowance.max_tokens is not None:
            tokens = sum(used.input_tokens + used.output_tokens for used in self.used.values())
            if tokens >= allowance.max_tokens:
                self.halt.stop(_reached("max_tokens", allowance.max_tokens))
        if allowance.max_cost is not None:
            cost = self.cost()
            if cost is not None and cost >= allowance.max_cost:
                self.halt.stop(_reached("max_cost", allowance.max_cost))
        left = self.remaining_seconds
        if left is not None and left <= 0:
            self.out_of_time()


def _reached(name: str, limit: float | None) -> str:
    return f"the budget is used up ({name}: {limit:,g}); raise it and run the same command again"


def tokens_of(characters: int) -> int:
    """Tokens of a text of so many characters, by a rule of thumb."""
    return -(-characters // _CHARACTERS_PER_TOKEN)


def tokens_in(request: Request) -> int:
    """Tokens that a request sends, estimated from its length."""
    return tokens_of(request.context_size + len(request.continuation or ""))


def tokens_wanted(request: Request) -> int:
    """Tokens that a request may take at most, as estimated: what it sends and what may come."""
    return tokens_in(request) + (0 if request.decoding is None else request.decoding.max_tokens)


def cost_of(prices: Prices, model: str, used: Used) -> float:
    """What a model's tokens cost; 0 where the table does not name it."""
    price = prices.models.get(model)
    if price is None:
        return 0.0
    return (used.input_tokens * price.input + used.output_tokens * price.output) / 1e6


def check_prices(config: RunConfig, models: Mapping[Role, str]) -> None:
    """See that a limit on cost can be kept.

    Raises:
        ConfigError: a model of the run has no price.
    """
    if config.max_cost is None:
        return
    known = {} if config.prices is None else config.prices.models
    missing = sorted({model for model in models.values() if model not in known})
    if missing:
        raise ConfigError(
            f"max_cost: there is no price for {', '.join(missing)}; add under prices.models, for "
            "example, {input: 0.15, output: 0.6} (per million tokens; 0 for what is free)"
        )
