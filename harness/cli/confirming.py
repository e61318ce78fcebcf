"""Asking before something is lost. Where nobody can be asked, the answer is no."""

from __future__ import annotations

import sys

import click

from harness.errors import PlanError


def agreed(question: str, yes: bool, option: str) -> bool:
    """Whether somebody agrees to what ``question`` says, which has no question mark.

    ``yes`` is whether that was said with ``option`` already. Raises ``PlanError`` if nobody can be
    asked.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise PlanError(
            f"{question[0].lower()}{question[1:]}: nobody can be asked here, so say {option}"
        )
    try:
        if click.confirm(f"{question}?", default=False, err=True):
            return True
    except click.Abort:
        click.echo(err=True)  # what comes next begins a line
        raise
    click.echo("harness: nothing was changed", err=True)
    return False
