"""Options whose values stand behind ``=`` alone."""

from __future__ import annotations

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.arguments import Command


@click.command(
    cls=Command, optional={"-c": "always", "--clear": "always", "-y": "all", "--yes": "all"}
)
@click.argument("names", nargs=-1)
@click.option("-c", "--clear", default="never")
@click.option("-y", "--yes", default="")
@click.option("-s", "--server")
def command(names: tuple[str, ...], clear: str, yes: str, server: str | None) -> object:
    return names, clear, yes, server


def parsed(*words: str) -> object:
    return command.main(list(words), standalone_mode=False)


@pytest.mark.parametrize(
    ("words", "names", "clear", "yes"),
    [
        ([], (), "never", ""),
        (["chat"], ("chat",), "never", ""),
        (["-c", "chat"], ("chat",), "always", ""),
        (["chat", "--clear"], ("chat",), "always", ""),
        (["--clear=never", "-y=a,b", "x"], ("x",), "never", "a,b"),
        (["-c=on-conflict", "x"], ("x",), "on-conflict", ""),
        (["-cy", "x"], ("x",), "always", "all"),
        (["-yc", "acy", "c"], ("acy", "c"), "always", "all"),
        (["--yes=", "x"], ("x",), "never", ""),
        (["--", "-c", "--yes"], ("-c", "--yes"), "never", ""),
    ],
)
def test_words(words: list[str], names: tuple[str, ...], clear: str, yes: str) -> None:
    assert parsed(*words) == (names, clear, yes, None)
    assert parsed("-s", "here", *words) == (names, clear, yes, "here")


@given(st.lists(st.text(min_size=1).filter(lambda word: not word.startswith("-")), max_size=4))
def test_names_stay_names(names: list[str]) -> None:
    assert parsed("-c", *names, "--yes") == (tuple(names), "always", "all", None)
