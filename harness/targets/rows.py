"""Row codecs side by side: ours and the official TypeScript SDK's, on the same rows.

Each side runs in fresh processes, in alternation, and reports the CPU time of its own code only.
Both must produce the same bytes, or the comparison is refused.

``python -m harness.targets.rows ROWS REPEAT`` is our side's process.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import TargetError
from harness.targets import npm
from harness.wire import codec
from harness.wire.annotations import TypeBuilder, f32, i32, u64


class Item(msgspec.Struct, frozen=True, gc=False):
    """The row that both sides encode: that of the bench module's table ``item``."""

    id: u64
    x: f32
    y: f32
    z: f32
    hp: i32
    alive: bool
    name: str


def items(count: int) -> list[Item]:
    """The same rows as the script in TypeScript makes."""
    return [
        Item(i, i / 2, i / 4, i / 8, i % 1000, i % 2 == 0, f"item-{i:07d}") for i in range(count)
    ]


def ours(count: int, repeat: int) -> dict[str, Any]:
    """CPU seconds of each repetition in this process."""
    builder = TypeBuilder()
    row = builder.codec(builder.product(Item))
    rows = items(count)
    encode, decode = [], []
    data = b""
    for _ in range(repeat):
        before = time.process_time()
        data = row.encode_all(rows)
        between = time.process_time()
        decoded = row.decode_all(data)
        decode.append(time.process_time() - between)
        encode.append(between - before)
        if decoded != rows:
            raise TargetError("our own rows did not come back")
    return {
        "encode_cpu_s": encode,
        "decode_cpu_s": decode,
        "sha256": hashlib.sha256(data).hexdigest(),
        "codec": codec.IMPLEMENTATION,
    }


def compare(count: int = 20_000, repeat: int = 15, rounds: int = 3) -> dict[str, float]:
    """Rows per CPU second of both sides and their ratios, ours over TypeScript's.

    Each figure is the median over rounds of the median repetition. Raises ``TargetError`` if node
    or the package is missing, or if the two sides disagree about the bytes.
    """
    folder = npm.install()
    script = Path(__file__).with_name("npm_rows.mjs")
    request = {"package": str(folder), "rows": count, "repeat": repeat}
    found: dict[str, list[float]] = {
        f"{side}_{what}": [] for side in ("ours", "typescript") for what in ("encode", "decode")
    }
    for _ in range(rounds):
        answers = {
            "ours": _our_process(count, repeat),
            "typescript": npm.run_script(script, request),
        }
        if answers["ours"]["sha256"] != answers["typescript"]["sha256"]:
            raise TargetError("the TypeScript SDK encodes these rows to other bytes than we do")
        for side, answer in answers.items():
            for what in ("encode", "decode"):
                median = statistics.median(answer[f"{what}_cpu_s"])
                found[f"{side}_{what}"].append(count / median)
    rates = {f"{name}_rows_per_cpu_s": statistics.median(x) for name, x in found.items()}
    for what in ("encode", "decode"):
        rates[f"{what}_ratio"] = (
            rates[f"ours_{what}_rows_per_cpu_s"] / rates[f"typescript_{what}_rows_per_cpu_s"]
        )
    return rates


def _our_process(count: int, repeat: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "harness.targets.rows", str(count), str(repeat)],
        capture_output=True,
        text=True,
        timeout=npm.SCRIPT_TIMEOUT_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise TargetError(f"our row process failed: {done.stderr[-500:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


if __name__ == "__main__":
    print(json.dumps(ours(int(sys.argv[1]), int(sys.argv[2]))))
