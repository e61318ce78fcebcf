"""Whatever a peer does, asking it ends: with its result, or with one sentence that says why not."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.errors import TargetError
from harness.peers import process
from harness.peers.exchange import MOST_BYTES, Request, Result, decode_request, encode
from harness.peers.process import Answer, Peer, ask, cpu_check

GOOD: dict[str, Any] = {
    "wall_ns": 1_000_000, "cpu_ns": 500_000, "protocol": "v3", "calls": 10, "all_calls": 12,
    "versions": {"runtime": "none", "package": "scripted 1"},
}  # fmt: skip
ASKED = Request(do="noop", uri="http://127.0.0.1:1", operations=10, warmup=2, timeout_s=30.0)


def scripted(body: str, **env: str) -> Peer:
    """A peer that is these lines of Python; `say` prints a line, `request` is what it was asked."""
    head = (
        "import json, os, sys, time\n"
        "say = lambda line: print(json.dumps(line), flush=True)\n"
        "request = json.loads(sys.stdin.readline())\n"
        f"good = json.loads({json.dumps(json.dumps(GOOD))})\n"
    )
    return Peer("scripted", [sys.executable, "-S", "-c", head + body], env)


def test_a_good_answer_comes_with_progress_and_marks() -> None:
    told: list[str] = []
    peer = scripted(
        "say({'progress': 'so far'})\nsay({'mark': 'begin'})\nsay({'mark': 'end'})\n"
        "say({'result': {**good, 'calls': request['operations']}})"
    )
    answer = ask(peer, ASKED, told.append)
    assert answer.result.calls == 10
    assert answer.result.versions["package"] == "scripted 1"
    assert answer.seen_cpu_ns is not None
    assert told == ["scripted: so far"]


def test_all_of_a_request_is_written() -> None:
    line = encode(ASKED)
    assert json.loads(line).keys() == {field.name for field in msgspec.structs.fields(Request)}
    assert decode_request(line) == ASKED


def test_a_peer_gets_the_environment_that_it_needs() -> None:
    peer = scripted("say({'result': {**good, 'first_error': os.environ['WORD']}})", WORD="here")
    assert ask(peer, ASKED).result.first_error == "here"


def test_a_peer_that_goes_on_after_its_result_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "END_S", 0.05)
    began = time.monotonic()
    peer = scripted("say({'result': {**good, 'rss_before': os.getpid()}})\ntime.sleep(3600)")
    pid = ask(peer, ASKED).result.rss_before
    assert time.monotonic() - began < 1000
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


BAD = {
    "silence": ("time.sleep(3600)", "did not end within 0.5 s"),
    "nothing": ("pass", "gave no result; it ended with exit code 0"),
    "a crash": ("raise SystemError('broken inside')", "exit code 1; its log ends: SystemError: br"),
    "a signal": ("os.kill(os.getpid(), 9)", "it died with signal 9"),
    "words": ("print('hello there', flush=True)", "printed 'hello there', which is no answer"),
    "a list": ("say([1, 2])", "printed '[1, 2]', which is no answer"),
    "no text": ("os.write(1, b'\\xff\\xfe\\n')", "which is no answer"),
    "half a result": ("say({'result': {'wall_ns': 1}})", "missing required field"),
    "an error": ("say({'error': 'no such database'})", "reports: no such database"),
    "a flood": (
        "while True: os.write(1, b'{\"progress\": \"' + b'x' * 65000 + b'\"}\\n')",
        f"printed more than {MOST_BYTES:,} bytes",
    ),
    "one endless line": ("while True: os.write(1, b'x' * 65536)", "printed more than"),
    "no time": ("say({'result': {**good, 'wall_ns': 0}})", "its window took 0 ns"),
    "more time": ("say({'result': {**good, 'wall_ns': 10**15}})", "longer than it ran"),
    "less than none": ("say({'result': {**good, 'calls': -1}})", "says calls -1"),
    "odd times": ("say({'result': {**good, 'times_ns': [5, 0]}})", "times that cannot be"),
    "no name": ("say({'result': {**good, 'versions': {}}})", "does not say what it is"),
}


@pytest.mark.parametrize("name", BAD)
def test_anything_else_is_one_sentence(name: str) -> None:
    body, said = BAD[name]
    limit = 0.5 if name == "silence" else 30.0
    with pytest.raises(TargetError) as caught:
        ask(scripted(body), msgspec.structs.replace(ASKED, timeout_s=limit))
    text = str(caught.value)
    assert text.startswith("the peer scripted ")
    assert said in text
    assert "\n" not in text
    assert len(text) < 1_000


def test_a_peer_that_is_not_there() -> None:
    with pytest.raises(TargetError, match="the peer ghost cannot be started"):
        ask(Peer("ghost", ["/no/such/program"]), ASKED)


def test_a_peer_that_does_not_read() -> None:
    closed = Peer("deaf", [sys.executable, "-S", "-c", "import os; os.close(0)"])
    with pytest.raises(TargetError, match=r"the peer deaf (did not take|gave no result)"):
        ask(closed, ASKED)


def test_what_a_peer_started_ends_with_it(tmp_path: Path) -> None:
    place = tmp_path / "pid"
    body = (
        "import subprocess\n"
        "child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(3600)'])\n"
        f"open({str(place)!r}, 'w').write(str(child.pid))\n"
        "say({'error': 'done'})"
    )
    with pytest.raises(TargetError, match="done"):
        ask(scripted(body), ASKED)
    pid = int(place.read_text())
    deadline = time.monotonic() + 60
    while _runs(pid):
        assert time.monotonic() < deadline, "the child lives"
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("told_ms", "seen_ms", "passed"),
    [(1_000, 1_000, True), (1_000, 1_100, True), (100, 1_000, False), (1_000, 100, False),
     (10, 50, True), (1_000, None, False)],
)  # fmt: skip
def test_cpu_time_is_compared_with_what_was_seen(
    told_ms: int, seen_ms: int | None, passed: bool
) -> None:
    result = msgspec.convert({**GOOD, "cpu_ns": told_ms * 1_000_000}, Result)
    seen = None if seen_ms is None else seen_ms * 1_000_000
    check = cpu_check("theirs", Answer(result, seen))
    assert check.passed is passed
    assert "theirs" in check.found
