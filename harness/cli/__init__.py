"""The command line: parse, call one function, print, return a code.

A command's module is imported when that command is used, so that ``harness --help`` stays quick.
"""

from __future__ import annotations

import errno
import importlib
import keyword
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

import click

from harness.errors import HarnessError, StoreError

#: What commands are about -> command -> its line in the help. The module of a command has the
#: command's name, and in it is the command itself, again under that name; a word of Python has a _
#: behind it.
PARTS = {
    "Measure": {
        "run": "Start a target, drive it, check it, print the table.",
        "client": "Measure another Python client beside ours, checked.",
        "profile": "Show where the time goes, and what made it more.",
        "selfcheck": "Measure what this machine can tell apart.",
    },
    "Judge what changed": {
        "compare": "Say whether one revision, or set of runs, is slower than another.",
        "changes": "Find where a history changed, and say how sure that is.",
        "confirm": "Measure a suspected change again: confirmed, refuted or unsure.",
        "bisect": "Find the commit that changed a figure, among noise.",
    },
    "Results": {
        "show": "Print everything that is known about a stored run.",
        "report": "Make pages, pictures and tables of what was measured.",
        "import": "Take over results of asv, pyperf, k6, Criterion and others.",
        "export": "Write stored results as CSV, Parquet, or for pyperf and asv.",
    },
    "Applications in Python": {
        "init": "Create a Python project: a module and its client.",
        "build": "Compile a Python module to WebAssembly for real servers.",
        "start": "Start a server for Python modules, with one or to publish to.",
        "publish": "Publish a module as a database on a server.",
        "generate": "Write a typed Python client for a module or a database.",
        "dev": "Build, publish, generate and run again after each change.",
    },
    "Databases": {
        "call": "Call a reducer or procedure of a database.",
        "sql": "Run SQL on a database and print the rows.",
        "subscribe": "Print changes of rows as they happen, as JSON.",
        "describe": "Show what a database declares.",
        "logs": "Print or follow the log of a database.",
        "list": "List your databases on a server.",
        "rename": "Give a database another name.",
        "lock": "Keep a database from being deleted.",
        "unlock": "Let a locked database be deleted again.",
        "delete": "Delete a database and its data; asks before.",
    },
    "Servers, and who you are": {
        "server": "Know servers by nickname; install real ones.",
        "login": "Keep an identity for a server, or show who you are.",
        "logout": "Forget the identity that is kept for a server.",
        "mcp": "Serve databases to editors over MCP, by `spacetime`.",
        "version": "Show versions; install others by `spacetime`.",
    },
}
#: Command -> its line in the help.
COMMANDS = {name: line for commands in PARTS.values() for name, line in commands.items()}

OK = 0
FAILED = 1
USAGE = 2
VOIDED = 3
SLOWER = 3
UNTOLD = 4
INTERRUPTED = 128 + signal.SIGINT
#: What a full disk says.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class LazyGroup(click.Group):
    """A group that knows its commands' names and loads a command when it is asked for it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        command: click.Command = getattr(importlib.import_module(f"harness.cli.{name}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = get_close_matches(args[0], COMMANDS, 1)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]!r}?", ctx) from None

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _output_may_end():  # help is printed here
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _output_may_end():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))  # the same in every part
        for part, commands in PARTS.items():
            with formatter.section(part):
                formatter.write_dl([(name.ljust(width), line) for name, line in commands.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
)
@click.version_option(package_name="spacetimedb-harness", prog_name="harness")
def cli() -> None:
    """Measure SpacetimeDB servers and clients, and say how much each number is worth.

    \b
    Examples:
      harness run --quick
      harness compare main HEAD
      harness init --lang python my-app
      harness COMMAND --help

    \b
    Exit codes:
      0  fine
      1  an error, told in one sentence
      2  the command line was not understood
      3  measured, but at least one row is VOID, or something became slower
      4  could not tell
    """


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; expected errors become one sentence."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  (for as long as we live)
    try:
        code = cli.main(args=arguments, prog_name="harness", standalone_mode=False)
    except HarnessError as error:
        click.echo(f"harness: {error}", err=True)
        return FAILED
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("harness: stopped", err=True)
        return INTERRUPTED
    return code if isinstance(code, int) else OK


@contextmanager
def _output_may_end() -> Iterator[None]:
    """A reader that has gone ends a command well; a full disk becomes a sentence."""
    try:
        yield
    except BrokenPipeError:
        _forget_output()
        raise click.exceptions.Exit(OK) from None
    except OSError as error:
        # Files that have a name have errors of their own: this is the output.
        if error.errno not in _FULL or error.filename is not None:
            raise
        _forget_output()
        raise StoreError(f"what is printed cannot be written: {error.strerror}") from None


def _forget_output() -> None:
    """What is in the buffer goes nowhere when the interpreter ends, instead of failing again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, sys.stdout.fileno())
    except (OSError, ValueError):
        pass  # no file: nothing will fail
    finally:
        os.close(nowhere)
