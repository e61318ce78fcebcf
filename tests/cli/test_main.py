"""The command line turns errors into one sentence and a code, and asks for help cheaply."""

from __future__ import annotations

import errno
import subprocess
import sys

import click
import pytest

from harness import cli
from harness.errors import PlanError


def replace(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    @click.command()
    def fails() -> None:
        raise error

    monkeypatch.setattr(cli.LazyGroup, "get_command", lambda self, ctx, name: fails)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (PlanError("no suite `x`; there are: y"), 1, "harness: no suite `x`; there are: y\n"),
        (KeyboardInterrupt(), 130, "harness: stopped\n"),
        (click.UsageError("what?"), 2, "Error: what?\n"),
    ],
)
def test_errors_become_a_sentence_and_a_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    said: str,
) -> None:
    replace(monkeypatch, error)
    assert cli.main(["start"]) == code
    assert capsys.readouterr().err.endswith(said)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (BrokenPipeError(), 0, ""),
        (OSError(errno.ENOSPC, "No space left on device"), 1,
         "harness: what is printed cannot be written: No space left on device\n"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("words", [["start"], ["--help"]])
def test_output_that_nobody_takes(
    words: list[str], error: OSError, code: int, said: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def fails(*_: object) -> None:
        raise error

    replace(monkeypatch, error)
    monkeypatch.setattr(cli.LazyGroup, "format_commands", fails)
    assert cli.main(words) == code
    assert capsys.readouterr().err == said


def test_a_file_that_cannot_be_written_is_no_matter_of_output(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replace(monkeypatch, OSError(errno.ENOSPC, "No space left on device", "some/file"))
    with pytest.raises(OSError, match="some/file"):
        cli.main(["start"])


def test_a_closed_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert cli.main(["--help"]) == 0


def test_an_error_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    replace(monkeypatch, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        cli.main(["start"])


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    for part, commands in cli.PARTS.items():
        _, found, rest = shown.partition(f"\n{part}:\n")
        assert found
        lines = rest.partition("\n\n")[0].splitlines()
        assert [line.split(maxsplit=1) for line in lines] == [
            [name, line] for name, line in commands.items()
        ]
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_says_how_it_ends(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([name, "--help"]) == 0
    _, found, rest = capsys.readouterr().out.partition("\n  Exit codes:\n")
    assert found
    assert rest.splitlines()[0].split()[0].isdigit()


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("nope", "Error: No such command 'nope'.\n"),
        ("biuld", "Error: No such command 'biuld'. Did you mean 'build'?\n"),
    ],
)
def test_an_unknown_command_is_a_usage_error(
    word: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([word]) == 2
    assert capsys.readouterr().err.endswith(said)


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from harness.cli import main; main(['--help']);"
        "print(*sorted({m.partition('.')[0] for m in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "msgspec", "rich", "aiohttp", "picows", "uvloop", "psutil", "asyncio"}
    assert heavy.isdisjoint(done.stderr.split())
