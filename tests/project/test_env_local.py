"""``.env.local``: our two lines, and nothing else of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.project import env_local

HOST, NAME = "http://127.0.0.1:3000", "my-app"
OURS = f"SPACETIMEDB_DB_NAME={NAME}\nSPACETIMEDB_HOST={HOST}\n".encode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", OURS),
        (b"A=1", b"A=1\n" + OURS),
        (b"# what is mine\nTOKEN=se cret # x\n\n", b"# what is mine\nTOKEN=se cret # x\n\n" + OURS),
        (b"A=1\r\n", b"A=1\r\n" + OURS.replace(b"\n", b"\r\n")),
        (
            b"  SPACETIMEDB_HOST = old\r\nNOT_SPACETIMEDB_HOST=x\r\nexport SPACETIMEDB_DB_NAME='a'",
            b"  SPACETIMEDB_HOST = http://127.0.0.1:3000\r\nNOT_SPACETIMEDB_HOST=x\r\n"
            b"export SPACETIMEDB_DB_NAME=my-app",
        ),
        (b"#SPACETIMEDB_HOST=x\nSPACETIMEDB_HOST_2=y\n",
         b"#SPACETIMEDB_HOST=x\nSPACETIMEDB_HOST_2=y\n" + OURS),
        (b"SPACETIMEDB_DB_NAME=a\nSPACETIMEDB_DB_NAME=b\nSPACETIMEDB_HOST=\n",
         b"SPACETIMEDB_DB_NAME=my-app\n" * 2 + f"SPACETIMEDB_HOST={HOST}\n".encode()),
        (b"\xef\xbb\xbfSPACETIMEDB_HOST=x\nN=gr\xfc\xdfe\n",
         f"\ufeffSPACETIMEDB_HOST={HOST}\n".encode() + b"N=gr\xfc\xdfe\n"
         b"SPACETIMEDB_DB_NAME=my-app\n"),
    ],
)  # fmt: skip
def test_other_lines_stay(before: bytes, after: bytes, tmp_path: Path) -> None:
    """Comments, others' keys, unknown letters, line ends: byte for byte."""
    path = tmp_path / ".env.local"
    path.write_bytes(before)
    assert env_local.update(tmp_path, HOST, NAME)
    assert path.read_bytes() == after
    stamp = path.stat().st_mtime_ns
    assert not env_local.update(tmp_path, HOST, NAME)
    assert path.stat().st_mtime_ns == stamp
    assert [x.name for x in tmp_path.iterdir()] == [".env.local"]


def test_permissions_and_links_stay(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_bytes(b"TOKEN=x\n")
    (tmp_path / "secrets").chmod(0o600)
    (tmp_path / ".env.local").symlink_to("secrets")
    assert env_local.update(tmp_path, HOST, NAME)
    assert (tmp_path / ".env.local").is_symlink()
    assert (tmp_path / "secrets").read_bytes() == b"TOKEN=x\n" + OURS
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("what", ["folder", "binary", "circle"])
def test_what_is_no_such_file_is_left_alone(what: str, tmp_path: Path) -> None:
    path = tmp_path / ".env.local"
    if what == "folder":
        path.mkdir()
    elif what == "binary":
        path.write_bytes("A=1\n".encode("utf-16"))
    else:
        path.symlink_to(".env.local")
    with pytest.raises(StoreError, match=r"cannot write .*\.env\.local: "):
        env_local.update(tmp_path, HOST, NAME)
    assert path.is_dir() or path.is_symlink() or path.read_bytes() == "A=1\n".encode("utf-16")
