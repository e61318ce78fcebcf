"""Module definitions as they are sent: V9 and V10, field by field.

These classes are declared once and give both forms, JSON and BSATN. Field order is wire order, the
order of classes and members in a sum is the order of their tags. ``harness.wire.schema`` is the
model that the rest of the code works with.

Source: `crates/lib/src/db/raw_def/{v9,v10}.rs` of SpacetimeDB 2.8.3.
"""

from __future__ import annotations

import functools
from enum import Enum
from typing import Annotated, Any, TypeAlias

import msgspec

from harness.wire import codec, satsjson
from harness.wire import types as t
from harness.wire.annotations import TypeBuilder, i128, u16, u32
from harness.wire.schema import Lifecycle

# --- the type of types ---------------------------------------------------------------------------

_builder = TypeBuilder()
# Its values are ``Tagged`` and tuples; ``schema_types`` makes types of them.
_scalars: dict[str, t.Type] = {t.Scalar(kind).name: t.UNIT for kind in t.Kind}
_named = t.product(name=t.option(t.STRING), algebraic_type=t.Ref(0))
_builder.types += [
    t.sum_of(Ref=t.U32, Sum=t.Ref(1), Product=t.Ref(2), Array=t.Ref(0), **_scalars),
    t.product(variants=t.Array(_named)),
    t.product(elements=t.Array(_named)),
]
_builder.names += ["AlgebraicType", "SumType", "ProductType"]

AlgebraicType = Annotated[Any, t.Ref(0)]
ProductType = Annotated[Any, t.Ref(2)]

# --- what both versions share --------------------------------------------------------------------


class TableType(Enum):
    SYSTEM = "System"
    USER = "User"


class TableAccess(Enum):
    PUBLIC = "Public"
    PRIVATE = "Private"


class BTree(msgspec.Struct, frozen=True):
    columns: list[u16]


class Hash(msgspec.Struct, frozen=True):
    columns: list[u16]


class Direct(msgspec.Struct, frozen=True):
    column: u16


Algorithm: TypeAlias = BTree | Hash | Direct
_builder.sum("IndexAlgorithm", [("BTree", BTree), ("Hash", Hash), ("Direct", Direct)], flat=False)


class Unique(msgspec.Struct, frozen=True):
    columns: list[u16]


ConstraintData = Annotated[Unique, _builder.sum("ConstraintData", [("Unique", Unique)])]


class Typespace(msgspec.Struct, frozen=True):
    types: list[AlgebraicType]


class RowLevelSecurity(msgspec.Struct, frozen=True):
    sql: str


# --- V9: names are canonical ---------------------------------------------------------------------


class IndexV9(msgspec.Struct, frozen=True):
    name: str | None
    accessor_name: str | None
    algorithm: Algorithm


class ConstraintV9(msgspec.Struct, frozen=True):
    name: str | None
    data: ConstraintData


class SequenceV9(msgspec.Struct, frozen=True):
    name: str | None
    column: u16
    start: i128 | None
    min_value: i128 | None
    max_value: i128 | None
    increment: i128


class ScheduleV9(msgspec.Struct, frozen=True):
    name: str | None
    reducer_name: str
    scheduled_at_column: u16


class TableV9(msgspec.Struct, frozen=True):
    name: str
    product_type_ref: u32
    primary_key: list[u16]
    indexes: list[IndexV9]
    constraints: list[ConstraintV9]
    sequences: list[SequenceV9]
    schedule: ScheduleV9 | None
    table_type: TableType
    table_access: TableAccess


class ReducerV9(msgspec.Struct, frozen=True):
    name: str
    params: ProductType
    lifecycle: Lifecycle | None


class ScopedNameV9(msgspec.Struct, frozen=True):
    scope: list[str]
    name: str


class TypeV9(msgspec.Struct, frozen=True):
    name: ScopedNameV9
    ty: u32
    custom_ordering: bool


class ColumnDefaultValue(msgspec.Struct, frozen=True):
    table: str
    col_id: u16
    value: bytes


class ProcedureV9(msgspec.Struct, frozen=True):
    name: str
    params: ProductType
    return_type: AlgebraicType


class ViewV9(msgspec.Struct, frozen=True):
    name: str
    index: u32
    is_public: bool
    is_anonymous: bool
    params: ProductType
    return_type: AlgebraicType


MiscExport: TypeAlias = ColumnDefaultValue | ProcedureV9 | ViewV9
_builder.sum(
    "MiscModuleExport",
    [("ColumnDefaultValue", ColumnDefaultValue), ("Procedure", ProcedureV9), ("View", ViewV9)],
)


class ModuleV9(msgspec.Struct, frozen=True):
    typespace: Typespace
    tables: list[TableV9]
    reducers: list[ReducerV9]
    types: list[TypeV9]
    misc_exports: list[MiscExport]
    row_level_security: list[RowLevelSecurity]


# --- V10: source names, and a section that says the canonical ones -------------------------------


class Visibility(Enum):
    PRIVATE = "Private"
    CLIENT_CALLABLE = "ClientCallable"


class Policy(Enum):
    NONE = "None"
    SNAKE_CASE = "SnakeCase"


class IndexV10(msgspec.Struct, frozen=True):
    source_name: str | None
    accessor_name: str | None
    algorithm: Algorithm


class ConstraintV10(msgspec.Struct, frozen=True):
    source_name: str | None
    data: ConstraintData


class SequenceV10(msgspec.Struct, frozen=True):
    source_name: str | None
    column: u16
    start: i128 | None
    min_value: i128 | None
    max_value: i128 | None
    increment: i128


class DefaultV10(msgspec.Struct, frozen=True):
    col_id: u16
    value: bytes


class TableV10(msgspec.Struct, frozen=True):
    source_name: str
    product_type_ref: u32
    primary_key: list[u16]
    indexes: list[IndexV10]
    constraints: list[ConstraintV10]
    sequences: list[SequenceV10]
    table_type: TableType
    table_access: TableAccess
    default_values: list[DefaultV10]
    is_event: bool


class ReducerV10(msgspec.Struct, frozen=True):
    source_name: str
    params: ProductType
    visibility: Visibility
    ok_return_type: AlgebraicType
    err_return_type: AlgebraicType


class ProcedureV10(msgspec.Struct, frozen=True):
    source_name: str
    params: ProductType
    return_type: AlgebraicType
    visibility: Visibility


class ViewV10(msgspec.Struct, frozen=True):
    source_name: str
    index: u32
    is_public: bool
    is_anonymous: bool
    params: ProductType
    return_type: AlgebraicType


class ScheduleV10(msgspec.Struct, frozen=True):
    source_name: str | None
    table_name: str
    schedule_at_col: u16
    function_name: str


class LifecycleV10(msgspec.Struct, frozen=True):
    lifecycle_spec: Lifecycle
    function_name: str


class ScopedNameV10(msgspec.Struct, frozen=True):
    scope: list[str]
    source_name: str


class TypeV10(msgspec.Struct, frozen=True):
    source_name: ScopedNameV10
    ty: u32
    custom_ordering: bool


class NameMapping(msgspec.Struct, frozen=True):
    source_name: str
    canonical_name: str


class TableName(msgspec.Struct, frozen=True):
    names: NameMapping


class FunctionName(msgspec.Struct, frozen=True):
    names: NameMapping


class IndexName(msgspec.Struct, frozen=True):
    names: NameMapping


_builder.sum(
    "ExplicitName",
    [("Table", TableName), ("Function", FunctionName), ("Index", IndexName)],
    flat=False,
)


class ExplicitNames(msgspec.Struct, frozen=True):
    entries: list[TableName | FunctionName | IndexName]


class ViewPrimaryKey(msgspec.Struct, frozen=True):
    view_source_name: str
    columns: list[str]


#: The sections that are read and written, in the order of their tags.
SECTIONS: dict[str, Any] = {
    "Typespace": Typespace,
    "Types": list[TypeV10],
    "Tables": list[TableV10],
    "Reducers": list[ReducerV10],
    "Procedures": list[ProcedureV10],
    "Views": list[ViewV10],
    "Schedules": list[ScheduleV10],
    "LifeCycleReducers": list[LifecycleV10],
    "RowLevelSecurity": list[RowLevelSecurity],
    "CaseConversionPolicy": Policy,
    "ExplicitNames": ExplicitNames,
    "ViewPrimaryKeys": list[ViewPrimaryKey],
}

#: A section of modules, which contain sections: read and written by hand.
SUBMODULES = "Submodules"

# --- codecs, made when first asked for -----------------------------------------------------------


@functools.cache
def bsatn(annotation: Any) -> codec.Codec:
    """The binary codec of a class above, or of a list of one."""
    return _builder.codec(_builder.type_of(annotation))


@functools.cache
def json(annotation: Any) -> satsjson.JsonCodec:
    """The JSON codec of a class above, or of a list of one."""
    type_ = _builder.type_of(annotation)
    return satsjson.compile_json(type_, _builder.typespace, _builder.bindings)
