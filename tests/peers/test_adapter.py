"""Adapters are found and read without being run; their process counts what happened."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.errors import PlanError
from harness.peers import adapter as adapters
from harness.peers.exchange import Request, encode
from harness.peers.rows import digest, row

PEERS = Path(adapters.__file__).parent
METHODS = "".join(f"    def {name}(self, *a): ...\n" for name in adapters.METHODS)
GOOD = f"class Adapter:\n    name = 'x'\n    requires = []\n    protocols = ['v1']\n{METHODS}"


def write(folder: Path, text: str) -> Path:
    path = folder / "adapter.py"
    path.write_text(text)
    return path


def test_an_adapter_is_read_without_its_client(tmp_path: Path) -> None:
    path = write(tmp_path, "import a_client_that_is_not_here\n" + GOOD)
    found = adapters.describe(path)
    assert (found.name, found.requires, found.protocols) == ("x", (), ("v1",))
    assert found.most_in_flight == adapters.MOST_IN_FLIGHT


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n", "has no class Adapter"),
        ("class Adapter(:\n", "cannot be read"),
        (GOOD.replace("def rows", "def lines"), "has no rows"),
        (GOOD.replace("name = 'x'", "name = make()"), "is not a literal"),
        (GOOD.replace("name = 'x'", "name = ''"), "write the client's name"),
        (GOOD.replace("requires = []", "requires = 'y'"), "write a list of strings"),
        (GOOD.replace("['v1']", "['v9']"), "choose of v1, v2, v3"),
        (GOOD.replace("['v1']", "['v1']; most_in_flight = 0"), "write a number from 1 on"),
    ],
)
def test_what_is_wrong_with_an_adapter_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        adapters.describe(write(tmp_path, text))


def test_an_adapter_is_found_by_file_module_or_name(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    assert adapters.locate(str(path)) == path
    own = PEERS / "clients" / "own.py"
    assert adapters.locate("own") == adapters.locate("harness.peers.clients.own") == own
    for name in ("nothing_of_this_name", str(tmp_path / "none.py")):
        with pytest.raises(PlanError, match="there is no adapter"):
            adapters.locate(name)


@pytest.mark.parametrize("name", adapters.shipped())
def test_shipped_adapters_are_whole(name: str) -> None:
    adapters.describe(adapters.locate(name))


#: A client that keeps its own table: what is tested is the process around it.
CLIENT = '''
class Connection:
    def __init__(self, uri, database, token): self.held = []
    def call(self, reducer, args):
        if reducer == "insert_item": self.held.append(args)
    def subscribe(self, queries): pass
    def rows(self, table): return self.held
    def close(self): pass
'''  # fmt: skip


def run(path: Path, **asked: Any) -> list[dict[str, Any]]:
    """All that the process says to a request."""
    defaults = {"uri": "http://127.0.0.1:9", "protocol": "v1", "warmup": 3, "operations": 20}
    request = Request(**{**defaults, **asked})
    command = [sys.executable, "-I", str(PEERS / "adapter_process.py"), str(path), ""]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(encode(request))
        process.stdin.flush()
        return [json.loads(line) for line in process.stdout.read().splitlines()]


def documented() -> str:
    """The example of the documentation, with its client in the same file."""
    text = (PEERS / "ADAPTERS.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert "from client import Connection\n" in example
    return CLIENT + example.replace("from client import Connection\n", "")


def futures() -> str:
    calls = "self.connection.call(reducer, args)"
    later = "pool = __import__('concurrent.futures').futures.ThreadPoolExecutor(4)\n"
    return later + documented().replace(
        calls, "return pool.submit(self.connection.call, reducer, args)"
    )


def coroutines() -> str:
    return documented().replace("    def call(self, reducer, args):\n        self", "    async def call(self, reducer, args):\n        self")  # fmt: skip  # noqa: E501  (one replacement)


@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize("style", [documented, futures, coroutines])
def test_every_style_of_client_is_driven(tmp_path: Path, style: Any, in_flight: int) -> None:
    path = write(tmp_path, style())
    begin, end, last = run(path, do="insert", subscribed=True, in_flight=in_flight)
    assert (begin, end) == ({"mark": "begin"}, {"mark": "end"})
    result = last["result"]
    assert (result["calls"], result["all_calls"], result["errors"]) == (20, 23, 0)
    assert len(result["times_ns"]) == 20
    assert (result["rows"], result["digest"]) == digest(row(k) for k in range(23))


def test_failures_are_counted_with_the_first_text(tmp_path: Path) -> None:
    text = documented().replace("self.connection.call(reducer, args)", "raise OSError('no luck')")
    result = run(write(tmp_path, text), do="noop")[-1]["result"]
    assert (result["calls"], result["errors"]) == (0, 23)
    assert result["first_error"] == "OSError: no luck"


def test_a_client_that_does_not_connect_says_so(tmp_path: Path) -> None:
    text = documented().replace("= Connection(uri, database, token)", "= 1 / 0")
    (said,) = run(write(tmp_path, text), do="noop")
    assert said["error"].startswith("did not connect: ZeroDivisionError")


def test_what_adapters_do_not_do_is_refused(tmp_path: Path) -> None:
    (said,) = run(write(tmp_path, documented()), do="connect")
    assert said == {"error": "adapters do noop and insert, not connect"}
