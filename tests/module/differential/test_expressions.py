"""Every operator and built-in on a grid of values: what Python says is what the module says.

Each line of a table becomes a reducer that logs the value of an expression; it is called with every
combination of interesting values of its parameters. Where Python raises, the module raises alike.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.module.differential.agree import Call, Caller, agree, module_of

F = float
INTS: dict[str, list[Any]] = {
    "i8": [0, 1, -1, 7, -7, 127, -128],
    "u8": [0, 1, 3, 255],
    "i16": [0, -1, 300, -(1 << 15)],
    "u16": [0, 9, (1 << 16) - 1],
    "i32": [0, 1, -1, 10, -10, (1 << 31) - 1, -(1 << 31)],
    "u32": [0, 1, 10, (1 << 32) - 1],
    "i64": [0, 1, -1, 3, -3, 1000, (1 << 63) - 1, -(1 << 63), (1 << 53) + 1],
    "u64": [0, 1, 5, 1 << 63, (1 << 64) - 1],
}
VALUES: dict[str, list[Any]] = {
    **INTS,
    "bool": [False, True],
    "f64": [0.0, -0.0, 1.0, -1.5, 0.1, 2.5, 3.5, 1e16, 1e-7, 1e308, 5e-324, F("inf"), F("-inf"),
            F("nan"), 2.0**63, -(2.0**53), 123456789.125],
    "f32": [0.0, -0.0, 0.5, 0.10000000149011612, 16777216.0, 3.4028234663852886e38, F("inf")],
    "str": ["", "a", "b", "ab", "ba", "aa", "Zürich", "日本", "🎲", "a\0", " x ", "{}"],
    "str | None": [None, "", "x"],
    "i64 | None": [None, 0, -5],
    "bytes": [b"", b"a", b"\0\xff"],
    "list[i64]": [[], [1], [3, 1, 2], [5, 5, -1, 9]],
    "list[str]": [[], ["a"], ["b", "", "a"]],
}  # fmt: skip

_BINARY = ["+", "-", "*", "//", "%", "&", "|", "^"]
_COMPARE = ["<", "<=", "==", "!=", ">", ">="]
_WIDTHS = ["i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"]

#: Parameters, and expressions of them.
TABLE: list[tuple[dict[str, str], list[str]]] = [
    *[({"a": width, "b": width}, [f"a {op} b" for op in _BINARY + _COMPARE]) for width in _WIDTHS],
    ({"a": "i64", "b": "u64"}, [f"a {op} b" for op in _BINARY + _COMPARE]),
    ({"a": "i8", "b": "u64"}, [f"b {op} a" for op in _BINARY + _COMPARE]),
    *[({"a": width}, ["-a", "~a", "+a", "abs(a)", "a ** 2", "a ** 3", "not a", "str(a)", "float(a)",
                      "bool(a)", "int(a)", "a if a else -1", "a * a - a", "(a + 1) * (a - 1)",
                      "a // 10", "a % 10", "a // -3", "a % -3", "2 ** 10 + a", "round(a)",
                      "a % 1", "a // 1", "a << 3", "a >> 2", "a >> 70", "a / 4", "a == a + 0"])
      for width in _WIDTHS],
    ({"a": "i64", "n": "u8"}, ["a >> n", "a << (n % 64)", "a << n", "1 << n", "2 ** n"]),
    ({"a": "i64", "n": "i8"}, ["a >> n", "a << n", "3 << n"]),
    ({"a": "u64", "n": "u8"}, ["a >> n", "a << n", "a ** (n % 4)"]),
    ({"a": "i64", "b": "i64"}, [
        "a / b", "min(a, b)", "max(a, b)", "a < b < 10", "0 <= a <= b != 3", "a and b", "a or b",
        "a == b == 0", "a if a > b else b", "(a // b) * b + a % b == a", "divided(a, b)",
        "a in (1, b, 3)", "a not in [0, b]", "not a < b", "a < b or a // b > 2",
        "a != 0 and b // a == 0", "-a // b", "-(a // b)", "a - b * (a // b)",
    ]),
    ({"a": "u64", "b": "u64"}, ["a / b", "min(a, b)", "max(a, b, 7)", "a - b", "b - a", "a * b"]),
    ({"a": "bool", "b": "bool"}, [
        "a and b", "a or b", "not a", "a == b", "a != b", "a + b", "a < b", "a & b", "a | b",
        "a ^ b", "int(a) * 5", "str(a)", "a if b else not a",
    ]),
    ({"a": "f64", "b": "f64"}, [
        "a + b", "a - b", "a * b", "a / b", "a // b", "a % b", *[f"a {op} b" for op in _COMPARE],
        "a < b <= 1.0", "min(a, b)", "max(a, b)", "math.copysign(a, b)", "a if a > b else b",
        "a == b or a != a", "-a + b",
    ]),
    ({"a": "f64"}, [
        "a", "-a", "+a", "abs(a)", "not a", "bool(a)", "int(a)", "round(a)", "math.floor(a)",
        "math.ceil(a)", "math.trunc(a)", "math.sqrt(a)", "math.isnan(a)", "math.isinf(a)",
        "math.isfinite(a)", "math.fabs(a)", "a * 0.0", "a + 1", "2 - a", "a * 3", "a / 2", "7 / a",
        "str(a)", "a == 0", "a < 1", "1 <= a", "a // 2", "a % 3", "a % -3", "-7 % a", "0 // a",
        "a - a", "float(a)",
    ]),
    ({"a": "f64", "b": "i64"}, [
        "a + b", "b - a", "a * b", "b / a", *[f"a {op} b" for op in _COMPARE], "b < a < b + 2",
        "b // a", "a % b",
    ]),
    ({"a": "f64", "b": "u64"}, ["a + b", *[f"b {op} a" for op in _COMPARE]]),
    ({"a": "f32", "b": "f32"}, ["a + b", "a * b", "a", "a == b", "a < b", "a - b"]),
    # Products of 64 bits need up to 128: nothing is lost, or OverflowError is raised.
    ({"a": "i64", "b": "i64", "c": "i64"}, [
        "a * b", "a * b + c", "a * b - c", "(a * b) // c",
        "(a * b) % c", "(a * b) & c", "a * b | c",
        "(a * b) ^ c", "-(a * b)", "~(a * b)", "abs(a * b)", "(a * b) >> 3", "(a * b) >> 64",
        "(a * b) << 2", "(a * b) / c", "float(a * b)", "a * b < b * c", "a * b == c * a",
        "min(a * b, c)", "max(a * b, b * c)", "str(a * b)", "a * b * c", "(a * b) ** 2",
        "(a * b) / (b * c)", "(a * b) // (b * c)", "(a * b) % (b * c)", "a * b < 0.5",
        "a * b - 0.5",
        "(a * b) // 10 % 10", "a * b if a * b > c else c", "int(float(a * b))", "not a * b",
    ]),
    ({"a": "u64", "b": "u64", "c": "i64"}, [
        "a * b", "(a * b) // c", "(a * b) % c", "a * b * c", "a * c", "(a * c) // b", "(a * c) % b",
        "a - b * c", "(a << 30) // b", "(a << 60) >> 61", "a * b == b * a", "float(a * b)",
    ]),
    ({"a": "str", "b": "str"}, [
        "a + b", "a + '-' + b", *[f"a {op} b" for op in _COMPARE], "a in b", "a not in b", "len(a)",
        "len(a + b)", "a.startswith(b)", "a.endswith(b)", "not a", "a or b", "a and b", "a * 3",
        "a if a < b else b", "min(a, b)", "a < b < 'c'", "a.find(b)", "a.replace('a', b)",
        "b.join(['x', a, 'y'])", "a in ('a', b)",
    ]),
    ({"a": "str"}, ["a[0]", "a[-1]", "a[1:]", "a[:1]", "a[-2:]", "a[1:-1]", "a.strip()", "len(a)",
                    "a * 0", "a * -1", "a == ''", "bool(a)", "str(a)", "a[0:100]", "a[5:2]"]),
    ({"a": "str | None"}, ["a is None", "a is not None", "a or 'none'", "a == 'x'", "a == None",
                           "'' if a is None else a", "a"]),
    ({"a": "i64 | None"}, ["a is None", "a == 0", "a", "0 if a is None else a + 1", "a or 3"]),
    ({"a": "bytes", "b": "bytes"}, ["len(a)", "a == b", "a != b", "bool(a)"]),
    ({"a": "list[i64]"}, [
        "len(a)", "sum(a)", "a[0]", "a[-1]", "a[1]", "3 in a", "7 not in a", "bool(a)", "max(a)",
        "min(a)", "sum([x * 2 for x in a])", "sum(x for x in a if x > 1)", "any(x > 2 for x in a)",
        "all(x > 0 for x in a)", "len([x for x in a if x % 2])", "a == [3, 1, 2]",
    ]),
    ({"a": "list[str]"}, ["len(a)", "','.join(a)", "'a' in a", "a[0]", "any(a)", "max(a)"]),
]  # fmt: skip

#: Texts in braces: how values look.
FORMATS: list[tuple[str, list[str]]] = [
    ("i64", ["{a}", "{a!s}", "<{a}>", "{{{a}}}"]),
    ("u64", ["{a}", "{a + 1}"]),
    ("bool", ["{a}", "{not a}"]),
    ("f64", ["{a}", "{a:.0f}", "{a:.1f}", "{a:.2f}", "{a:.3f}", "{a:.10f}", "{a:.17f}",
             "{-a:.2f}"]),
    ("f32", ["{a}", "{a:.3f}"]),
    ("str", ["{a}", "{a}{a}", "[{a!s}]", "{a[:1]}"]),
    ("str | None", ["{a}"]),
    ("i64 | None", ["{a}"]),
]  # fmt: skip


def reducers(parameters: dict[str, str], texts: list[str]) -> str:
    declared = ", ".join(f"{name}: {type_}" for name, type_ in parameters.items())
    return "\n\n".join(
        f"@reducer\ndef r{place}(ctx: ReducerContext, {declared}) -> None:\n"
        f"    ctx.log.info({text})"
        for place, text in enumerate(texts)
    )


HELPERS = """
@table()
class Nothing:
    id: u8 = column(primary_key=True)


def divided(a: i64, b: i64) -> int:
    return a // b

"""


def grid(source: str, parameters: dict[str, str], count: int) -> None:
    """Call all reducers with all combinations; log and outcome are compared."""
    module = module_of(HELPERS + source)
    caller = Caller(module)
    combinations = list(itertools.product(*[VALUES[type_] for type_ in parameters.values()]))
    calls: list[Call] = [
        caller(f"r{place}", *args) for place in range(count) for args in combinations
    ]
    agree(module, calls, rows_every=0, alone=True)


@pytest.mark.parametrize(
    ("parameters", "expressions"),
    TABLE,
    ids=[f"{'-'.join(parameters.values())}-{place}" for place, (parameters, _) in enumerate(TABLE)],
)
def test_expressions(parameters: dict[str, str], expressions: list[str]) -> None:
    texts = [f'f"{{{text}}}"' for text in expressions]
    grid(reducers(parameters, texts), parameters, len(texts))


@pytest.mark.parametrize(("type_", "formats"), FORMATS, ids=[type_ for type_, _ in FORMATS])
def test_formats(type_: str, formats: list[str]) -> None:
    texts = [f'f"{text}"' for text in formats]
    grid(reducers({"a": type_}, texts), {"a": type_}, len(texts))
