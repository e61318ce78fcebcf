"""One module → one WebAssembly file: texts, tables, functions, and what the host calls."""

from __future__ import annotations

import ast
import inspect
import struct
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any

from harness.errors import SchemaError
from harness.module.compiler import helpers
from harness.module.compiler import kinds as k
from harness.module.compiler.calls import hints_of
from harness.module.compiler.codecs import Codecs
from harness.module.compiler.comparing import Comparing
from harness.module.compiler.frame import CRASHED, LINES, REFUSED, Frame, boxed
from harness.module.compiler.hosts import Hosts
from harness.module.compiler.shapes import FIRST_ID, LIST_ID, SCHEDULE_ID, Shapes
from harness.module.compiler.source import Refusal, Source, read, refuse
from harness.module.compiler.statements import Compiler
from harness.module.compiler.values import UNKNOWN, Checked, ColumnRef, IndexRef
from harness.module.context import ReducerContext
from harness.module.registry import Module
from harness.module.wasm.assembler import Assembler, Function
from harness.module.wasm.library import MAY_FAIL, library
from harness.wire import schema_bsatn
from harness.wire import types as t
from harness.wire.schema import IndexAlgorithm, ModuleDef, ReducerDef, TableDef

#: What the caller of a crashed reducer is told, natively too; the rest is in the log.
CRASH = "The instance encountered a fatal error."
#: Where static data begins: address 0 is no address, and low ones stay unused.
_STATICS = 16
#: Bytes of the library's random generator.
_RANDOM = 2_512
#: The heap may grow by so much before garbage is collected.
_FIRST_COLLECTION = 1 << 20
_PANIC = 101
_GLOBALS = {
    "heap_base": "i32", "heap_top": "i32", "sp": "i32", "stack_base": "i32", "gc_at": "i32",
    "descriptors": "i32", "scratch": "i32", "err": "i32", "err_text": "i32", "err_at": "i32",
    "rd": "i32", "rng": "i32", "now": "i64", "connection": "i32", "seeded": "i32", "taken": "i32",
    "rows_more": "i32", "rows_end": "i32", "prefix_size": "i32", "prefix_count": "i32",
    "start_at": "i32", "start_size": "i32", "end_at": "i32", "end_size": "i32",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Artefact:
    """A compiled module: the file's bytes, and the definition that it hands to its host."""

    wasm: bytes
    definition: ModuleDef


@dataclass(frozen=True, slots=True)
class Signature:
    """How one of the module's functions is called; a parameter None is the context."""

    name: str
    parameters: dict[str, k.Kind | None]
    result: k.Kind


def build(module: Module) -> Artefact:
    """Compile a module.

    The same source gives the same bytes. Raises ``SchemaError`` with a line ``file:line: message``
    for each thing that is outside the subset, and as ``Module.definition`` does.
    """
    return Unit(module).build()


class Unit:
    """Everything that is shared while one module is compiled."""

    def __init__(self, module: Module) -> None:
        self.compiled = module.compiled
        self.definition = module.compiled.definition
        self.module = module
        self.assembler = Assembler()
        self.may_fail = MAY_FAIL | helpers.MAY_FAIL
        self.shapes = Shapes(module)
        self.codecs = Codecs(self)
        self.hosts = Hosts(self)
        self.comparing = Comparing(self)
        self.accessors = {table.accessor: table for table in self.definition.tables}
        self.uses_random = False
        self._statics = bytearray()
        self._texts: dict[bytes, int] = {}
        self._files: dict[str, int] = {}
        self._signatures: dict[Any, Signature] = {}
        self._waiting: list[tuple[FunctionType, Signature]] = []
        self._calls: dict[str, set[str]] = {}
        self._now = ""
        self._stack = 0
        self.problems: list[str] = []
        #: Tables of which a problem is told: what depends on one of theirs is none.
        self.broken: set[str] = set()
        self._told: set[str] = set()
        self.sender = self.blob(bytes(32), fresh=True)
        self._connection = self.blob(bytes(16), fresh=True)

    # --- static data -----------------------------------------------------------------------------

    def _static(self, data: bytes) -> int:
        address = _STATICS + len(self._statics)
        self._statics += data + bytes(-len(data) % 8)
        return address

    def blob(self, data: bytes, *, fresh: bool = False) -> int:
        """The address of an object with these bytes; equal ones are one unless it is ``fresh``."""
        found = None if fresh else self._texts.get(data)
        if found is None:
            found = self._static(struct.pack("<II", 1, len(data)) + data)
            if not fresh:
                self._texts[data] = found
        return found

    def text(self, text: str) -> int:
        """The address of a text."""
        return self.blob(text.encode())

    def table_of(self, numbers: list[int]) -> int:
        """The address of 32-bit numbers, one after the other."""
        return self._static(struct.pack(f"<{len(numbers)}I", *numbers))

    def file(self, name: str) -> int:
        """The number of a source file, from 1 on."""
        return self._files.setdefault(name, len(self._files) + 1)

    # --- problems --------------------------------------------------------------------------------

    def problem(self, file: str, line: int, message: str) -> None:
        """Note that something does not compile; a fault of a class where it is met first."""
        if message in self.shapes.faults:
            if message in self._told:
                return
            self._told.add(message)
        self.problems.append(f"{file}:{line}: {message}")

    def _declared_wrong(self, function: Any, error: object) -> None:
        code = function.__code__
        self.problem(code.co_filename, code.co_firstlineno, str(error))

    # --- the module ------------------------------------------------------------------------------

    def row_class(self, table: TableDef) -> Any:
        return self.compiled.rows[table.name]

    def row_type(self, table: TableDef) -> t.Type:
        """The type of a table's rows, within ``shapes``."""
        return self.shapes.builder.product(self.row_class(table))

    def column_name(self, table: TableDef, column: int) -> str:
        return self.definition.row_type(table).elements[column].name or ""

    def tables_of(self, class_: Any) -> list[TableDef]:
        """The tables with rows of a class."""
        return [x for x in self.definition.tables if self.compiled.rows[x.name] is class_]

    def accessible(self, table: TableDef) -> dict[str, Checked]:
        """Unique columns and indexes by the attributes that lead to them."""
        found: dict[str, Checked] = {
            index.accessor: IndexRef(table, index)
            for index in table.indexes
            if index.accessor is not None
        }
        names = [field.name for field in self.shapes.shape(self.row_class(table)).fields]
        for column in table.unique_columns():
            found[names[column]] = ColumnRef(table, column)
        return found

    def outer(self, function: Any, name: str) -> Any:
        """What a name means outside of a function; ``UNKNOWN`` if nothing."""
        captured = inspect.getclosurevars(function) if function.__closure__ else None
        if captured is not None and name in captured.nonlocals:
            return captured.nonlocals[name]
        if name in function.__globals__:
            return function.__globals__[name]
        builtins = function.__globals__["__builtins__"]
        known = builtins if isinstance(builtins, dict) else vars(builtins)
        return known.get(name, UNKNOWN)

    def field_type(self, class_: Any, name: str) -> t.Type | None:
        """The type of a field, for errors; None for classes that are not the module's."""
        try:
            field = self.shapes.shape(class_).field(name)
        except (SchemaError, AttributeError, TypeError):
            return None
        return None if field is None else field.type

    def annotation(self, function: Any, node: ast.expr) -> tuple[t.Type, k.Kind]:
        """The type and kind of a variable's annotation."""
        text = ast.unparse(node)
        try:
            found = eval(text, function.__globals__)  # noqa: S307  (the module's own source, which has been run)
            return self.shapes.annotated(found, text)
        except SchemaError as error:
            refuse(node, str(error))
        except Exception as error:  # annotations are code, and can fail in any way
            refuse(node, f"the annotation {text!r} fails: {error}")

    # --- functions -------------------------------------------------------------------------------

    def signature(self, function: FunctionType) -> Signature:
        """How a function is called; it is compiled later."""
        found = self._signatures.get(function)
        if found is None:
            found = self._declare(function)
        self._calls.setdefault(self._now, set()).add(found.name)
        return found

    def _declare(self, function: FunctionType) -> Signature:
        """The signature; what is wrong with it is told at the function's own line."""
        parameters: dict[str, k.Kind | None] = {}
        name = function.__name__
        owner = self._owner(function)
        try:
            hints = hints_of(function)
        except SchemaError as error:
            self._declared_wrong(function, error)
            hints = dict.fromkeys((*inspect.signature(function).parameters, "return"), UNKNOWN)
        for parameter in inspect.signature(function).parameters.values():
            try:
                kind = self._parameter(parameter, name, hints, None if parameters else owner)
            except SchemaError as error:
                self._declared_wrong(function, error)
                kind = k.UNTOLD
            parameters[parameter.name] = kind
        made = Signature(
            f"{function.__qualname__} {len(self._signatures)}",
            parameters,
            self._result(function, hints),
        )
        self._signatures[function] = made
        self._waiting.append((function, made))
        return made

    def _parameter(
        self, parameter: inspect.Parameter, function: str, hints: dict[str, Any], owner: Any
    ) -> k.Kind | None:
        """Its kind; None is the context. ``owner`` is the class if it may be ``self``."""
        label = f"{function}({parameter.name})"
        annotation = hints.get(parameter.name)
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise SchemaError(f"{label}: * and ** parameters are not compiled; name each")
        if annotation is ReducerContext:
            return None
        if annotation is None and owner is not None:
            return k.Struct(owner)
        if annotation is None:
            raise SchemaError(f"{label} has no type; annotate it")
        return self._plain(annotation, label)

    def _result(self, function: FunctionType, hints: dict[str, Any]) -> k.Kind:
        name = function.__name__
        try:
            if "return" not in hints:
                raise SchemaError(f"{name} does not say what it returns; annotate it with -> …")
            if hints["return"] in (None, type(None)):
                return k.NOTHING
            return self._plain(hints["return"], f"{name}()")
        except SchemaError as error:
            self._declared_wrong(function, error)
            return k.UNTOLD

    def _plain(self, annotation: Any, label: str) -> k.Kind:
        """The kind of a function's own value: an ``int`` that goes into no column may be any."""
        if annotation is UNKNOWN:
            return k.UNTOLD
        return k.Int(*k.W128) if annotation is int else self.shapes.annotated(annotation, label)[1]

    def _owner(self, function: FunctionType) -> Any:
        """The class that a function is a method of."""
        for shape in self.shapes.all():
            if vars(shape.class_).get(function.__name__) is function:
                return shape.class_
        return None

    def _compile_waiting(self) -> None:
        while self._waiting:
            function, signature = self._waiting.pop(0)
            try:
                source = read(function)
            except SchemaError as error:
                self.problems.append(str(error))
                continue
            self._function(source, signature)

    def _function(self, source: Source, signature: Signature) -> None:
        params = tuple(name for kind in signature.parameters.values() if kind for name in kind.wasm)
        f = self.assembler.function(signature.name, params, signature.result.wasm)
        frame = Frame(self, f, source.file)
        self._now = signature.name
        compiler = Compiler(self, source, frame)
        contexts = [name for name, kind in signature.parameters.items() if kind is None]
        compiler.give_context(contexts)
        label = f"what {source.name} returns"
        try:
            self._stack += compiler.compile(signature.parameters, signature.result, label)
        except Refusal as refusal:
            self.problem(source.file, refusal.line, refusal.message)
        except SchemaError as error:
            self.problem(source.file, source.tree.lineno, str(error))

    def _recursion(self) -> None:
        """A function that calls itself would need a stack without bounds."""
        for function, signature in self._signatures.items():
            seen, waiting = set(), list(self._calls.get(signature.name, ()))
            while waiting:
                name = waiting.pop()
                if name == signature.name:
                    code = function.__code__
                    self.problems.append(
                        f"{code.co_filename}:{code.co_firstlineno}: {function.__name__} calls "
                        "itself; write a loop"
                    )
                    break
                if name not in seen:
                    seen.add(name)
                    waiting.extend(self._calls.get(name, ()))

    # --- values, for all parts -------------------------------------------------------------------

    def narrow(self, f: Function, kind: k.Int, type_: t.Type | None, label: str) -> None:
        """The two words on the stack as one that the kind holds; ``err`` is set if it does not."""
        name = type_.name.lower() if isinstance(type_, t.Scalar) else "int"
        text = self.text(f"EncodeError: {label}: expected {name}, got ")
        if kind.form == "s":
            f.i64(kind.lo)
            f.i64(kind.hi)
            f.i32(text)
            f.call("narrow_s")
        elif kind.form == "u":
            f.i32(text)
            f.call("narrow_u")

    def box(self, f: Function, kind: k.Kind) -> None:
        """A present option of the value on the stack."""
        boxed(f, kind)

    def equal(self, f: Function, kind: k.Kind) -> None:
        self.comparing.equal(f, kind)

    def contains(self, f: Function, element: k.Kind) -> None:
        self.comparing.contains(f, element)

    def text_of(self, f: Function, kind: k.Kind) -> None:
        self.comparing.text(f, kind)

    def append(self, f: Function, element: k.Kind) -> None:
        self.comparing.append(f, element)

    # --- the whole -------------------------------------------------------------------------------

    def build(self) -> Artefact:
        self._check_tables()
        self._check_functions()
        for name, type_ in _GLOBALS.items():
            self.assembler.global_(name, type_)
        helpers.declare(self.assembler)
        helpers.define(self)
        self._log()
        self._reducers()
        self._compile_waiting()
        self._recursion()
        if self.problems:
            raise SchemaError("\n".join(sorted(dict.fromkeys(self.problems), key=_order)))
        definition = self._definition()
        self._describe(definition)
        for function in library().values():
            self.assembler.add(function)
        return Artefact(self._finished(), definition)

    def _check_tables(self) -> None:
        """What native modules have and WebAssembly modules of both server generations do not."""
        places = {table.name: table.where for table in self.module.tables}
        for table in self.definition.tables:
            where = places[table.name]
            if table.event:
                self.problems.append(
                    f"{where}: table {table.name!r}: event tables are not compiled"
                )
            for index in table.indexes:
                if index.algorithm is IndexAlgorithm.HASH:
                    self.problems.append(
                        f"{where}: table {table.name!r}: servers of 1.x have no hash index; "
                        f"make {index.accessor!r} a btree"
                    )
            try:
                self.shapes.shape(self.row_class(table))
            except SchemaError as error:
                file, _, line = where.rpartition(":")
                self.problem(file, int(line), str(error))
                self.broken.add(table.name)

    def _check_functions(self) -> None:
        """Servers of 1.x, whose interface is compiled for, have reducers only."""
        for kind, declared in (("view", self.module.views), ("procedure", self.module.procedures)):
            for one in declared:
                self.problems.append(
                    f"{one.where}: @{kind} {one.name!r} is not compiled: servers of 1.x have no "
                    f"{kind}s; put it in a file beside the compiled one, which harness start and "
                    "harness publish to its server run natively"
                )

    def _definition(self) -> ModuleDef:
        """The definition without defaults of columns, which servers of 1.x do not know."""
        tables = tuple(replace(table, defaults=()) for table in self.definition.tables)
        return replace(self.definition, tables=tables)

    def _describe(self, definition: ModuleDef) -> None:
        data = schema_bsatn.to_bsatn(definition)
        address = self._static(data)
        f = self.assembler.function("__describe_module__", ("i32",))
        f.global_get("scratch")
        f.i32(len(data))
        f.memory("i32.store")
        f.get(0)
        f.i32(address)
        f.global_get("scratch")
        f.call("bytes_sink_write")
        f.op("drop")
        self.assembler.export("__describe_module__")

    def _log(self) -> None:
        """``(text, level, place)``: a record with the file and line of a place."""
        f = self.assembler.function("log", ("i32", "i32", "i32"))
        file = f.local("i32")
        f.get(2)
        f.i32(LINES)
        f.op("i32.div_u")
        f.call("file_name")
        f.set(file)
        f.get(1)
        f.i32(0)
        f.i32(0)
        f.get(file)
        f.i32(8)
        f.op("i32.add")
        f.get(file)
        f.memory("i32.load", 4)
        f.get(2)
        f.i32(LINES)
        f.op("i32.rem_u")
        f.get(0)
        f.i32(8)
        f.op("i32.add")
        f.get(0)
        f.memory("i32.load", 4)
        f.call("console_log")

    def _file_names(self) -> None:
        """``(number) -> text``."""
        names = [self.text(""), *map(self.text, map(_short, self._files))]
        table = self.table_of(names)
        f = self.assembler.function("file_name", ("i32",), ("i32",))
        f.get(0)
        f.i32(4)
        f.op("i32.mul")
        f.memory("i32.load", table)

    def _crash_texts(self) -> None:
        """``(code) -> text``."""
        texts = [self.text(helpers.CODES.get(code, "")) for code in range(max(helpers.CODES) + 1)]
        table = self.table_of(texts)
        f = self.assembler.function("crash_text", ("i32",), ("i32",))
        f.get(0)
        f.i32(CRASHED)
        f.op("i32.eq")
        with f.if_("i32"):
            f.global_get("err_text")
            f.else_()
            f.get(0)
            f.i32(4)
            f.op("i32.mul")
            f.memory("i32.load", table)

    def _reducers(self) -> None:
        """``__call_reducer__``: set up, read the arguments, run, say what came of it."""
        wrappers = [self._wrapper(reducer) for reducer in self.definition.reducers]
        words = ("i32", "i64", "i64", "i64", "i64", "i64", "i64", "i64", "i32", "i32")
        f = self.assembler.function("__call_reducer__", words, ("i32",))
        self.assembler.export("__call_reducer__")
        for name, source in (("heap_top", "heap_base"), ("sp", "stack_base")):
            f.global_get(source)
            f.global_set(name)
        f.global_get("heap_base")
        f.i32(_FIRST_COLLECTION)
        f.op("i32.add")
        f.global_set("gc_at")
        for name in ("err", "err_text", "err_at", "seeded", "taken"):
            f.i32(0)
            f.global_set(name)
        for place in range(4):
            f.i32(self.sender)
            f.get(1 + place)
            f.memory("i64.store", 8 + 8 * place)
        for place in range(2):
            f.i32(self._connection)
            f.get(5 + place)
            f.memory("i64.store", 8 + 8 * place)
        f.i32(self._connection)
        f.i32(0)
        f.get(5)
        f.get(6)
        f.op("i64.or")
        f.i64(0)
        f.op("i64.ne", "select")
        f.global_set("connection")
        f.get(7)
        f.global_set("now")
        f.get(8)
        f.call("read_arguments")
        with f.block() as done:
            self._dispatch(f, wrappers, done)
        self._outcome(f)

    def _dispatch(self, f: Function, wrappers: list[str], done: Any) -> None:
        """Call the reducer of a number."""

        def nested(place: int, labels: list[Any]) -> None:
            if place < 0:
                f.get(0)
                f.br_table(labels[::-1], done)
                return
            with f.block() as label:
                nested(place - 1, [*labels, label])
            f.call(wrappers[place])
            f.br(done)

        nested(len(wrappers) - 1, [])

    def _outcome(self, f: Function) -> None:
        f.global_get("err")
        f.op("i32.eqz")
        with f.if_():
            f.i32(0)
            f.op("return")
        f.global_get("err")
        f.i32(REFUSED)
        f.op("i32.ne")
        with f.if_():
            f.global_get("err")
            f.call("crash_text")
            f.i32(_PANIC)
            f.global_get("err_at")
            f.call("log")
            f.i32(self.text(CRASH))
            f.global_set("err_text")
        f.global_get("scratch")
        f.global_get("err_text")
        f.memory("i32.load", 4)
        f.memory("i32.store")
        f.get(9)
        f.global_get("err_text")
        f.i32(8)
        f.op("i32.add")
        f.global_get("scratch")
        f.call("bytes_sink_write")
        f.op("drop")
        f.i32(1)

    def _wrapper(self, reducer: ReducerDef) -> str:
        """A function that reads the arguments and calls the reducer."""
        function = self.compiled.functions[reducer.name]
        name = f"reducer {reducer.name}"
        f = self.assembler.function(name)
        parameters = list(inspect.signature(function).parameters)
        hints = hints_of(function)
        kinds: dict[str, k.Kind | None] = {parameters[0]: None}
        for parameter in parameters[1:]:
            label = f"{reducer.name}({parameter})"
            try:
                type_, kinds[parameter] = self.shapes.annotated(hints[parameter], label)
                f.call(self.codecs.reader(type_))
            except SchemaError as error:
                self._declared_wrong(function, error)
                kinds[parameter] = k.UNTOLD
        signature = Signature(f"{reducer.name} itself", kinds, k.NOTHING)
        f.call(signature.name)
        self._waiting.append((function, signature))  # type: ignore[arg-type]  # reducers are functions
        # It may call helpers, and helpers it.
        self._signatures[function] = signature
        return name

    def _finished(self) -> bytes:
        """Lay out memory and write the file."""
        self._file_names()
        self._crash_texts()
        descriptors = self._descriptors()
        top = -(-(_STATICS + len(self._statics)) // 16) * 16
        places = {"scratch": top}
        places["rng"] = places["scratch"] + helpers.SCRATCH
        places["stack_base"] = places["sp"] = places["rng"] + _RANDOM
        places["heap_base"] = places["stack_base"] + -(-(self._stack + 64) // 16) * 16
        places["heap_top"] = places["heap_base"]
        places["gc_at"] = places["heap_base"] + _FIRST_COLLECTION
        places["descriptors"] = descriptors
        for name, value in places.items():
            self.assembler.global_(name, "i32", value)
        self.assembler.data(_STATICS, bytes(self._statics))
        return self.assembler.build(places["heap_base"] + (1 << 16))

    def _descriptors(self) -> int:
        """The garbage collector's table: of each kind of object its size and references."""
        shapes = {shape.id: (shape.size, shape.references()) for shape in self.shapes.all()}
        shapes[LIST_ID] = (16, [8])
        shapes[SCHEDULE_ID] = (16, [])
        found = [0, 0, 0]
        for number in range(LIST_ID, FIRST_ID + len(self.shapes.all())):
            size, references = shapes[number]
            found.append(self.table_of([size, len(references), *references]))
        return self.table_of(found)


def _order(problem: str) -> tuple[str, int, str]:
    """By file and line."""
    file, _, rest = problem.partition(":")
    line = rest.partition(":")[0]
    return file, int(line) if line.isdigit() else 0, rest


def _short(file: str) -> str:
    """A file without its folders, which say nothing elsewhere."""
    return file.replace("\\", "/").rpartition("/")[2]
