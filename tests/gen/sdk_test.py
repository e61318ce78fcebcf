"""SpacetimeDB's own test module for client SDKs, in two forms.

``definition`` has its schema: every type, table and kind of key, written from the public list of
its types. ``source`` is a Python module with the same tables and reducers, to be run; there the
variants of a sum carry products, since Python modules declare them as classes.

Source of the list: `modules/sdk-test/src/lib.rs` of SpacetimeDB.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.wire import schema as s
from harness.wire import types as t

INTEGERS = ["u8", "u16", "u32", "u64", "u128", "u256", "i8", "i16", "i32", "i64", "i128", "i256"]
SCALARS: dict[str, t.Type] = {
    **{name: t.Scalar(t.Kind[name.upper()]) for name in INTEGERS},
    "bool": t.BOOL, "f32": t.F32, "f64": t.F64, "string": t.STRING,
    "identity": t.IDENTITY, "connection_id": t.CONNECTION_ID, "timestamp": t.TIMESTAMP,
}  # fmt: skip
EVERY = [*SCALARS, "time_duration"]
ALL = {**SCALARS, "time_duration": t.TIME_DURATION}
KEYS = [*INTEGERS, "bool", "string", "identity", "connection_id"]
#: What a column of each type is called.
COLUMN = {
    **dict.fromkeys(INTEGERS, "n"), "bool": "b", "f32": "f", "f64": "f", "string": "s",
    "identity": "i", "connection_id": "a", "timestamp": "t", "simple_enum": "e",
    "enum_with_payload": "e", "unit_struct": "s", "byte_struct": "s",
    "every_primitive_struct": "s", "every_vec_struct": "s",
}  # fmt: skip
STRUCTS = ["unit_struct", "byte_struct", "every_primitive_struct", "every_vec_struct"]
HELD = [*SCALARS, "simple_enum", "enum_with_payload", *STRUCTS]
OPTIONS = ["i32", "string", "identity", "simple_enum", "every_primitive_struct"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def pascal(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


class _Schema:
    def __init__(self) -> None:
        self.types: list[t.Type] = []
        self.names: list[s.TypeDef] = []
        self.tables: list[s.TableDef] = []
        self.reducers: list[s.ReducerDef] = []
        self.known = dict(ALL)

    def add(self, name: str, type_: t.Type) -> t.Ref:
        self.names.append(s.TypeDef((), pascal(name), len(self.types)))
        self.types.append(type_)
        ref = t.Ref(len(self.types) - 1)
        self.known[name] = ref
        return ref

    def table(
        self, name: str, columns: dict[str, t.Type], key: str = "", *, public: bool = True
    ) -> None:
        row = self.add(name, t.product(**columns))
        first = next(iter(columns))
        indexes: tuple[s.IndexDef, ...] = ()
        uniques: tuple[s.UniqueDef, ...] = ()
        if key:
            btree = s.IndexAlgorithm.BTREE
            indexes = (s.IndexDef(f"{name}_{first}_idx_btree", first, btree, (0,)),)
            uniques = (s.UniqueDef(f"{name}_{first}_key", (0,)),)
        primary = 0 if key == "pk" else None
        self.tables.append(
            s.TableDef(name, name, row.index, primary, indexes, uniques, public=public)
        )

    def reducer(self, name: str, params: dict[str, t.Type]) -> None:
        self.reducers.append(s.ReducerDef(name, name, t.product(**params)))

    def stored(self, name: str, columns: dict[str, t.Type], key: str = "") -> None:
        self.table(name, columns, key)
        self.reducer(f"insert_{name}", columns)
        if key:
            first = next(iter(columns))
            self.reducer(f"update_{name}", columns)
            self.reducer(f"delete_{name}", {first: columns[first]})


def definition() -> s.ModuleDef:
    """The schema of the module."""
    made = _Schema()
    known = made.known
    simple = made.add("simple_enum", t.sum_of(Zero=t.UNIT, One=t.UNIT, Two=t.UNIT))
    payloads = {pascal(name): type_ for name, type_ in SCALARS.items() if name != "string"}
    payloads = {name.replace("Bool", "Bool"): type_ for name, type_ in payloads.items()}
    payload = made.add(
        "enum_with_payload",
        t.sum_of(
            **payloads, Str=t.STRING, Bytes=t.BYTES, Ints=t.Array(t.I32),
            Strings=t.Array(t.STRING), SimpleEnums=t.Array(simple),
        ),
    )  # fmt: skip
    made.add("unit_struct", t.UNIT)
    made.add("byte_struct", t.product(b=t.U8))
    made.add("every_primitive_struct", t.product(**dict(zip(LETTERS, ALL.values(), strict=False))))
    vectors = [t.Array(type_) for type_ in ALL.values()]
    made.add("every_vec_struct", t.product(**dict(zip(LETTERS, vectors, strict=False))))
    for name in HELD:
        made.stored(f"one_{name}", {COLUMN[name]: known[name]})
    for name in HELD:
        made.stored(f"vec_{name}", {COLUMN[name]: t.Array(known[name])})
    for name in OPTIONS:
        made.stored(f"option_{name}", {COLUMN[name]: t.option(known[name])})
    made.stored("option_vec_option_i32", {"v": t.option(t.Array(t.option(t.I32)))})
    for key in ("unique", "pk"):
        for name in KEYS:
            made.stored(f"{key}_{name}", {COLUMN[name]: known[name], "data": t.I32}, key)
    large = [*list(ALL.values())[:16], simple, payload, *(known[name] for name in STRUCTS)]
    made.stored("large_table", dict(zip(LETTERS, large, strict=False)))
    made.stored("table_holds_table", {"a": known["one_u8"], "b": known["vec_u8"]})
    made.reducer("no_op_succeeds", {})
    made.reducer("insert_primitives_as_strings", {"s": known["every_primitive_struct"]})
    made.table("indexed_table", {"player_id": t.U32}, public=False)
    made.table("indexed_table_2", {"player_id": t.U32, "player_snazz": t.F32}, public=False)
    columns = {"scheduled_id": t.U64, "scheduled_at": t.SCHEDULE_AT, "text": t.STRING}
    made.table("scheduled_table", columns, "pk")
    made.reducer("send_scheduled_message", {"arg": known["scheduled_table"]})
    return s.ModuleDef(
        t.Typespace(tuple(made.types)), _scheduled(made.tables), tuple(made.reducers),
        tuple(made.names), row_level_security=("SELECT * FROM one_u8",),
    )  # fmt: skip


def _scheduled(tables: list[s.TableDef]) -> tuple[s.TableDef, ...]:
    from dataclasses import replace

    btree, hashed, direct = s.IndexAlgorithm.BTREE, s.IndexAlgorithm.HASH, s.IndexAlgorithm.DIRECT
    extra = {
        "scheduled_table": {
            "schedule": s.ScheduleDef(
                "scheduled_table_sched", "scheduled_table", 1, "send_scheduled_message"
            ),
            "sequences": (s.SequenceDef("scheduled_table_scheduled_id_seq", 0),),
        },
        "indexed_table": {
            "indexes": (
                s.IndexDef("indexed_table_player_id_idx_btree", "player_id", btree, (0,)),
            )
        },
        "indexed_table_2": {
            "indexes": (
                s.IndexDef("indexed_table_2_player_id_player_snazz_idx_btree",
                           "player_id_snazz_index", btree, (0, 1)),
            )
        },
        # Not in the module: the other kinds of index, on tables of which nothing else is asked.
        "one_u16": {"indexes": (s.IndexDef("one_u16_n_idx_hash", "by_n", hashed, (0,)),)},
        "one_u32": {"indexes": (s.IndexDef("one_u32_n_idx_direct", "by_n", direct, (0,)),)},
    }  # fmt: skip
    return tuple(replace(x, **extra.get(x.name, {})) for x in tables)


# --- as a Python module --------------------------------------------------------------------------

_PYTHON = {
    "f64": "float", "string": "str", "identity": "Identity", "connection_id": "ConnectionId",
    "timestamp": "Timestamp", "time_duration": "TimeDuration", "simple_enum": "SimpleEnum",
    "enum_with_payload": "EnumWithPayload", "unit_struct": "UnitStruct",
    "byte_struct": "ByteStruct", "every_primitive_struct": "EveryPrimitiveStruct",
    "every_vec_struct": "EveryVecStruct",
}  # fmt: skip


def python(name: str) -> str:
    """A type as a Python module writes it."""
    return _PYTHON.get(name, name)


def _vec(name: str) -> str:
    return "bytes" if name == "u8" else f"list[{python(name)}]"


def source(*, compiled: bool = False) -> str:
    """The module in Python; ``compiled`` leaves out what has no compiled form: integers of more
    than 64 bits, and sums with contents.
    """

    def kept(names: Iterable[str]) -> list[str]:
        left_out = ("128", "256", "payload") if compiled else ()
        return [name for name in names if not name.endswith(left_out or "?")]

    every = kept(EVERY)
    parts = [
        _HEAD.format(
            every="".join(f"    {x}: {python(n)}\n" for x, n in zip(LETTERS, every, strict=False)),
            vectors="".join(f"    {x}: {_vec(n)}\n" for x, n in zip(LETTERS, every, strict=False)),
        )
    ]
    if not compiled:
        parts += _payloads()
    parts += [_stored(f"one_{name}", {COLUMN[name]: python(name)}) for name in kept(HELD)]
    parts += [_stored(f"vec_{name}", {COLUMN[name]: _vec(name)}) for name in kept(HELD)]
    parts += [_stored(f"option_{x}", {COLUMN[x]: f"{python(x)} | None"}) for x in OPTIONS]
    parts.append(_stored("option_vec_option_i32", {"v": "list[i32 | None] | None"}))
    for key in ("unique", "pk"):
        for name in kept(KEYS):
            columns = {COLUMN[name]: python(name), "data": "i32"}
            parts.append(_stored(f"{key}_{name}", columns, key))
    large = kept([*EVERY[:16], "simple_enum", "enum_with_payload", *STRUCTS])
    columns = {x: python(name) for x, name in zip(LETTERS, large, strict=False)}
    parts.append(_stored("large_table", columns))
    parts.append(_stored("table_holds_table", {"a": "OneU8", "b": "VecU8"}))
    return "\n\n".join(parts)


def _payloads() -> list[str]:
    """The sum with contents, and a class for each variant."""
    types = {"bytes": "bytes", "ints": "list[i32]", "strings": "list[str]",
             "simple_enums": "list[SimpleEnum]"}  # fmt: skip
    names = [*SCALARS, *types]
    parts = [
        f"@product\nclass With{pascal(name)}:\n    value: {types.get(name) or python(name)}\n"
        for name in names
    ]
    classes = ", ".join(f"With{pascal(name)}" for name in names)
    return [*parts, f'EnumWithPayload = sum_type("EnumWithPayload", {classes})\n']


def _stored(name: str, columns: dict[str, str], key: str = "") -> str:
    """A table and the reducers that fill it, and change it where it has a key."""
    class_, first = pascal(name), next(iter(columns))
    marks = {"pk": " = column(primary_key=True)", "unique": " = column(unique=True)", "": ""}
    fields = "".join(
        f"    {x}: {kind}{marks[key] if x == first else ''}\n" for x, kind in columns.items()
    )
    params = "".join(f", {x}: {kind}" for x, kind in columns.items())
    values = ", ".join(f"{x}={x}" for x in columns)
    text = (
        f"@table(public=True)\nclass {class_}:\n{fields}\n\n"
        f"@reducer\ndef insert_{name}(ctx: ReducerContext{params}) -> None:\n"
        f"    ctx.db[{class_}].insert({class_}({values}))\n"
    )
    if key == "pk":
        text += (
            f"\n\n@reducer\ndef update_{name}(ctx: ReducerContext{params}) -> None:\n"
            f"    ctx.db.{name}.{first}.update({class_}({values}))\n"
        )
    if key:
        text += (
            f"\n\n@reducer\ndef delete_{name}(ctx: ReducerContext, {first}: {columns[first]})"
            f" -> None:\n    ctx.db.{name}.{first}.delete({first})\n"
        )
    return text


_HEAD = '''"""Every type, table and kind of key."""

from __future__ import annotations

from enum import Enum

from harness.module import (
    ConnectionId, Identity, ReducerContext, TimeDuration, Timestamp, column, f32, i8, i16, i32,
    i64, i128, i256, product, reducer, sum_type, table, u8, u16, u32, u64, u128, u256,
)


class SimpleEnum(Enum):
    Zero = 0
    One = 1
    Two = 2


@product
class UnitStruct:
    pass


@product
class ByteStruct:
    b: u8


@product
class EveryPrimitiveStruct:
{every}

@product
class EveryVecStruct:
{vectors}
'''
