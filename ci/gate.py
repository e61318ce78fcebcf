"""The gate of a pull request: is it slower than its base?

``python ci/gate.py --base origin/main --head HEAD --comment comment.md`` builds both, measures them
in turns (``harness compare``), looks a second time at what seemed slower, holds the rest against
``ci/budgets.toml`` and writes a comment. Exit codes: 0 nothing is slower, 1 an error, 2 a wrong
command line, 3 something is slower or over its limit, 4 could not tell.
"""

from __future__ import annotations

import argparse
import datetime as dt
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

if __name__ == "__main__":  # as a file: the folder above is the project
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ci import comment
from ci.budgets import Budget, read
from ci.verdicts import second_look, suspects, verdict, with_answers
from harness.errors import HarnessError, TargetError
from harness.run.compare_result import Comparison, load
from harness.store import confirmations
from harness.store.files import write

ERROR = 1
#: Exit codes of ``harness compare`` that come with a result.
_MEASURED = (0, 3, 4)
_EXAMPLES = """
examples:
  python ci/gate.py --base origin/main --head HEAD --comment comment.md
  python ci/gate.py --base v1.0 --head HEAD --budget 120 --suite codec
  python ci/gate.py --comparison results/comparisons/X.json --comment comment.md
"""

#: Compares two revisions: suites, -k, seed, whether to count instructions.
Compare = Callable[[Sequence[str], str, int, bool], Comparison]


def main(arguments: Sequence[str] | None = None, compare: Compare | None = None) -> int:
    """Measure, judge, write the comment; the exit code. ``compare`` stands in for measuring."""
    options = _options(arguments)
    try:
        return _gate(options, compare or _measuring(options))
    except HarnessError as error:
        print(f"gate: {error}", file=sys.stderr)
        return ERROR


def _gate(options: argparse.Namespace, compare: Compare) -> int:
    budgets = _budgets(options.budgets)
    second = None
    if options.comparison is not None:
        first = load(options.comparison)
        if options.second is not None:
            second = load(options.second)
    else:
        first = compare(options.suite, "", options.seed, not options.no_instructions)
        names = suspects(first)
        if names:
            print(f"a second look at {', '.join(names)}", file=sys.stderr)
            suites = list(dict.fromkeys(name.partition(".")[0] for name in names))
            second = compare(suites, _expression(names), options.seed + 1, False)
    found = verdict(first, second, budgets, options.today)
    if first.taking is not None:
        known = confirmations.read(options.out)
        commits = first.taking.commits
        found = with_answers(found, [one for one in known if one.commits == commits])
        if second is not None and options.comparison is None:
            confirmations.add(options.out, second_look(first, second))
    links = dict(link.partition("=")[::2] for link in options.link)
    text = comment.write(found, first, second, links)
    if options.comment is not None:
        write(options.comment, text.encode())
    else:
        print(text, end="")
    print(f"gate: {comment.sentence(found)}", file=sys.stderr)
    return found.code


def _budgets(path: Path | None) -> list[Budget]:
    """Those of the named file; without a name those of ci/budgets.toml, if there is one."""
    if path is not None:
        return read(path)
    usual = Path("ci/budgets.toml")
    return read(usual) if usual.exists() else []


def _expression(names: Sequence[str]) -> str:
    """What ``-k`` needs to choose these benchmarks: all words of one, or all of another."""
    return " or ".join(f"({' and '.join(re.findall(r'[A-Za-z0-9_.-]+', name))})" for name in names)


def _measuring(options: argparse.Namespace) -> Compare:
    def compare(
        suites: Sequence[str], expression: str, seed: int, instructions: bool
    ) -> Comparison:
        command = [
            sys.executable, "-m", "harness", "compare", options.base, options.head, *suites,
            "--repository", str(options.repository), "--budget", str(options.budget),
            "--out", str(options.out), "--seed", str(seed), "--json",
            *(["-k", expression] if expression else []),
            *([] if instructions else ["--no-instructions"]),
        ]  # fmt: skip
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
        if done.returncode not in _MEASURED:
            raise TargetError("harness compare failed, as it says above; nothing was judged")
        with tempfile.TemporaryDirectory() as folder:
            return load(write(Path(folder) / "comparison.json", done.stdout))

    return compare


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="gate.py", description=__doc__, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--base", default="origin/main", help="what the change is compared with")
    parser.add_argument("--head", default="HEAD", help="the change")
    parser.add_argument("--repository", type=Path, default=Path(), help="where both are")
    parser.add_argument("--suite", action="append", default=[], help="a suite; again for more")
    parser.add_argument("--budget", type=float, default=300.0, help="seconds for each look")
    parser.add_argument("--seed", type=int, default=1, help="of the turns; the second look adds 1")
    parser.add_argument("--no-instructions", action="store_true", help="measure by clock alone")
    parser.add_argument("--budgets", type=Path, help="instead of ci/budgets.toml, if that exists")
    parser.add_argument("--comment", type=Path, help="where the comment goes; else it is printed")
    parser.add_argument("--out", type=Path, default=Path("results"), help="where results are kept")
    parser.add_argument("--comparison", type=Path, help="judge this one; measure nothing")
    parser.add_argument("--second", type=Path, help="the second look at --comparison")
    parser.add_argument(
        "--link",
        action="append",
        default=[],
        metavar="WORDS=URL",
        help="a link for the comment: to the run, its files, profiles",
    )
    today = dt.datetime.now(dt.UTC).date()
    parser.add_argument("--today", type=dt.date.fromisoformat, default=today,
                        help=argparse.SUPPRESS)  # fmt: skip
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
