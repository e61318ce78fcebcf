"""Command lines as the official command has them, where click's own way differs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import click

_GIVEN = "harness.cli.arguments"


class Number(click.FloatRange):
    """A number within limits, which ``nan`` and ``inf`` are not."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value!r} is no number that can be counted to.", param, ctx)
        return found


class Command(click.Command):
    """A command whose options may have a value behind ``=``, and only there.

    ``optional`` maps each spelling of such an option to what it means without a value, so that in
    ``publish --delete-data chat`` the name stays a name. The arguments as they were given are kept,
    for a command that hands them on.
    """

    def __init__(
        self, *args: Any, optional: Mapping[str, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._optional = dict(optional or {})

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_GIVEN] = list(args)
        return super().parse_args(ctx, self._spelled_out(args))

    def _spelled_out(self, args: list[str]) -> list[str]:
        found: list[str] = []
        for place, given in enumerate(args):
            if given == "--":
                return found + args[place:]
            name, equals, value = given.partition("=")
            if name not in self._optional:
                # ``-cy`` is ``-c -y``, if both may stand alone.
                cluster = given.startswith("-") and not given.startswith("--") and len(given) > 2
                letters = [f"-{letter}" for letter in given[1:]]
                if cluster and set(letters) <= set(self._optional):
                    found += [f"{letter}{self._joined(letter)}" for letter in letters]
                else:
                    found.append(given)
            elif equals:
                # A short option takes its value without a sign between them.
                found.append(f"{name}={value}" if name.startswith("--") else f"{name}{value}")
            else:
                found.append(f"{name}{self._joined(name)}")
        return found

    def _joined(self, name: str) -> str:
        default = self._optional[name]
        return f"={default}" if name.startswith("--") else default


def given(ctx: click.Context) -> list[str]:
    """The command's name and its arguments as they were given."""
    return [ctx.info_name or "", *ctx.meta.get(_GIVEN, [])]
