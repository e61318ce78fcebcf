"""Seeded calls to the example ``world`` that make sense more often than not."""

from __future__ import annotations

import random
from typing import Any

from harness.module import Module
from tests.module.differential.agree import ALICE, BOB, OWNER, Call, Caller
from tests.module.differential.arguments import as_f32

#: How often each reducer is called, in a hundred.
_WEIGHTS = {
    "open_account": 8, "transfer": 34, "pay_interest": 1, "audit": 6, "forget": 4,
    "spawn": 12, "push": 12, "play": 8, "collide": 3, "throw": 12,
}  # fmt: skip
ACCOUNTS, BODIES, LEVELS = 60, 40, 3


class Player:
    """Draws calls; the same seed draws the same ones."""

    def __init__(self, module: Module, seed: int) -> None:
        self.rng = random.Random(seed)
        self._caller = Caller(module)
        rows = module.compiled.bindings.values()
        classes: dict[str, Any] = {c.__name__: c for c in rows if isinstance(c, type)}
        self._vector, self._push = classes["Vector2"], classes["Push"]

    def calls(self, count: int) -> list[Call]:
        names = self.rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=count)
        return [
            self._caller(name, *getattr(self, name)(), sender=self.rng.choice((OWNER, ALICE, BOB)))
            for name in names
        ]

    def vector(self, size: float) -> Any:
        x, y = (as_f32(self.rng.uniform(-size, size)) for _ in range(2))
        return self._vector(x=x, y=y)

    def open_account(self) -> tuple[Any, ...]:
        note = self.rng.choice((None, "", "savings", "Spaß 🎲"))
        balance = self.rng.choice((0, 100, 5_000, 10**9, 10**9 + 1, -1))
        return self.rng.randrange(ACCOUNTS), balance, note

    def transfer(self) -> tuple[Any, ...]:
        amount = self.rng.choice((0, 1, 7, 50, 400, 2_000, -5))
        return self.rng.randrange(ACCOUNTS), self.rng.randrange(ACCOUNTS), amount

    def pay_interest(self) -> tuple[Any, ...]:
        return (self.rng.randrange(4),)

    def audit(self) -> tuple[Any, ...]:
        return (self.rng.randrange(ACCOUNTS),)

    def forget(self) -> tuple[Any, ...]:
        return self.rng.randrange(ACCOUNTS), self.rng.randrange(1, 20)

    def spawn(self) -> tuple[Any, ...]:
        size = 101.0 if self.rng.random() < 0.1 else 100.0
        level = self.rng.randrange(LEVELS)
        return self.rng.randrange(BODIES), level, self.vector(size), self.vector(9.0)

    def push(self) -> tuple[Any, ...]:
        count = self.rng.randrange(6)
        made = [
            self._push(body=self.rng.randrange(BODIES + 5), force=self.vector(20.0))
            for _ in range(count)
        ]
        return (made,)

    def play(self) -> tuple[Any, ...]:
        return (self.rng.randrange(4),)

    def collide(self) -> tuple[Any, ...]:
        return self.rng.randrange(LEVELS), as_f32(self.rng.uniform(0.0, 20.0))

    def throw(self) -> tuple[Any, ...]:
        return self.rng.randrange(7), self.rng.choice((0, 1, 6, 20, 100))
