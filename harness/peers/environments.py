"""Environments for foreign clients: a venv for each client, revision, extras and Python, kept.

They lie in the user's cache folder under the client's name and a hash of all that makes them, and
appear there whole: one is built under another name, then renamed. A git repository is exported at
the wanted commit; its checkout is neither used nor touched.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.errors import PlanError, TargetError

#: Seconds for making a venv, and for one run of pip.
VENV_TIMEOUT_S = 120
PIP_TIMEOUT_S = 600
GIT_TIMEOUT_S = 60
#: Raised when environments are made in another way, so that old ones are not taken for new.
FORM = 1
_TAIL = 600
_FACTS = "environment.json"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Source:
    """What pip installs: a requirement, a file, or a folder of a git repository at a commit.

    ``asked`` is what the user wrote.
    """

    asked: str
    requirement: str | None = None
    repository: Path | None = None
    #: The folder of the package within the repository, with a slash at its end; empty at the top.
    prefix: str = ""
    commit: str | None = None
    #: Whether the user named the revision; without one it is the last commit.
    named: bool = True
    #: The hash of a file that is installed.
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class ClientEnvironment:
    """A ready environment, and what is in it."""

    python: Path
    package: str
    version: str
    commit: str | None
    python_version: str
    packages: dict[str, str]
    key: str


def cache_folder() -> Path:
    """Where environments are kept: the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "spacetimedb-harness" / "clients"


def parse(client: str) -> Source:
    """What ``PATH_OR_REQUIREMENT[@REVISION]`` means.

    A path without a revision is taken at its last commit. Raises ``PlanError`` if there is no such
    path, if it is no git repository, or if the repository has no such revision.
    """
    path, at, revision = client.rpartition("@")
    if Path(client).exists():
        path, revision = client, ""
    elif not at or not path or not Path(path).exists():
        return _requirement(client)
    place = Path(path).resolve()
    if place.is_file():
        if revision:
            raise PlanError(f"{path} is a file: it has no revision {revision}")
        digest = hashlib.sha256(place.read_bytes()).hexdigest()
        return Source(client, requirement=str(place), sha256=digest)
    return _commit(client, place, revision)


def at_revision(repository: Path, revision: str) -> Source:
    """A repository at a revision. Raises ``PlanError`` if it is none or has no such revision."""
    return _commit(f"{repository}@{revision}", repository.resolve(), revision)


def _requirement(client: str) -> Source:
    if client.startswith((".", "/", "~")):
        raise PlanError(f"there is nothing at {client.partition('@')[0]}")
    if re.fullmatch(r"[A-Za-z0-9._-]+@[^ /]+", client):
        raise PlanError(
            f"{client}: a revision needs a repository; write PATH@REVISION, "
            "git+URL@REVISION, or NAME==VERSION for a release"
        )
    return Source(client, requirement=client)


def _commit(client: str, place: Path, revision: str) -> Source:
    try:
        prefix = _git(place, "rev-parse", "--show-prefix")
    except TargetError:
        raise PlanError(
            f"{place} is not a git repository; commit the client there, so that a run can name it"
        ) from None
    try:
        wanted = f"{revision or 'HEAD'}^{{commit}}"
        commit = _git(place, "rev-parse", "--verify", "--quiet", "--end-of-options", wanted)
    except TargetError:
        raise PlanError(f"{place} has no revision {revision or 'HEAD'}") from None
    named = bool(revision)
    return Source(client, repository=place, prefix=prefix, commit=commit.split()[-1], named=named)


def uncommitted(source: Source) -> bool:
    """Whether the checkout has changes that the measured commit lacks."""
    if source.repository is None or source.named:
        return False
    try:
        return bool(_git(source.repository, "status", "--porcelain", "--untracked-files=no"))
    except TargetError:
        return False  # a bare repository has no checkout


def prepare(
    source: Source | None,
    requires: Sequence[str] = (),
    *,
    python: str = sys.executable,
    folder: Path | None = None,
    borrow: bool = False,
    progress: Progress = lambda text: None,
) -> ClientEnvironment:
    """The environment with this client and what its adapter requires, made if there is none yet.

    Without a source the first of ``requires`` is the client. With ``borrow`` the environment also
    sees what is installed for the interpreter that runs this, pip among it: what is there already
    need not be fetched. Raises ``PlanError`` if there is neither source nor requirement,
    ``TargetError`` with the end of the output if the environment cannot be made.
    """
    if source is None and not requires:
        raise PlanError("the adapter requires no package; name the client: a path or a requirement")
    version = _python_version(python)
    lent = sysconfig.get_path("purelib") if borrow else None
    key = _key(source, requires, version, lent)
    folder = cache_folder() if folder is None else folder
    name = re.sub(r"[^A-Za-z0-9]+", "-", Path(_title(source, requires)).name).strip("-") or "client"
    place = folder / f"{name[:40]}-{key}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(folder / f".{key}.lock"):
            if not (place / _FACTS).exists():
                _make(place, source, requires, python, lent, progress)
    except OSError as error:
        raise TargetError(f"no environment in {folder}: {error.strerror or error}") from error
    return _facts(place, source, key)


def _title(source: Source | None, requires: Sequence[str]) -> str:
    if source is None:
        return requires[0]
    if source.repository is not None:
        return source.repository.name
    return source.requirement or "client"


def _spoken(source: Source | None, requires: Sequence[str]) -> str:
    if source is None or source.commit is None:
        return _title(source, requires)
    return f"{_title(source, requires)} at {source.commit[:10]}"


def _key(
    source: Source | None, requires: Sequence[str], version: str, lent: str | None = None
) -> str:
    made_of = {
        **({} if lent is None else {"lent": lent}),
        "form": FORM,
        "source": None if source is None else [
            source.requirement, source.commit, source.prefix, source.sha256,
            None if source.repository is None else str(source.repository),
        ],
        "requires": list(requires),
        "python": version,
    }  # fmt: skip
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:16]


def _make(
    place: Path,
    source: Source | None,
    requires: Sequence[str],
    python: str,
    lent: str | None,
    progress: Progress,
) -> None:
    """Build it beside its place, then move it there."""
    shutil.rmtree(place, ignore_errors=True)  # a leftover without facts
    building = Path(tempfile.mkdtemp(prefix=".building-", dir=place.parent))
    try:
        progress(f"making an environment for {_spoken(source, requires)}")
        bare = [] if lent is None else ["--without-pip"]
        command = [python, "-m", "venv", *bare, str(building / "venv")]
        _run(command, "python -m venv", VENV_TIMEOUT_S)
        inside = str(_python_of(building))
        if lent is not None:
            _lend(inside, lent)
        package, rest = _install(building, inside, source, requires, progress)
        if rest:
            progress(f"installing {', '.join(rest)}")
            _pip(inside, *rest)
        facts = _ask(inside, package)
        (building / _FACTS).write_text(json.dumps(facts, indent=1))
        building.rename(place)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise


def _lend(python: str, lent: str) -> None:
    """Let an environment see another one's packages, after its own."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    inside = _run([python, "-I", "-c", code], python, GIT_TIMEOUT_S).strip()
    (Path(inside) / "lent.pth").write_text(f"{lent}\n")


def _install(
    building: Path, python: str, source: Source | None, requires: Sequence[str], progress: Progress
) -> tuple[str, list[str]]:
    """Install the client; its distribution's name, and what is left to install."""
    rest = list(requires)
    if source is None:
        wanted = rest.pop(0)
    elif source.repository is None:
        wanted = source.requirement or ""
    else:
        wanted = str(_export(source, building / "source"))
    progress(f"installing {wanted if source is None else source.asked}")
    report = building / "report.json"
    _pip(python, "--report", str(report), wanted)
    told = json.loads(report.read_text())
    asked = [x["metadata"]["name"] for x in told["install"] if x.get("requested")]
    if not asked:
        raise TargetError(f"pip installed nothing for {wanted}")
    return asked[0], rest


def _export(source: Source, place: Path) -> Path:
    """The files of the commit; the folder of the package among them."""
    assert source.repository is not None
    assert source.commit is not None
    with tempfile.TemporaryFile() as archive:
        top = _top(source.repository)
        command = ["git", "-C", str(top), "archive", "--format=tar", source.commit]
        try:
            done = subprocess.run(
                command, stdout=archive, stderr=subprocess.PIPE, check=False,
                timeout=GIT_TIMEOUT_S, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise TargetError(f"git archive failed: {error}") from error
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise TargetError(f"git archive of {source.repository} failed: {said[-_TAIL:]}")
        archive.seek(0)
        with tarfile.open(fileobj=archive) as files:
            if hasattr(tarfile, "data_filter"):
                files.extractall(place, filter="data")
            else:
                files.extractall(place)  # noqa: S202  (Python before 3.11.4; the repository is the user's)
    package = place / source.prefix
    if not any((package / name).exists() for name in ("pyproject.toml", "setup.py")):
        raise PlanError(
            f"{source.asked} has no pyproject.toml or setup.py at {source.commit[:12]}: "
            "pip cannot install it"
        )
    return package


def _top(repository: Path) -> Path:
    try:
        return Path(_git(repository, "rev-parse", "--show-toplevel"))
    except TargetError:
        return repository  # a bare one


def _pip(python: str, *arguments: str) -> None:
    """Raises ``TargetError`` with the end of what pip said."""
    command = [python, "-I", "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    _run([*command, "--quiet", *arguments], f"pip install {arguments[-1]}", PIP_TIMEOUT_S)


def _run(command: Sequence[str], what: str, timeout_s: float) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False,
            timeout=timeout_s, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise TargetError(f"{what} took more than {timeout_s:g} s") from None
    except OSError as error:
        raise TargetError(f"{what} cannot be started: {error}") from error
    if done.returncode:
        said = " ".join((done.stderr.strip() or done.stdout.strip()).split())
        raise TargetError(f"{what} failed: {said[-_TAIL:]}")
    return done.stdout


def _git(place: Path, *arguments: str) -> str:
    return _run(["git", "-C", str(place), *arguments], f"git {arguments[0]}", GIT_TIMEOUT_S).strip()


def _python_of(place: Path) -> Path:
    windows = place / "venv" / "Scripts" / "python.exe"
    return windows if os.name == "nt" else place / "venv" / "bin" / "python"


def _python_version(python: str) -> str:
    code = "import platform as p; print(p.python_implementation(), p.python_version())"
    return _run([python, "-I", "-c", code], python, GIT_TIMEOUT_S).strip()


_FACTS_CODE = """
import importlib.metadata as m, json, platform, sys
print(json.dumps({"package": sys.argv[1], "version": m.version(sys.argv[1]),
    "python_version": platform.python_version(),
    "packages": {d.metadata["Name"]: d.version for d in m.distributions()}}))
"""


def _ask(python: str, package: str) -> dict[str, object]:
    """What the environment says of itself."""
    told: dict[str, object] = json.loads(
        _run([python, "-I", "-c", _FACTS_CODE, package], "the new environment", GIT_TIMEOUT_S)
    )
    return told


def _facts(place: Path, source: Source | None, key: str) -> ClientEnvironment:
    try:
        told = json.loads((place / _FACTS).read_text())
        return ClientEnvironment(
            python=_python_of(place),
            commit=None if source is None else source.commit,
            key=key,
            **told,
        )
    except (OSError, ValueError, TypeError) as error:
        raise TargetError(f"the environment {place} is damaged; delete it: {error}") from error


def as_notes(environment: ClientEnvironment) -> dict[str, object]:
    """What a run keeps of it."""
    notes = asdict(environment)
    del notes["python"]
    return notes


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Only one process makes an environment; the others wait for it. Freed when the holder dies."""
    with path.open("w") as file:
        try:
            import fcntl
        except ImportError:
            yield  # the rename still lets nobody see half an environment
            return
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)
