"""Programs: what is collected for a module, how it travels, how it is laid out and loaded."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import PlanError, SchemaError
from harness.gen.rendering import BANNER
from harness.module import isolated, program
from harness.module.collecting import collect
from harness.module.program import Program

TABLES = "from harness.module import table, u32\n\n@table()\nclass User:\n    id: u32\n"
REDUCER = "from harness.module import ReducerContext, reducer\n{}\n\n@reducer\n" + (
    "def add(ctx: ReducerContext) -> None:\n    {}\n"
)


@pytest.fixture(autouse=True)
def _same_imports() -> Iterator[None]:
    yield
    for name in [name for name in sys.modules if name.startswith("_harness_program_")]:
        del sys.modules[name]


def lay(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


APP = {
    "app/__init__.py": "",
    "app/main.py": "{}",
    "app/tables.py": TABLES,
    "app/client.py": "import nothing",
    "app/deep/__init__.py": "from . import part",
    "app/deep/part.py": "from ..tables import User",
    "app/deep/other.py": "",
    "beside.py": "",
}


@pytest.mark.parametrize(
    ("named", "main", "entry", "files"),
    [
        ("app/main.py", "x = 1", "main", ["main.py"]),
        ("app/main.py", "import os, harness.module", "main", ["main.py"]),
        ("app/main.py", "from app.tables import User", "app.main",
         ["app/__init__.py", "app/main.py", "app/tables.py"]),
        ("app/main.py", "from .tables import User", "app.main",
         ["app/__init__.py", "app/main.py", "app/tables.py"]),
        ("app/main.py", "import app.tables as t", "app.main",
         ["app/__init__.py", "app/main.py", "app/tables.py"]),
        ("app/main.py", "from app import tables", "app.main",
         ["app/__init__.py", "app/main.py", "app/tables.py"]),
        ("app/main.py", "def f():\n    from .deep import part", "app.main",
         ["app/__init__.py", "app/deep/__init__.py", "app/deep/part.py", "app/main.py",
          "app/tables.py"]),
        ("app/main.py", "x = (", "main", ["main.py"]),
        ("app", "", "app",
         ["app/__init__.py", "app/client.py", "app/deep/__init__.py", "app/deep/other.py",
          "app/deep/part.py", "app/main.py", "app/tables.py"]),
        ("app/deep", "", "app.deep",
         ["app/__init__.py", "app/deep/__init__.py", "app/deep/other.py", "app/deep/part.py",
          "app/tables.py"]),
        ("beside.py", "", "beside", ["beside.py"]),
    ],
)  # fmt: skip
def test_what_is_collected(
    named: str, main: str, entry: str, files: list[str], tmp_path: Path
) -> None:
    lay(tmp_path, APP | {"app/main.py": main})
    found = collect(tmp_path / named)
    assert (found.entry, list(found.files)) == (entry, files)
    assert found.files[files[-1]] == (tmp_path / files[-1] if files[-1] in APP else tmp_path / named
                                      ).read_text()  # fmt: skip


def test_the_runtime_is_never_sent() -> None:
    assert list(collect("harness.module.bench").files) == ["bench.py"]


CLIENT = {
    "app/__init__.py": "from . import main",
    "app/main.py": "x = 1",
    "app/client.py": "from app.module_bindings import User",
    "app/__main__.py": "from .client import main",
    "app/helper.py": "import importlib",
    "app/module_bindings/__init__.py": f"{BANNER}\nfrom .types import User",
    "app/module_bindings/types.py": BANNER,
}


def test_clients_are_not_sent(tmp_path: Path) -> None:
    """Nor what is generated for them: a server runs the same when a client changes."""
    lay(tmp_path, CLIENT)
    sent = collect(tmp_path / "app")
    assert sent.entry == "app"
    assert list(sent.files) == ["app/__init__.py", "app/helper.py", "app/main.py"]
    lay(tmp_path, {"app/client.py": "from .module_bindings import User\nUser",
                   "app/module_bindings/types.py": f"{BANNER}\nimport os"})  # fmt: skip
    assert collect(tmp_path / "app").digest == sent.digest
    # What was not generated is what the author has written, for whatever it is.
    lay(tmp_path, {"app/module_bindings/__init__.py": "", "app/module_bindings/types.py": ""})
    assert len(collect(tmp_path / "app").files) == 7


def test_what_the_module_imports_is_sent_though_it_was_generated(tmp_path: Path) -> None:
    lay(tmp_path, CLIENT | {"app/main.py": "def f():\n    from .module_bindings.types import User"})
    assert list(collect(tmp_path / "app").files) == sorted(CLIENT)


@pytest.mark.parametrize(
    ("example", "files"),
    [
        ("chat", ["__init__", "main"]),
        ("world", ["__init__", "main"]),
        ("inventory", ["__init__", "main", "stock", "views"]),
    ],
)
def test_the_examples_are_sent_without_their_clients(example: str, files: list[str]) -> None:
    sent = collect(f"harness.module.examples.{example}")
    assert list(sent.files) == [f"{example}/{name}.py" for name in files]


@pytest.mark.parametrize(
    ("files", "named", "said"),
    [
        ({}, "nowhere.py", "there is no file"),
        ({"folder/x.py": ""}, "folder", "has no __init__.py"),
        ({}, "no_such.module", "there is no module 'no_such.module'"),
        ({"latin.py": ""}, "latin.py", "is not UTF-8 (byte 1)"),
    ],
)
def test_what_cannot_be_collected(
    files: dict[str, str], named: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(tmp_path, files)
    if "latin.py" in files:
        (tmp_path / "latin.py").write_bytes(b"#\xe4")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SchemaError) as caught:
        collect(named)
    assert said in str(caught.value)


def test_a_program_that_is_too_large_is_not_sent(tmp_path: Path) -> None:
    lay(tmp_path, {"large.py": "#" * (program.LIMIT + 1)})
    with pytest.raises(PlanError, match="8,388,608 are the limit"):
        collect(tmp_path / "large.py")


_NAMES = st.from_regex(r"[a-z_]{1,3}", fullmatch=True)
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map(lambda parts: "/".join(parts) + ".py")


@given(st.dictionaries(_PATHS, st.text(max_size=20), min_size=1, max_size=6))
def test_whatever_is_sent_arrives(files: dict[str, str]) -> None:
    sent = Program(next(iter(files)).removesuffix(".py").replace("/", "."), files)
    try:
        program.check(sent)
    except PlanError:
        return  # a keyword: test_what_is_no_program
    got = program.decoded(sent.encoded())
    assert got == sent
    assert got.digest == Program(sent.entry, dict(reversed(files.items()))).digest


@given(st.binary(max_size=200))
def test_whatever_comes_is_a_program_or_a_sentence(data: bytes) -> None:
    try:
        found = program.decoded(data)
    except PlanError:
        return
    program.check(found)


def test_files_are_written_into_a_new_folder_only(tmp_path: Path) -> None:
    sent = Program("a", {"a.py": "x = '\r\n'\r\n", "b/c.py": ""})
    program.unpack(sent, tmp_path / "new")
    assert (tmp_path / "new" / "a.py").read_bytes() == b"x = '\r\n'\r\n"
    assert (tmp_path / "new" / "b" / "c.py").read_bytes() == b""
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for taken in ("new", "link"):
        with pytest.raises(FileExistsError):
            program.unpack(sent, tmp_path / taken)
    assert not (tmp_path / "elsewhere").exists()


# --- loading -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "imports",
    [
        "from app.tables import User",
        "from .tables import User",
        "from app import tables\nUser = tables.User",
        "import app.tables\nUser = app.tables.User",
        "import app.tables as t\nUser = t.User",
        "import os, app.tables, sys\nUser = app.tables.User",
    ],
)
def test_own_files_are_found_however_they_are_imported(imports: str, tmp_path: Path) -> None:
    body = "from app.tables import User as Late\n    assert Late is User"
    lay(tmp_path, {"app/__init__.py": "", "app/tables.py": TABLES,
                   "app/main.py": REDUCER.format(imports, body)})  # fmt: skip
    loaded = isolated.load(tmp_path, "app.main")
    assert [table.name for table in loaded.module.tables] == ["user"]
    (reducer,) = loaded.module.reducers
    reducer.function(None)
    assert "app" not in sys.modules
    loaded.forget()
    assert not [name for name in sys.modules if name.startswith(loaded.name)]


def test_two_of_one_name_do_not_meet(tmp_path: Path) -> None:
    for place, value in (("one", 1), ("two", 2)):
        files = {"app/__init__.py": f"value = {value}", "app/main.py": TABLES}
        late = REDUCER.format("", "import app\n    seen.append(app.value)") + "\nseen = []\n"
        lay(tmp_path / place, files | {"app/main.py": TABLES + late})
    loads = [isolated.load(tmp_path / place, "app.main") for place in ("one", "two", "one")]
    for loaded, value in zip(loads, (1, 2, 1), strict=True):
        function = loaded.module.reducers[0].function
        function(None)
        assert function.__globals__["seen"] == [value]
    assert len({id(loaded.module) for loaded in loads}) == 3


@pytest.mark.parametrize(
    ("source", "kind"),
    [("1 / 0", SchemaError), ("raise SystemExit", SystemExit), ("x = 1", SchemaError),
     (TABLES.replace("u32\n", "dict\n"), SchemaError)],
)  # fmt: skip
def test_nothing_stays_of_a_load_that_fails(
    source: str, kind: type[BaseException], tmp_path: Path
) -> None:
    lay(tmp_path, {"app/__init__.py": "from . import main", "app/main.py": source})
    before = set(sys.modules)
    with pytest.raises(kind):
        isolated.load(tmp_path, "app")
    assert set(sys.modules) == before


def test_nothing_is_cached_between_loads(tmp_path: Path) -> None:
    lay(tmp_path, {"app/__init__.py": "from app import part\n" + TABLES, "app/part.py": ""})
    isolated.load(tmp_path, "app").forget()
    assert not list(tmp_path.rglob("*.pyc"))
