"""``harness dev``: rounds of steps, whose failures keep what ran before. Time is the test's."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.cli import dev_loop, main
from harness.cli.dev_loop import Loop, Program, Step
from tests.cli.somebody import unknown


@dataclass
class Spy:
    """Something that runs beside the loop."""

    name: str
    story: list[str]

    def restart(self) -> None:
        self.story.append(f"{self.name} starts")

    def ensure(self) -> None:
        if f"{self.name} starts" not in self.story:
            self.restart()

    def stop(self) -> None:
        self.story.append(f"{self.name} stops")


@dataclass
class Stage:
    """A loop with scripted files and exit codes. ``at`` maps rounds of looking to what happens."""

    at: dict[int, Callable[[], None]]
    codes: dict[str, int] = field(default_factory=dict)
    story: list[str] = field(default_factory=list)
    version: int = 0
    looks: int = 0
    time_s: float = 0.0

    def look(self) -> dict[Path, tuple[int, int]]:
        return {Path("main.py"): (self.version, 1)}

    def run_step(self, step: Step) -> int:
        self.story.append(step.name)
        return self.codes.get(step.name, 0)

    def sleep(self, seconds: float) -> None:
        self.looks += 1
        self.time_s += seconds
        if self.looks > 200:
            raise KeyboardInterrupt
        self.at.get(self.looks, lambda: None)()

    def edit(self) -> None:
        self.version += 1

    def play(self) -> list[str]:
        steps = [Step("build", ()), Step("publish", ()), Step("generate", ())]
        loop = Loop(
            steps, self.run_step, self.look, lambda: self.time_s, self.sleep,
            restarted=[Spy("client", self.story)], started=[Spy("log", self.story)],
            say=lambda text: self.story.append(text) if "failed" in text else None,
        )  # fmt: skip
        with pytest.raises(KeyboardInterrupt):
            loop.run()
        return self.story


ROUND = ["build", "publish", "generate"]
BEGIN = [*ROUND, "log starts", "client starts"]
END = ["client stops", "log stops"]


def test_once_without_changes() -> None:
    assert Stage({}).play() == [*BEGIN, *END]


def test_each_change_is_a_round() -> None:
    stage = Stage({})
    stage.at = {10: stage.edit, 50: stage.edit}
    assert stage.play() == [*BEGIN, *ROUND, "client starts", *ROUND, "client starts", *END]


def test_edits_in_a_row_are_one_round() -> None:
    stage = Stage({})
    stage.at = dict.fromkeys(range(10, 30, 2), stage.edit)
    assert stage.play() == [*BEGIN, *ROUND, "client starts", *END]


def test_a_failure_keeps_what_ran_before() -> None:
    stage = Stage({})
    stage.at = {
        10: lambda: (stage.codes.update(build=1), stage.edit())[1],
        50: lambda: (stage.codes.update(build=0, publish=1), stage.edit())[1],
        90: lambda: (stage.codes.update(publish=0), stage.edit())[1],
    }
    assert stage.play() == [
        *BEGIN,
        "build", "dev: build failed; what ran before goes on; waiting for a change",
        "build", "publish", "dev: publish failed; what ran before goes on; waiting for a change",
        *ROUND, "client starts", *END,
    ]  # fmt: skip


def test_nothing_runs_before_the_first_good_round() -> None:
    stage = Stage({}, {"build": 1})
    stage.at = {10: lambda: (stage.codes.clear(), stage.edit())[1]}
    assert stage.play() == [
        "build", "dev: build failed; waiting for a change", *BEGIN, *END
    ]  # fmt: skip


# --- processes -----------------------------------------------------------------------------------

PATIENCE_S = 20.0


def eventually(found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


def pid_in(path: Path) -> int:
    eventually(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


CHILD = """
import os, signal, subprocess, sys, time
if sys.argv[1] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[2] + ".child", "w").write(f"{child.pid}\\n")
open(sys.argv[2], "w").write(f"{os.getpid()}\\n")
time.sleep(600)
"""


@pytest.mark.parametrize("how", ["well-behaved", "deaf"])
def test_a_client_ends_with_all_that_it_started(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev_loop, "PATIENCE_S", 0.3)
    file = tmp_path / "pid"
    program = Program([sys.executable, "-c", CHILD, how, str(file)], tmp_path)
    program.restart()
    first, child = pid_in(file), pid_in(tmp_path / "pid.child")
    file.unlink()
    program.restart()
    second = pid_in(file)
    assert first != second
    eventually(lambda: not alive(first) and not alive(child))
    program.stop()
    eventually(lambda: not alive(second))
    program.stop()


def test_what_has_ended_is_begun_again(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    code = "import os, sys; open(sys.argv[1], 'w').write(f'{os.getpid()}\\n'); sys.stdin.read()"
    program = Program([sys.executable, "-c", code, str(file)], tmp_path)
    program.ensure()
    first = pid_in(file)  # it ends by itself: there is nothing on its standard input
    eventually(lambda: not alive(first))
    file.unlink()
    program.ensure()
    assert pid_in(file) != first
    program.stop()


def test_a_client_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = Program(["no-such-program"], tmp_path)
    program.restart()
    program.stop()
    assert "dev: cannot run no-such-program: No such file or directory" in capsys.readouterr().err


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """The commands of the first round; the loop ends with it. Works in an empty folder."""
    found: list[list[str]] = []

    def run(self: Loop) -> None:
        found.extend([x.name, *x.arguments] for x in self.steps)
        found.extend(["run", *x.arguments] for x in self.restarted)  # type: ignore[attr-defined]  # they are programs
        found.append(sorted(str(x.relative_to(tmp_path.resolve())) for x in self.look()))

    monkeypatch.setattr(Loop, "run", run)
    unknown(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    return found


def test_the_steps_of_a_new_project(steps: list[list[str]], tmp_path: Path) -> None:
    assert main(["init", "-l", "py", "my-app"]) == 0
    assert main(["dev", "--project-path", "my-app"]) == 0
    root, uri = f"{tmp_path}/my-app", "http://127.0.0.1:3000"
    assert steps[:4] == [
        ["build", "--native", "-p", root],
        ["publish", "my-app", "-p", root, "-s", uri, "--no-config", "--delete-data=on-conflict",
         "--break-clients"],
        ["generate", "--lang", "python", "-y", "--env", "dev", "my-app"],
        ["run", sys.executable, "-m", "my_app.client"],
    ]  # fmt: skip
    assert "my-app/src/my_app/main.py" in steps[4]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--server-only"], ["build", "publish", "generate"]),
        (["--server-only", "--skip-generate"], ["build", "publish"]),
        (["--skip-publish"], ["build", "generate", "run"]),
        (["--skip-generate", "--run", "echo 'a b'"], ["build", "publish", "run"]),
    ],
)
def test_steps_that_are_left_out(
    arguments: list[str], names: list[str], steps: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["init", "-l", "py", "my-app"]) == 0
    monkeypatch.chdir("my-app")
    assert main(["dev", *arguments]) == 0
    assert [x[0] for x in steps[:-1]] == names
    if "--run" in arguments:
        assert steps[-2] == ["run", "echo", "a b"]


def test_a_module_without_a_client_gets_no_bindings(steps: list[list[str]]) -> None:
    assert main(["init", "-l", "py", "my-app", "--server-only"]) == 0
    assert main(["dev", "--project-path", "my-app"]) == 0
    assert [x[0] for x in steps[:-1]] == ["build", "publish"]
    os.chdir("..")
    assert main(["dev", "--project-path", "my-app", "--module-bindings-path", "out"]) == 0
    assert steps[-2][-2:] == ["-o", f"{Path.cwd()}/out"]


def test_all_entries_are_generated_and_none_is_watched(steps: list[list[str]]) -> None:
    assert main(["init", "-l", "py", "my-app"]) == 0
    os.chdir("my-app")
    entries = [{"out-dir": "src/my_app/module_bindings"}, {"out-dir": "tools/bindings"}]
    content = {"database": "chat", "module-path": ".", "python": {"generate": entries}}
    Path("spacetime.json").write_text(json.dumps(content))
    for folder in ("src/my_app/module_bindings", "tools/bindings", "tools/other"):
        Path(folder).mkdir(parents=True)
        Path(folder, "types.py").touch()
    assert main(["dev", "--server-only"]) == 0
    assert steps[2] == ["generate", "--lang", "python", "-y", "--env", "dev", "chat"]
    assert [x for x in steps[-1] if x.endswith("types.py")] == ["my-app/tools/other/types.py"]


def test_generate_is_told_what_dev_is_told(steps: list[list[str]], tmp_path: Path) -> None:
    """Another module, another place, no configuration; it runs where the configuration is."""
    assert main(["init", "-l", "py", "my-app"]) == 0
    Path("spacetime.json").write_text('{"database": "chat", "module-path": "my-app"}')
    Path("below").mkdir()
    os.chdir("below")
    assert main(["dev", "--env", "test", "--module-path", "../my-app"]) == 0
    assert steps[0] == ["build", "--native", "-p", f"{tmp_path}/my-app"]
    assert steps[2][4:] == ["--env", "test", "chat", "-p", f"{tmp_path}/my-app"]
    assert Path.cwd() == tmp_path.resolve()
    steps.clear()
    more = ["--no-config", "--module-bindings-path", "my-app/out"]
    assert main(["dev", "chat", "--project-path", "my-app", *more]) == 0
    assert steps[2][4:] == ["--no-config", "-o", f"{tmp_path}/my-app/my-app/out"]


def test_answers_and_servers_are_passed_on(steps: list[list[str]]) -> None:
    assert main(["init", "-l", "py", "my-app"]) == 0
    os.chdir("my-app")
    Path("spacetime.dev.json").write_text('{"database": "mine", "server": "127.0.0.1:4000"}')
    assert main(["dev", "-y=migrate", "-c=never"]) == 0
    assert steps[1][1:2] + steps[1][4:] == [
        "mine", "-s", "http://127.0.0.1:4000", "--no-config", "--delete-data=never",
        "--yes=migrate", "--break-clients",
    ]  # fmt: skip


def test_clients_of_another_machine_are_not_broken_unasked(steps: list[list[str]]) -> None:
    assert main(["init", "-l", "py", "my-app"]) == 0
    assert main(["dev", "--project-path", "my-app", "-s", "https://db.example.org"]) == 0
    assert steps[1][-2:] == ["--no-config", "--delete-data=on-conflict"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 1, "No pyproject.toml or setup.py found in"),
        (["--project-path", "nowhere"], 1, "cannot use nowhere: No such file or directory"),
        (["--client-lang", "go"], 1, "No pyproject.toml"),
        (["--delete-data=perhaps"], 2, "is not one of"),
        (["--project-path", "app", "--run", ""], 1, "the client's command is empty"),
        (["--project-path", "app", "--run", "'x"], 1, "is none: No closing quotation"),
    ],
)
def test_what_cannot_begin(
    arguments: list[str], code: int, said: str, steps: list[list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert main(["init", "-l", "py", "app"]) == 0
    assert main(["dev", *arguments]) == code
    assert said in capsys.readouterr().err
    assert steps == []


def test_other_tools_are_told_where_the_database_is(
    steps: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPACETIMEDB_TOKEN", "very-secret")
    assert main(["init", "-l", "py", "my-app"]) == 0
    os.chdir("my-app")
    Path(".env.local").write_text("MINE=1\nSPACETIMEDB_DB_NAME=old\n")
    assert main(["dev", "-s", "127.0.0.1:4000"]) == 0
    assert Path(".env.local").read_text() == (
        "MINE=1\nSPACETIMEDB_DB_NAME=my-app\nSPACETIMEDB_HOST=http://127.0.0.1:4000\n"
    )
    assert ".env.local" in Path(".gitignore").read_text().splitlines()
    Path(".env.local").unlink()
    Path(".env.local").mkdir()
    capsys.readouterr()
    assert main(["dev"]) == 0  # it is told, and dev goes on
    assert "dev: cannot write " in capsys.readouterr().err


def test_a_name_that_no_server_takes(
    steps: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "-l", "py", "my-app"]) == 0
    os.chdir("my-app")
    assert main(["dev", "a\nTOKEN=x", "--no-config"]) == 1
    assert "lower case letters and digits" in capsys.readouterr().err
    assert not Path(".env.local").exists()


def test_other_languages_are_handed_over(
    steps: list[list[str]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    Path("Cargo.toml").write_text("")
    assert main(["dev"]) == 1
    assert "rust needs the official command `spacetime`" in capsys.readouterr().err


def test_signals_are_undone() -> None:
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
