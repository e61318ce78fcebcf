"""``harness version``: which versions there are here."""

from __future__ import annotations

import shutil

import click

from harness.cli.arguments import Command, given


@click.command(
    cls=Command, context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    options_metavar="[ARGUMENT]...",
)  # fmt: skip
@click.pass_context
def version(ctx: click.Context) -> int:
    """Show the versions of harness, of Python, and of what else runs here.

    With arguments, such as `list`, `install 2.8.3` or `use 2.8.3`, it is the official command
    `spacetime version`, which keeps several versions of itself.

    \b
    Exit codes:
      0  shown
      1  with arguments: there is no `spacetime` on PATH
      else that of `spacetime`
    """
    if ctx.args:
        from harness.cli.official import hand_over

        return hand_over("version", given(ctx))
    import platform
    from importlib import metadata

    from harness.cli import official
    from harness.targets import servers

    rows = [
        ("harness", metadata.version("spacetimedb-harness")),
        ("Python", platform.python_version()),
        ("servers", ", ".join(x.version for x in servers.installed()) or "none is installed"),
        (official.COMMAND, shutil.which(official.COMMAND) or "not on PATH"),
    ]
    for name, shown in rows:
        click.echo(f"{name:10} {shown}")
    return 0
