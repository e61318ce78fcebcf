"""``harness mcp``: databases for editors, which the official command serves."""

from __future__ import annotations

import click

from harness.cli.arguments import Command, given


@click.command(
    cls=Command, context_settings={"ignore_unknown_options": True, "allow_extra_args": True}
)
@click.pass_context
def mcp(ctx: click.Context) -> int:
    """Serve databases over the Model Context Protocol, on standard input and output.

    The official command `spacetime` does it, with the same arguments: [DATABASE] [-s SERVER]
    [--anonymous]. `spacetime mcp --help` tells more.

    \b
    Exit codes:
      1  there is no `spacetime` on PATH
      else that of `spacetime`
    """
    from harness.cli.official import hand_over

    return hand_over("mcp", given(ctx))
