"""SQL text → statements.

The grammar is SpacetimeDB's: whole rows or projections of one table, at most one inner join on two
columns, comparisons joined by AND, OR and NOT, ``:sender`` for the caller, and INSERT, UPDATE and
DELETE of one table. sqlglot parses; what is outside the grammar is refused with a sentence.

Literals are lifted out of the text first, so that statements which differ only in their literals
share one parse: clients that look up row after row by key pay for the parser once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import sqlglot
from sqlglot import errors, exp

from harness.errors import SqlError

#: Longer statements are refused before anything looks at them.
MAX_LENGTH = 65_536

# --- statements ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant as it was written. ``kind`` is number, string, hex, bool or sender."""

    kind: str
    text: str

    def negated(self) -> Literal:
        if self.kind != "number":
            raise SqlError(f"{self.text!r} cannot be negative")
        return Literal("number", self.text[1:] if self.text[0] == "-" else f"-{self.text}")


@dataclass(frozen=True, slots=True)
class ColumnRef:
    """A column; ``table`` is the alias or name before the dot, if there was one."""

    table: str | None
    name: str


@dataclass(frozen=True, slots=True)
class Compare:
    """``op`` is one of = <> < <= > >=; ``value`` may be another column."""

    op: str
    column: ColumnRef
    value: Literal | ColumnRef


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Condition


@dataclass(frozen=True, slots=True)
class Constant:
    """TRUE or FALSE as a condition."""

    value: bool


Condition: TypeAlias = Compare | And | Or | Not | Constant


@dataclass(frozen=True, slots=True)
class Join:
    """``JOIN table AS alias ON left = right``."""

    table: str
    alias: str
    left: ColumnRef
    right: ColumnRef


@dataclass(frozen=True, slots=True)
class Projection:
    """One output column, under a name of its own."""

    column: ColumnRef
    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """``star`` is the table whose whole rows are wanted, "" for a bare ``*``.

    None means projections, or a count if ``count`` holds the name of its column.
    """

    star: str | None
    projections: tuple[Projection, ...]
    count: str | None
    table: str
    alias: str
    join: Join | None
    where: Condition | None
    limit: Literal | None


@dataclass(frozen=True, slots=True)
class SelectAll:
    """``SELECT * FROM *``: every table that the caller may read."""


@dataclass(frozen=True, slots=True)
class Insert:
    table: str
    columns: tuple[str, ...] | None
    rows: tuple[tuple[Literal, ...], ...]


@dataclass(frozen=True, slots=True)
class Update:
    table: str
    assignments: tuple[tuple[str, Literal], ...]
    where: Condition | None


@dataclass(frozen=True, slots=True)
class Delete:
    table: str
    where: Condition | None


Statement: TypeAlias = Select | SelectAll | Insert | Update | Delete

# --- lifting the literals out --------------------------------------------------------------------

# Quoted and plain identifiers are matched first, so that digits inside them stay where they are.
_TOKENS = re.compile(
    r"""(?P<name>"(?:[^"]|"")*"|[A-Za-z_]\w*(?!'))
      | (?P<sender>:sender\b)
      | (?P<string>'(?:[^']|'')*')
      | (?P<hex>0[xX][0-9a-fA-F]*|[xX]'[0-9a-fA-F]*')
      | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<foreign>[?$`@#\\{}\[\]]|--|/\*|:)""",
    re.VERBOSE,
)
_ALL = re.compile(r"\s*SELECT\s+\*\s+FROM\s+\*\s*;?\s*", re.IGNORECASE)


def parse(text: str) -> Statement:
    """One statement. Raises ``SqlError`` for anything outside the grammar."""
    if len(text) > MAX_LENGTH:
        raise SqlError(f"a statement has {len(text)} characters; {MAX_LENGTH} are the limit")
    if _ALL.fullmatch(text):
        return SelectAll()
    literals: list[Literal] = []

    def lift(match: re.Match[str]) -> str:
        kind, token = match.lastgroup, match.group()
        if kind == "name":
            return token
        if kind == "foreign":
            raise SqlError(f"{token!r} has no meaning in this SQL, at position {match.start()}")
        literals.append(_literal(kind or "", token))
        return f" :p{len(literals) - 1} "

    template = _template(_TOKENS.sub(lift, text))
    return _Binder(literals).statement(template)


def _literal(kind: str, token: str) -> Literal:
    if kind == "string":
        return Literal(kind, token[1:-1].replace("''", "'"))
    if kind == "hex":
        return Literal(kind, token[2:].rstrip("'"))
    return Literal(kind, token)


@lru_cache(maxsize=4096)
def _template(text: str) -> Any:
    try:
        statements = sqlglot.parse(text)
    except errors.SqlglotError as error:
        details = getattr(error, "errors", None)
        reason = details[0]["description"] if details else str(error)
        raise SqlError(f"not valid SQL: {_plain(reason)}") from None
    except RecursionError:
        raise SqlError("a statement is nested too deeply") from None
    found = [statement for statement in statements if statement is not None]
    if len(found) != 1:
        raise SqlError(f"expected one statement, got {len(found)}")
    return found[0]


def _plain(reason: str) -> str:
    return re.sub(r"<Token token_type: \S+ text: (.*?), line.*?>", r"\1", reason).rstrip(".")


# --- sqlglot's tree → ours -----------------------------------------------------------------------

_COMPARISONS: dict[type[exp.Expression], str] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
}  # fmt: skip
_MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_CLAUSES = {"expressions", "from_", "from", "joins", "where", "limit"}


@dataclass(frozen=True, slots=True)
class _Binder:
    """Walks a parsed template and puts the literals back."""

    literals: Sequence[Literal]

    def statement(self, tree: exp.Expression) -> Statement:
        try:
            match tree:
                case exp.Select():
                    return self.select(tree)
                case exp.Insert():
                    return self.insert(tree)
                case exp.Update():
                    return self.update(tree)
                case exp.Delete():
                    return Delete(_table(tree.this)[0], self.where(tree))
        except RecursionError:
            raise SqlError("a statement is nested too deeply") from None
        raise SqlError(f"only SELECT, INSERT, UPDATE and DELETE are understood, not {tree.key}")

    def select(self, tree: exp.Select) -> Select:
        extra = [name for name, value in tree.args.items() if value and name not in _CLAUSES]
        if extra:
            word = extra[0].rstrip("_").upper()
            raise SqlError(f"{word} is not supported in a SELECT")
        source = tree.args.get("from_") or tree.args.get("from")
        if source is None:
            raise SqlError("a SELECT needs a FROM")
        table, alias = _table(source.this)
        joins = tree.args.get("joins") or []
        if len(joins) > 1:
            raise SqlError(f"{len(joins)} joins; one is the limit")
        star, projections, count = self.columns(tree.expressions)
        limit = tree.args.get("limit")
        return Select(
            star=star,
            projections=projections,
            count=count,
            table=table,
            alias=alias,
            join=self.join(joins[0]) if joins else None,
            where=self.where(tree),
            limit=self.literal(limit.expression) if limit else None,
        )

    def columns(
        self, items: list[exp.Expression]
    ) -> tuple[str | None, tuple[Projection, ...], str | None]:
        if len(items) == 1:
            item = items[0]
            if isinstance(item, exp.Star):
                return "", (), None
            if isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
                return item.table, (), None
            inner = item.this if isinstance(item, exp.Alias) else item
            if isinstance(inner, exp.Count) and isinstance(inner.this, exp.Star):
                if not isinstance(item, exp.Alias):
                    raise SqlError("COUNT(*) needs a name: COUNT(*) AS n")
                return None, (), item.alias
        return None, tuple(map(_projection, items)), None

    def join(self, tree: exp.Join) -> Join:
        if tree.args.get("side") or (tree.args.get("kind") or "INNER").upper() != "INNER":
            raise SqlError("only INNER JOIN is supported")
        condition = tree.args.get("on")
        while isinstance(condition, exp.Paren):
            condition = condition.this
        if not isinstance(condition, exp.EQ):
            raise SqlError("a JOIN needs ON with one equality of two columns")
        table, alias = _table(tree.this)
        return Join(table, alias, _column(condition.this), _column(condition.expression))

    def insert(self, tree: exp.Insert) -> Insert:
        target, columns = tree.this, None
        if isinstance(target, exp.Schema):
            columns = tuple(identifier.name for identifier in target.expressions)
            target = target.this
        values = tree.expression
        if not isinstance(values, exp.Values):
            raise SqlError("an INSERT needs VALUES")
        rows = []
        for row in values.expressions:
            cells = row.expressions if isinstance(row, exp.Tuple) else [row]
            rows.append(tuple(map(self.literal, cells)))
        return Insert(_table(target)[0], columns, tuple(rows))

    def update(self, tree: exp.Update) -> Update:
        assignments = []
        for item in tree.expressions:
            if not isinstance(item, exp.EQ):
                raise SqlError("SET needs assignments of the form column = value")
            assignments.append((_column(item.this).name, self.literal(item.expression)))
        return Update(_table(tree.this)[0], tuple(assignments), self.where(tree))

    def where(self, tree: exp.Expression) -> Condition | None:
        clause = tree.args.get("where")
        return None if clause is None else self.condition(clause.this)

    def condition(self, tree: exp.Expression) -> Condition:
        match tree:
            case exp.Paren():
                return self.condition(tree.this)
            case exp.And() | exp.Or():
                # Long chains lean to the left: they are walked, not recursed into.
                parts: list[Condition] = []
                spine: exp.Expression = tree
                while type(spine) is type(tree):
                    parts.append(self.condition(spine.args["expression"]))
                    spine = spine.this
                parts.append(self.condition(spine))
                whole = tuple(reversed(parts))
                return And(whole) if isinstance(tree, exp.And) else Or(whole)
            case exp.Not():
                return Not(self.condition(tree.this))
            case exp.Boolean():
                return Constant(bool(tree.this))
            case exp.Column():
                return Compare("=", _column(tree), Literal("bool", "TRUE"))
        op = _COMPARISONS.get(type(tree))
        if op is None:
            raise SqlError(f"{tree.sql()!r} is not a condition that is supported")
        left, right = tree.this, tree.args["expression"]
        if isinstance(left, exp.Column):
            is_column = isinstance(right, exp.Column)
            return Compare(op, _column(left), _column(right) if is_column else self.literal(right))
        if isinstance(left, exp.Boolean) and isinstance(right, exp.Boolean) and op in ("=", "<>"):
            return Constant((left.this is right.this) is (op == "="))  # builders write TRUE = TRUE
        return Compare(_MIRRORED[op], _column(right), self.literal(left))

    def literal(self, tree: exp.Expression) -> Literal:
        match tree:
            case exp.Placeholder() if tree.name.startswith("p") and tree.name[1:].isdigit():
                return self.literals[int(tree.name[1:])]
            case exp.Boolean():
                return Literal("bool", "TRUE" if tree.this else "FALSE")
            case exp.Neg():
                return self.literal(tree.this).negated()
            case exp.Paren():
                return self.literal(tree.this)
        raise SqlError("comparisons are of a column with a literal value, or with a column")


def _table(tree: exp.Expression) -> tuple[str, str]:
    """(name, alias); a submodule's table is ``namespace.table``."""
    if not isinstance(tree, exp.Table) or not isinstance(tree.this, exp.Identifier):
        raise SqlError("FROM needs the name of a table")
    name = f"{tree.db}.{tree.name}" if tree.db else tree.name
    return name, tree.alias or name


def _column(tree: exp.Expression) -> ColumnRef:
    if not isinstance(tree, exp.Column) or isinstance(tree.this, exp.Star):
        raise SqlError("expected a column")
    table = f"{tree.db}.{tree.table}" if tree.db else tree.table
    return ColumnRef(table or None, tree.name)


def _projection(tree: exp.Expression) -> Projection:
    inner = tree.this if isinstance(tree, exp.Alias) else tree
    column = _column(inner)
    return Projection(column, tree.alias if isinstance(tree, exp.Alias) else column.name)
