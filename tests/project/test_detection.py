"""By which files a project is known, and where its module is."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import PlanError
from harness.project import languages
from harness.project.detection import project_in


def lay(root: Path, *files: str, **texts: str) -> Path:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    for file, text in texts.items():
        (root / file.replace("_toml", ".toml")).write_text(text)
    return root


@pytest.mark.parametrize(
    ("text", "language"),
    [("python", "python"), ("py", "python"), ("Python", "python"), ("PY", "python"),
     (" Py ", "python"), ("C#", "csharp"), ("cxx", "cpp"), ("TS", "typescript")],
)  # fmt: skip
def test_aliases_in_any_case(text: str, language: str) -> None:
    assert languages.named(text) == language


@pytest.mark.parametrize("text", ["", "pyhton", "unreal", "go"])
def test_unknown_languages_are_told_with_the_known_ones(text: str) -> None:
    with pytest.raises(PlanError, match="there are python, rust, csharp, typescript, cpp"):
        languages.named(text)
    assert languages.named("unreal", languages.CLIENTS) == "unrealcpp"


@pytest.mark.parametrize(
    ("files", "language"),
    [
        (["pyproject.toml"], "python"),
        (["setup.py"], "python"),
        (["requirements.txt"], None),
        (["main.py"], None),
        ([], None),
        (["pyproject.toml", "Cargo.toml"], "rust"),
        (["pyproject.toml", "Chat.csproj"], "csharp"),
        (["pyproject.toml", "package.json"], "typescript"),
        (["setup.py", "CMakeLists.txt"], "cpp"),
        (["package.json", "Cargo.toml"], "rust"),
    ],
)
def test_the_language_of_a_module(files: list[str], language: str | None, tmp_path: Path) -> None:
    assert languages.of_module(lay(tmp_path, *files)) == language


def test_a_folder_with_a_marks_name_is_none(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").mkdir()
    assert languages.of_module(tmp_path) is None


def test_the_language_of_a_client(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"Pass --lang or run `harness init`"):
        languages.of_client(tmp_path)
    lay(tmp_path, "pyproject.toml", "setup.py")
    assert languages.of_client(tmp_path) == "python"
    lay(tmp_path, "package.json")
    with pytest.raises(
        PlanError, match=r"several languages: typescript \(package.json\), python \(pyp.*; say --l"
    ):
        languages.of_client(tmp_path)


@pytest.mark.parametrize(
    ("files", "toml", "source", "module"),
    [
        (["src/chat/__init__.py", "src/chat/main.py"], "", "src", "chat.main"),
        (["src/chat/__init__.py"], "", "src", "chat"),
        (["chat/__init__.py", "chat/main.py", "tests/__init__.py"], "", ".", "chat.main"),
        (["src/chat/__init__.py", "other/__init__.py"], "", "src", "chat"),
        (["src/a/__init__.py", "src/b/__init__.py", "src/b/server.py"],
         '[tool.harness]\nmodule = "b.server"', "src", "b.server"),
        (["server.py"], '[tool.harness]\nmodule = "server"', ".", "server"),
        (["src/b/__init__.py"], '[tool.harness]\nmodule = "b"', "src", "b"),
    ],
)  # fmt: skip
def test_the_module(files: list[str], toml: str, source: str, module: str, tmp_path: Path) -> None:
    found = project_in(lay(tmp_path, *files, pyproject_toml=toml))
    assert (found.source, found.module) == ((tmp_path / source), module)
    assert found.package == module.partition(".")[0]


def test_setup_py_alone_is_enough(tmp_path: Path) -> None:
    found = project_in(lay(tmp_path, "setup.py", "src/chat/__init__.py"))
    assert (found.module, found.database) == ("chat", None)


@pytest.mark.parametrize(
    ("files", "toml", "said"),
    [
        ([], "", "no importable package found under ROOT (looked for src/<name>/__init__.py)"),
        (["tests/__init__.py", "src/not-a-name/__init__.py"], "", "no importable package found"),
        (["src/a/__init__.py", "src/b/__init__.py"], "",
         'ROOT/src has several packages: a, b; say which one has the module, as in module = "a.m'),
        ([], '[tool.harness]\nmodule = "chat.main"',
         "names the module chat.main, which is not there: looked for src/chat/main.py and chat/ma"),
        ([], '[tool.harness]\nmodule = "../up"', "is a dotted name such as my_app.main, not '../"),
        ([], "[tool.harness]\nmodule = 7", "module in [tool.harness] is a text, not 7"),
        ([], '[tool.harness]\ndatabase = ""', "database in [tool.harness] is a text, not ''"),
        ([], "[tool]\nharness = 1", "tool.harness is not a table"),
        ([], "= 1", "pyproject.toml is not valid TOML: "),
        ([], "x = " + "1" * 5000, "pyproject.toml is not valid TOML: "),
    ],
)  # fmt: skip
def test_what_is_no_project_of_ours(files: list[str], toml: str, said: str, tmp_path: Path) -> None:
    lay(tmp_path, *files, pyproject_toml=toml)
    with pytest.raises(PlanError) as found:
        project_in(tmp_path)
    assert said.replace("ROOT", str(tmp_path)) in str(found.value)


def test_folders_that_are_no_projects(tmp_path: Path) -> None:
    lay(tmp_path, "requirements.txt", "main.py")
    for folder, said in [
        (tmp_path, f"No pyproject.toml or setup.py found in {tmp_path}; this does not look like a "
         "Python project. Name a module's file or folder, or run `harness init`."),
        (tmp_path / "nowhere", f"{tmp_path}/nowhere does not exist"),
        (tmp_path / "main.py", f"{tmp_path}/main.py is a file; name its project's folder"),
    ]:  # fmt: skip
        with pytest.raises(PlanError) as found:
            project_in(folder)
        assert str(found.value) == said
