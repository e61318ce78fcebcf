"""``cli.toml`` rewritten: what was not asked for stays as it is, letter for letter."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import PlanError, StoreError
from harness.project import servers_file, settings
from harness.project.settings import Server

FILE = """\
# mine
default_server = "work"   # since spring
spacetimedb_token = "eyJ0.secret.c2ln"
unknown = { a = 1, b = [2,
  3] }

# the machine below the desk
[[server_configs]]
nickname = "work"  # ours
host = '10.0.0.7:3000'
protocol = "http"
colour = "green"

# everybody's
[[server_configs]]
host = "db.example.org"
protocol = "https"
ecdsa_public_key = '''
-----BEGIN PUBLIC KEY-----
'''

# the end
[more]
x = 1
"""
WORK = Server("work", "10.0.0.7:3000", "http")
EVERYBODY = Server(None, "db.example.org", "https", "-----BEGIN PUBLIC KEY-----\n")
NEW = Server("new", "127.0.0.1:4000", "http", "-----BEGIN\nabc\n")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "spacetime" / "cli.toml"
    found.parent.mkdir()
    found.write_text(FILE)
    found.chmod(0o640)
    return found


def test_what_is_there(path: Path) -> None:
    found = settings.load(path)
    assert found.configured == (WORK, EVERYBODY)
    assert [x.nickname or x.host for x in found.known] == [
        "work", "db.example.org", "local", "maincloud",
    ]  # fmt: skip
    # A host says by its entry how it is spoken to.
    assert found.servers["db.example.org"] == "https://db.example.org"
    for name in ("db.example.org", "https://db.example.org", "https://db.example.org/"):
        assert servers_file.find(name, path) == EVERYBODY
    with pytest.raises(PlanError, match=r"known are work, db.example.org, local, maincloud; "):
        servers_file.find("nobody", path)


def test_add(path: Path) -> None:
    servers_file.add(NEW, default=False, path=path)
    before, after = FILE.split("\n# the end\n")
    assert path.read_text() == (
        f"{before}\n# the end\n\n"
        '[[server_configs]]\nnickname = "new"\nhost = "127.0.0.1:4000"\nprotocol = "http"\n'
        f'ecdsa_public_key = """-----BEGIN\nabc\n"""\n{after}'
    )
    assert settings.load(path).configured == (WORK, EVERYBODY, NEW)
    assert path.stat().st_mode & 0o777 == 0o640
    assert [x.name for x in path.parent.iterdir()] == ["cli.toml"]


def test_set_default(path: Path) -> None:
    servers_file.set_default(EVERYBODY, path)
    assert path.read_text() == FILE.replace('"work"   #', '"db.example.org"   #')
    servers_file.set_default(settings.built_in("local"), path)
    found = settings.load(path)
    assert found.default_server == "local"
    assert found.configured == (WORK, EVERYBODY, settings.built_in("local"))


def test_replace(path: Path) -> None:
    """The default goes on to be the same server, and unknown keys and remarks stay."""
    servers_file.replace(WORK, replace(WORK, nickname="desk", protocol="https"), path)
    wanted = FILE.replace('"work"', '"desk"').replace('http"\ncolour', 'https"\ncolour')
    assert path.read_text() == wanted
    servers_file.replace(EVERYBODY, replace(EVERYBODY, fingerprint=None), path)
    assert path.read_text() == wanted.replace(
        "ecdsa_public_key = '''\n-----BEGIN PUBLIC KEY-----\n'''\n", ""
    )


def test_remove(path: Path) -> None:
    """What is said above a server stays, as it may be about more than that one."""
    servers_file.remove(WORK, path)
    first = FILE.index("[[server_configs]]")
    second = FILE.index("\n# everybody's")
    wanted = FILE[:first] + FILE[second:]
    wanted = wanted.replace('default_server = "work"   # since spring\n', "")
    assert path.read_text() == wanted
    servers_file.remove(EVERYBODY, path)
    assert path.read_text() == (
        wanted[: wanted.index("[[server_configs]]")] + wanted[wanted.index("\n# the end") :]
    )
    assert settings.load(path).configured == ()
    with pytest.raises(PlanError, match=r"local is built in and stands in no file: it stays"):
        servers_file.remove(settings.built_in("local"), path)


def test_without_a_file(tmp_path: Path) -> None:
    """The official tool finds in a new file what it would have put there."""
    path = tmp_path / "config" / "spacetime" / "cli.toml"
    servers_file.add(NEW, default=False, path=path)
    found = settings.load(path)
    assert found.configured == (*map(settings.built_in, ("local", "maincloud")), NEW)
    assert found.default_server == "local"
    assert path.stat().st_mode & 0o777 == 0o600


def test_line_ends_and_links_stay(path: Path) -> None:
    path.write_bytes(FILE.replace("\n", "\r\n").encode())
    link = path.with_name("link.toml")
    link.symlink_to(path)
    servers_file.add(NEW, default=True, path=link)
    servers_file.remove(WORK, link)
    text = path.read_bytes().decode()
    assert "\n" not in text.replace("\r\n", "")
    assert link.is_symlink()
    assert tomllib.loads(text)["default_server"] == "new"


def test_new_names_and_addresses(path: Path) -> None:
    for name in ("work", "10.0.0.7:3000", "local"):
        with pytest.raises(PlanError, match=r"is that of http://.* already"):
            servers_file.check_new(name, None, path)
    with pytest.raises(PlanError, match=r"is known already, as db.example.org"):
        servers_file.check_new("x", "https://db.example.org", path)
    servers_file.check_new("x", "https://maincloud.spacetimedb.com", path)  # in no file yet


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ('server_configs = [{host = "a", protocol = "http"}]\n', StoreError,
         "without loss; edit it by hand"),
        ("server_configs = 7\n", PlanError, "server_configs is a list of tables"),
        ("x = \n", PlanError, "is not valid TOML"),
        # Twice the same: which one is meant?
        ('[[server_configs]]\nhost = "a"\n[[server_configs]]\nhost = "a"\n', StoreError,
         "without loss; edit it by hand"),
    ],
)  # fmt: skip
def test_files_that_are_left_alone(
    text: str, error: type[Exception], said: str, path: Path
) -> None:
    path.write_text(text)
    with pytest.raises(error, match=said):
        servers_file.remove(servers_file.find("a", path), path)
    assert path.read_text() == text


def test_entries_that_are_no_tables_of_their_own_are_left_alone(path: Path) -> None:
    """The official tool would not know a list on one line again."""
    text = 'server_configs = [{nickname = "a", host = "b:1", protocol = "http"}]\n'
    path.write_text(text)
    found = servers_file.find("a", path)
    with pytest.raises(StoreError, match="without loss; edit it by hand"):
        servers_file.replace(found, replace(found, nickname="c"), path)
    assert path.read_text() == text
