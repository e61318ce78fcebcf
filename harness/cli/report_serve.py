"""``harness report serve``: a built site on a port of this machine."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click

from harness.cli import OK


class Handler(SimpleHTTPRequestHandler):
    """Files of a site, and nothing whose name begins with a dot; no lists of folders."""

    def send_head(self) -> Any:
        """The head of an answer, and the file that follows."""
        parts = self.path.split("?")[0].split("#")[0].split("/")
        if any(part.startswith((".", "%2e", "%2E")) for part in parts):
            self.send_error(404)
            return None
        return super().send_head()

    def list_directory(self, path: Any) -> None:
        """A folder without a page has nothing to show."""
        self.send_error(404)

    def end_headers(self) -> None:
        # A page may be rebuilt at any time; and no other site may frame or read it.
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are nobody's news."""


@click.command()
@click.argument(
    "site", type=click.Path(file_okay=False, path_type=Path), default=Path("results/html")
)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True,
              help="The port; 0 is any that is free.")  # fmt: skip
@click.option("--host", default="127.0.0.1", show_default=True,
              help="Who may come: by default this machine alone.")  # fmt: skip
def serve(site: Path, port: int, host: str) -> int:
    """Serve a built SITE until Ctrl-C. A site opens from disk as well; this is for other devices.

    \b
    Examples:
      harness report serve
      harness report serve results/html --port 0
    """
    from harness.errors import StoreError

    if not (site / "index.html").is_file():
        raise StoreError(f"{site} is no built site: harness report build --out {site}")
    try:
        server = ThreadingHTTPServer((host, port), partial(Handler, directory=str(site)))
    except (OSError, OverflowError) as error:
        said = getattr(error, "strerror", None) or error
        raise StoreError(f"cannot listen on {host}:{port}: {said}; try --port 0") from error
    with server:
        click.echo(f"http://{host}:{server.server_address[1]}/")
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
    return OK


@click.command()
@click.argument(
    "site", type=click.Path(file_okay=False, path_type=Path), default=Path("results/html")
)
@click.option("--branch", default="gh-pages", show_default=True, help="The branch of pages.")
@click.option("--prefix", default="", metavar="DIR", help="A folder of the branch; by default its "
              "top.")  # fmt: skip
@click.option("--repository", type=click.Path(file_okay=False, path_type=Path), default=Path(),
              metavar="DIR", help="The git repository; by default this folder's.")  # fmt: skip
@click.option("--push", "remote", metavar="REMOTE", help="Send the branch there afterwards.")
@click.option("-m", "--message", default="Publish the site", help="The commit's message.")
def publish(
    site: Path, branch: str, prefix: str, repository: Path, remote: str | None, message: str
) -> int:
    """Commit a built SITE to a branch; what else lies there stays.

    Nothing is checked out, and the working tree is not touched. Without changes there is no commit.

    \b
    Examples:
      harness report publish
      harness report publish results/html --branch gh-pages --prefix bench --push origin
    """
    from reports import publishing

    done = publishing.publish(site, repository, branch, prefix, message)
    if done.commit is None:
        click.echo(f"{done.branch} has these {done.files:,} files already", err=True)
    else:
        click.echo(
            f"{done.files:,} files on {done.branch}"
            + (f", {done.removed:,} old ones removed" if done.removed else "")
            + f": {done.commit[:10]}"
        )
    if remote:
        publishing.push(repository, branch, remote)
        click.echo(f"sent to {remote}")
    return OK
