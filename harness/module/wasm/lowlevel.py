"""Translates functions written in a low-level language with Python's syntax to WebAssembly.

Each expression is the instruction it looks like: numbers are ``i32``, ``i64`` or ``f64`` and wrap
around, nothing is converted unless the source says so, and literals take the type of their partner
(``i32`` if there is none). A variable has the type of its first assignment; ``_`` drops a value.
The words are in ``intrinsics``; capital names are constants; everything else is refused.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

from harness.module.wasm.assembler import Function, Label

_TYPES = ("i32", "i64", "f64")
GLOBALS = frozenset({
    "heap_base", "heap_top", "sp", "stack_base", "gc_at", "descriptors", "scratch",
    "err", "err_text", "rd", "rng",
})  # fmt: skip

_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.BitAnd: "and", ast.BitOr: "or",
    ast.BitXor: "xor", ast.LShift: "shl", ast.RShift: "shr_s",
}  # fmt: skip
_FLOAT_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div",
}  # fmt: skip
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge",
}  # fmt: skip
_OPPOSITE = {"eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt"}

#: Words for integers of both sizes: the instruction, and whether the result is a truth value.
_PAIRS = {
    "ltu": ("lt_u", True), "leu": ("le_u", True), "gtu": ("gt_u", True), "geu": ("ge_u", True),
    "divs": ("div_s", False), "divu": ("div_u", False), "rems": ("rem_s", False),
    "remu": ("rem_u", False), "shru": ("shr_u", False), "rotl": ("rotl", False),
}  # fmt: skip
_SINGLES = {"clz", "ctz"}
_LOADS = {
    "load8": "i32.load8_u", "load16": "i32.load16_u", "load32": "i32.load", "load64": "i64.load",
    "load32u": "i64.load32_u", "loadf": "f64.load",
}  # fmt: skip
_STORES = {
    "store8": "i32.store8", "store16": "i32.store16", "store32": "i32.store",
    "store64": "i64.store", "store32l": "i64.store32", "storef": "f64.store",
}  # fmt: skip
#: Words with fixed types: parameters, result, instruction.
_FIXED: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "copy": (("i32", "i32", "i32"), (), "memory.copy"),
    "fill": (("i32", "i32", "i32"), (), "memory.fill"),
    "pages": ((), ("i32",), "memory.size"),
    "grow": (("i32",), ("i32",), "memory.grow"),
    "unreachable": ((), (), "unreachable"),
    **{word: (("f64",), ("f64",), f"f64.{word}") for word in ("floor", "ceil", "trunc", "nearest")},
    "fabs": (("f64",), ("f64",), "f64.abs"),
    "copysign": (("f64", "f64"), ("f64",), "f64.copysign"),
    "bits": (("f64",), ("i64",), "i64.reinterpret_f64"),
    "from_bits": (("i64",), ("f64",), "f64.reinterpret_i64"),
    "integer": (("f64",), ("i64",), "i64.trunc_sat_f64_s"),
    "unsigned_float": (("i64",), ("f64",), "f64.convert_i64_u"),
    "u64": (("i32",), ("i64",), "i64.extend_i32_u"),
}
_CONVERSIONS = {
    ("i32", "i64"): "i32.wrap_i64", ("i64", "i32"): "i64.extend_i32_s",
    ("f64", "i32"): "f64.convert_i32_s", ("f64", "i64"): "f64.convert_i64_s",
}  # fmt: skip
_RANGES = {"i32": (-(1 << 31), 1 << 32), "i64": (-(1 << 63), 1 << 64)}
_OFFSETS = 1 << 16

_Signatures = dict[str, tuple[tuple[str, ...], tuple[str, ...]]]
_Constants = dict[str, int | float]


class LowLevelError(Exception):
    """The source says what the low-level language does not have; names file and line."""


def translate(sources: Mapping[str, str], prefix: str = "rt.") -> dict[str, Function]:
    """The functions of all sources, by name; they may call each other across files.

    ``sources`` are texts by file name. Raises ``LowLevelError`` for what is outside the language.
    """
    definitions: list[tuple[str, ast.FunctionDef]] = []
    signatures: _Signatures = {}
    constants: _Constants = {}
    for file, text in sources.items():
        for node in ast.parse(text, file).body:
            if isinstance(node, ast.FunctionDef):
                if node.name in signatures or _word(node.name):
                    _refuse(file, node, f"the name {node.name} is taken")
                signatures[node.name] = _signature(file, node)
                definitions.append((file, node))
            elif isinstance(node, ast.Assign):
                _constant(file, node, constants)
            elif not isinstance(node, ast.ImportFrom) and not _is_text(node):
                _refuse(file, node, "only functions and constants can be at the top")
    return {
        prefix + node.name: _Body(file, node, signatures, constants, prefix).function()
        for file, node in definitions
    }


def _refuse(file: str, node: ast.AST, text: str) -> None:
    raise LowLevelError(f"{file}:{getattr(node, 'lineno', 0)}: {text}")


def _word(name: str) -> bool:
    known = (_PAIRS, _SINGLES, _LOADS, _STORES, _FIXED, _TYPES)
    return name == "chars" or any(name in words for words in known)


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _signature(file: str, node: ast.FunctionDef) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found = node.args
    if found.posonlyargs or found.kwonlyargs or found.vararg or found.kwarg or found.defaults:
        _refuse(file, node, "parameters are plain: no defaults, no stars")
    if node.decorator_list:
        _refuse(file, node, "there are no decorators")
    params = tuple(_type(file, node, argument.annotation) for argument in found.args)
    result = node.returns
    if isinstance(result, ast.Constant) and result.value is None:
        return params, ()
    if (
        isinstance(result, ast.Subscript)
        and isinstance(result.value, ast.Name)
        and result.value.id == "tuple"
        and isinstance(result.slice, ast.Tuple)
    ):
        return params, tuple(_type(file, node, item) for item in result.slice.elts)
    return params, (_type(file, node, result),)


def _type(file: str, node: ast.AST, annotation: ast.expr | None) -> str:
    if not isinstance(annotation, ast.Name) or annotation.id not in _TYPES:
        _refuse(file, node, "types are i32, i64 and f64, or None as the result")
    assert isinstance(annotation, ast.Name)
    return annotation.id


def _constant(file: str, node: ast.Assign, constants: _Constants) -> None:
    target = node.targets[0]
    value = _fold(node.value, constants)
    if not isinstance(target, ast.Name) or not target.id.isupper() or value is None:
        _refuse(file, node, "a constant is a name in capitals and a number")
    elif constants.setdefault(target.id, value) != value:
        _refuse(file, node, f"the constant {target.id} has two values")


def _fold(node: ast.expr, constants: _Constants) -> int | float | None:
    """The value of an expression of literals and constants, else None."""
    if isinstance(node, ast.Constant):
        return node.value if type(node.value) in (int, float) else None  # type: ignore[return-value]  # the line says so
    if isinstance(node, ast.Name):
        return constants.get(node.id)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _fold(node.operand, constants)
        return None if value is None else -value
    if isinstance(node, ast.BinOp):
        left, right = _fold(node.left, constants), _fold(node.right, constants)
        if isinstance(left, int) and isinstance(right, int):
            if isinstance(node.op, ast.LShift):
                return left << right
            if isinstance(node.op, ast.Sub):
                return left - right
    return None


class _Body:
    """One function."""

    def __init__(
        self, file: str, node: ast.FunctionDef, signatures: _Signatures, constants: _Constants,
        prefix: str,
    ) -> None:  # fmt: skip
        self._file, self._node, self._prefix = file, node, prefix
        self._signatures, self._constants = signatures, constants
        params, results = signatures[node.name]
        self.f = Function(prefix + node.name, params, results)
        self._locals = {
            argument.arg: (place, params[place]) for place, argument in enumerate(node.args.args)
        }
        self._loops: list[tuple[Label, Label]] = []

    def function(self) -> Function:
        f, body = self.f, self._node.body
        self._block(body)
        if f.code and f.code[-1] == b"\x0f" and isinstance(body[-1], ast.Return):
            f.code.pop()
        elif f.results:
            if not self._ends(body):
                self._no(self._node, f"{self._node.name} may end without its result")
            f.op("unreachable")
        joined: list[bytes | tuple[str, str]] = []
        for part in f.code:
            if isinstance(part, bytes) and joined and isinstance(joined[-1], bytes):
                joined[-1] += part
            else:
                joined.append(part)
        f.code = joined
        return f

    def _no(self, node: ast.AST, text: str) -> None:
        _refuse(self._file, node, text)

    # --- statements ------------------------------------------------------------------------------

    def _block(self, body: list[ast.stmt]) -> None:
        for node in body:
            if not _is_text(node):
                self._statement(node)

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            self._assign(node.targets[0], node.value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            type_ = self._expr(node.value, _type(self._file, node, node.annotation))
            self._store(node.target, type_)
        elif isinstance(node, ast.AugAssign):
            target = node.target
            load = ast.copy_location(ast.BinOp(target, node.op, node.value), node)
            self._assign(target, load)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            if self._call(node.value, None):
                self._no(node, "a result is left over")
        elif isinstance(node, ast.If):
            self._if(node)
        elif isinstance(node, ast.While) and not node.orelse:
            self._while(node)
        elif isinstance(node, ast.Return):
            self._values(node, node.value, self.f.results)
            self.f.op("return")
        elif isinstance(node, ast.Break) and self._loops:
            self.f.br(self._loops[-1][0])
        elif isinstance(node, ast.Continue) and self._loops:
            self.f.br(self._loops[-1][1])
        else:
            self._no(node, f"there is no {type(node).__name__} here")

    def _if(self, node: ast.If) -> None:
        self._expr(node.test, "i32")
        with self.f.if_():
            self._block(node.body)
            if node.orelse:
                self.f.else_()
                self._block(node.orelse)
        if node.orelse and self._ends([node]):
            self.f.op("unreachable")

    def _while(self, node: ast.While) -> None:
        always = isinstance(node.test, ast.Constant) and node.test.value is True
        with self.f.block() as out, self.f.loop() as again:
            if not always:
                self._negated(node.test)
                self.f.br_if(out)
            self._loops.append((out, again))
            self._block(node.body)
            self._loops.pop()
            self.f.br(again)
        if self._ends([node]):
            self.f.op("unreachable")

    def _ends(self, body: list[ast.stmt]) -> bool:
        """Whether nothing runs behind these statements."""
        node = body[-1]
        if isinstance(node, ast.If):
            return bool(node.orelse) and self._ends(node.body) and self._ends(node.orelse)
        if isinstance(node, ast.While):
            always = isinstance(node.test, ast.Constant) and node.test.value is True
            return always and not any(isinstance(inner, ast.Break) for inner in ast.walk(node))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = node.value.func
            return isinstance(called, ast.Name) and called.id == "unreachable"
        return isinstance(node, ast.Return | ast.Break | ast.Continue)

    def _values(self, node: ast.AST, value: ast.expr | None, wanted: tuple[str, ...]) -> None:
        """Leave several values on the stack: of a tuple, or of a call."""
        if isinstance(value, ast.Tuple) and len(value.elts) == len(wanted) > 1:
            for item, type_ in zip(value.elts, wanted, strict=True):
                self._expr(item, type_)
        elif value is not None and len(wanted) == 1:
            self._expr(value, wanted[0])
        elif isinstance(value, ast.Call) and wanted:
            if self._call(value, None) != wanted:
                self._no(node, f"expected {', '.join(wanted)}")
        elif value is not None or wanted:
            self._no(node, f"expected {', '.join(wanted) or 'nothing'}")

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple):
            if isinstance(value, ast.Call):
                types = self._call(value, None)
            elif isinstance(value, ast.Tuple):
                types = tuple(self._expr(item, None) for item in value.elts)
            else:
                types = ()
            if len(types) != len(target.elts):
                self._no(target, f"expected {len(target.elts)} values, got {len(types)}")
            for item, type_ in reversed(list(zip(target.elts, types, strict=True))):
                self._store(item, type_)
            return
        known = self._locals.get(target.id) if isinstance(target, ast.Name) else None
        outer = isinstance(target, ast.Attribute)
        self._store(target, self._expr(value, known[1] if known else "i32" if outer else None))

    def _store(self, target: ast.expr, type_: str) -> None:
        if isinstance(target, ast.Attribute):
            name = self._global(target)
            if type_ != "i32":
                self._no(target, f"{name} is i32, not {type_}")
            self.f.global_set(name)
            return
        if not isinstance(target, ast.Name) or target.id in self._constants:
            self._no(target, "only variables and globals can be assigned")
        assert isinstance(target, ast.Name)
        if target.id == "_":
            self.f.op("drop")
            return
        if target.id not in self._locals:
            self._locals[target.id] = self.f.local(type_), type_
        place, have = self._locals[target.id]
        if have != type_:
            self._no(target, f"{target.id} is {have}, not {type_}")
        self.f.set(place)

    def _global(self, node: ast.Attribute) -> str:
        if not isinstance(node.value, ast.Name) or node.value.id != "g" or node.attr not in GLOBALS:
            self._no(node, f"there is no global {ast.unparse(node)}")
        return node.attr

    # --- expressions -----------------------------------------------------------------------------

    def _expr(self, node: ast.expr, want: str | None) -> str:
        """Leave one value on the stack; its type, which is the wanted one if there is one."""
        value = _fold(node, self._constants)
        if value is not None:
            return self._number(node, value, want)
        have = self._compute(node, want)
        if want is not None and have != want:
            self._no(node, f"expected {want}, got {have}: {ast.unparse(node)}")
        return have

    def _number(self, node: ast.expr, value: int | float, want: str | None) -> str:
        type_ = want or ("f64" if isinstance(value, float) else "i32")
        if type_ == "f64":
            self.f.f64(value)
            return type_
        low, high = _RANGES[type_]
        if not isinstance(value, int) or not low <= value < high:
            self._no(node, f"{value} is no {type_}")
        assert isinstance(value, int)
        (self.f.i32 if type_ == "i32" else self.f.i64)(value)
        return type_

    def _compute(self, node: ast.expr, want: str | None) -> str:
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.Attribute):
            self.f.global_get(self._global(node))
            return "i32"
        if isinstance(node, ast.BinOp):
            return self._binary(node, want)
        if isinstance(node, ast.UnaryOp):
            return self._unary(node, want)
        if isinstance(node, ast.Compare):
            return self._compare(node, opposite=False)
        if isinstance(node, ast.BoolOp):
            return self._short(node.values, isinstance(node.op, ast.And))
        if isinstance(node, ast.IfExp):
            self._expr(node.test, "i32")
            type_, code = self._apart(lambda: self._expr(node.body, want))
            with self.f.if_(type_):
                self.f.code += code
                self.f.else_()
                self._expr(node.orelse, type_)
            return type_
        if isinstance(node, ast.Call):
            results = self._call(node, want)
            if len(results) != 1:
                self._no(node, f"{ast.unparse(node)} gives {len(results)} values")
            return results[0]
        self._no(node, f"there is no {type(node).__name__} here")
        return ""

    def _name(self, node: ast.Name) -> str:
        if node.id not in self._locals:
            self._no(node, f"{node.id} has no value")
        place, type_ = self._locals[node.id]
        if self.f.code and place < 128 and self.f.code[-1] == bytes([0x21, place]):
            self.f.code.pop()
            self.f.tee(place)
        else:
            self.f.get(place)
        return type_

    def _apart(self, emit: Callable[[], str]) -> tuple[str, list[bytes | tuple[str, str]]]:
        """What would be emitted, kept for later."""
        kept, self.f.code = self.f.code, []
        type_ = emit()
        made, self.f.code = self.f.code, kept
        return type_, made

    def _pair(self, left: ast.expr, right: ast.expr, want: str | None) -> str:
        """Two values of one type; a literal takes the other's."""
        if want is None and _fold(left, self._constants) is not None:
            type_, code = self._apart(lambda: self._expr(right, None))
            self._expr(left, type_)
            self.f.code += code
            return type_
        type_ = self._expr(left, want)
        return self._expr(right, type_)

    def _binary(self, node: ast.BinOp, want: str | None) -> str:
        type_ = self._pair(node.left, node.right, want)
        table = _FLOAT_ARITHMETIC if type_ == "f64" else _ARITHMETIC
        found = table.get(type(node.op))
        if found is None:
            self._no(node, f"{type_} has no {type(node.op).__name__}")
        self.f.op(f"{type_}.{found}")
        return type_

    def _unary(self, node: ast.UnaryOp, want: str | None) -> str:
        if isinstance(node.op, ast.Not):
            self._negated(node.operand)
            return "i32"
        if isinstance(node.op, ast.USub):
            type_, code = self._apart(lambda: self._expr(node.operand, want))
            if type_ == "f64":
                self.f.code += code
                self.f.op("f64.neg")
            else:
                self._number(node, 0, type_)
                self.f.code += code
                self.f.op(f"{type_}.sub")
            return type_
        self._no(node, f"there is no {type(node.op).__name__} here")
        return ""

    def _negated(self, node: ast.expr) -> None:
        """1 if the condition does not hold, else 0."""
        if isinstance(node, ast.Compare):
            self._compare(node, opposite=True)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self._expr(node.operand, "i32")
        else:
            self._expr(node, "i32")
            self.f.op("i32.eqz")

    def _compare(self, node: ast.Compare, opposite: bool) -> str:
        found = _COMPARISONS.get(type(node.ops[0]))
        if found is None or len(node.ops) > 1:
            self._no(node, "compare two numbers, by == != < <= > >=")
        assert found is not None
        right = node.comparators[0]
        zero = _fold(right, self._constants) == 0 and found in ("eq", "ne")
        type_, code = self._apart(lambda: self._pair(node.left, right, None))
        if type_ == "f64":
            self.f.code += code
            self.f.op(f"f64.{found}", *(["i32.eqz"] if opposite else []))
            return "i32"
        if opposite:
            found = _OPPOSITE[found]
        if zero and found == "eq":
            self._expr(node.left, type_)
            self.f.op(f"{type_}.eqz")
            return "i32"
        self.f.code += code
        self.f.op(f"{type_}.{found}" + ("" if found in ("eq", "ne") else "_s"))
        return "i32"

    def _short(self, values: list[ast.expr], both: bool) -> str:
        """``and``, ``or``: the later ones only if they matter."""
        self._expr(values[0], "i32")
        if len(values) == 1:
            return "i32"
        with self.f.if_("i32"):
            if both:
                self._short(values[1:], both)
                self.f.else_()
                self.f.i32(0)
            else:
                self.f.i32(1)
                self.f.else_()
                self._short(values[1:], both)
        return "i32"

    # --- calls -----------------------------------------------------------------------------------

    def _call(self, node: ast.Call, want: str | None) -> tuple[str, ...]:
        """Emit a call or a word; the types of its results."""
        if not isinstance(node.func, ast.Name) or node.keywords:
            self._no(node, f"there is no {ast.unparse(node)}")
        assert isinstance(node.func, ast.Name)
        name, given = node.func.id, node.args
        if name in self._signatures:
            params, results = self._signatures[name]
            self._arguments(node, params)
            self.f.call(self._prefix + name)
            return results
        if name in _FIXED:
            params, results, instruction = _FIXED[name]
            self._arguments(node, params)
            self.f.op(instruction)
            return results
        expected = 2 if name in _PAIRS or name in _STORES else 1
        offset = 0
        if (name in _LOADS or name in _STORES) and len(given) == expected + 1:
            offset = self._offset(given[-1])
            given = given[:-1]
        if not _word(name) or len(given) != expected:
            self._no(node, f"there is no {name} of {len(given)} values")
        if name in _LOADS:
            self._expr(given[0], "i32")
            self.f.memory(_LOADS[name], offset)
            return (_LOADS[name][:3],)
        if name in _STORES:
            self._expr(given[0], "i32")
            self._expr(given[1], _STORES[name][:3])
            self.f.memory(_STORES[name], offset)
            return ()
        if name in _PAIRS:
            instruction, truth = _PAIRS[name]
            type_ = self._pair(given[0], given[1], None if truth else want)
            self._integer(node, type_)
            self.f.op(f"{type_}.{instruction}")
            return ("i32" if truth else type_,)
        if name in _SINGLES:
            type_ = self._expr(given[0], want)
            self._integer(node, type_)
            self.f.op(f"{type_}.{name}")
            return (type_,)
        return (self._chars(given[0]) if name == "chars" else self._convert(node, name),)

    def _integer(self, node: ast.AST, type_: str) -> None:
        if type_ == "f64":
            self._no(node, "expected integers, got f64")

    def _arguments(self, node: ast.Call, params: tuple[str, ...]) -> None:
        if len(params) != len(node.args):
            self._no(node, f"{ast.unparse(node.func)} takes {len(params)} values")
        for argument, type_ in zip(node.args, params, strict=True):
            self._expr(argument, type_)

    def _offset(self, node: ast.expr) -> int:
        value = _fold(node, self._constants)
        if not isinstance(value, int) or not 0 <= value < _OFFSETS:
            self._no(node, f"an offset is a literal below {_OFFSETS}")
        assert isinstance(value, int)
        return value

    def _chars(self, node: ast.expr) -> str:
        text = node.value if isinstance(node, ast.Constant) else None
        if not isinstance(text, str) or not text.isascii() or len(text) > 8:
            self._no(node, "chars takes up to eight ASCII characters")
        assert isinstance(text, str)
        self.f.i64(int.from_bytes(text.encode(), "little"))
        return "i64"

    def _convert(self, node: ast.Call, to: str) -> str:
        if _fold(node.args[0], self._constants) is not None:
            return self._expr(node.args[0], to)
        have = self._expr(node.args[0], None)
        instruction = _CONVERSIONS.get((to, have))
        if instruction is None:
            self._no(node, f"{to} of {have} is not needed, or not sure; use a word that says how")
        else:
            self.f.op(instruction)
        return to
