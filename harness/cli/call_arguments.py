"""The words behind ``harness call`` as the arguments that a function wants."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.cli.signatures import Signatures
from harness.errors import PlanError, WireError
from harness.wire import jsontext, satsjson
from harness.wire import types as t
from harness.wire.schema import ModuleDef, ProcedureDef, ReducerDef

Callable_ = ReducerDef | ProcedureDef
_HEX = re.compile(r"(0x)?[0-9a-fA-F]+")


@dataclass(frozen=True, slots=True)
class Arguments:
    """Reads the arguments of one function of a schema."""

    schema: ModuleDef
    function: Callable_

    @property
    def signature(self) -> str:
        return Signatures(self.schema).function(self.function)

    def from_words(self, words: Sequence[str]) -> list[Any]:
        """One word for each argument: JSON, or the bare text, name or digits of it.

        Raises ``PlanError`` with the signature if there are too few or too many, or with the
        argument that is not what it should be.
        """
        elements = self.function.params.elements
        if len(words) != len(elements):
            raise PlanError(
                f"{self.function.name} takes {_count(len(elements))}, not {len(words)}: "
                f"{self.signature}"
            )
        return [
            self._checked(place, element, self._parsed(place, element, word))
            for place, (element, word) in enumerate(zip(elements, words, strict=True), 1)
        ]

    def from_object(self, text: str) -> list[Any]:
        """Arguments by name, in a JSON object. Raises ``PlanError``."""
        try:
            found = jsontext.loads(text)
        except WireError as error:
            raise PlanError(f"--json is no JSON: {_said(error)}") from None
        if isinstance(found, list):
            return self.from_words([jsontext.dumps(x) for x in found])
        elements = self.function.params.elements
        names = [element.name for element in elements]
        if not isinstance(found, dict) or set(found) != set(names):
            raise PlanError(f"--json has an object with the arguments of {self.signature}")
        return [
            self._checked(place, element, found[element.name])
            for place, element in enumerate(elements, 1)
        ]

    def _parsed(self, place: int, element: t.Element, word: str) -> Any:
        type_ = self.schema.typespace.resolve(element.type)
        bare = self._bare(type_, word)
        if bare is not None:
            return bare
        try:
            return jsontext.loads(word)
        except WireError as error:
            raise PlanError(f"{self._place(place, element)} is no JSON: {_said(error)}") from None

    def _bare(self, type_: t.Type, word: str) -> Any:
        """What a word without quotes stands for; None if it is JSON."""
        quoted = len(word) > 1 and word.startswith('"') and word.endswith('"')
        if type_ == t.STRING:
            return None if quoted else word
        if quoted or word in ("null", ""):
            return None
        if type_ in (t.IDENTITY, t.CONNECTION_ID):
            digits = 64 if type_ == t.IDENTITY else 32
            if _HEX.fullmatch(word) and len(word.removeprefix("0x")) <= digits:
                number = int(word.removeprefix("0x"), 16)
                return [f"0x{number:064x}" if type_ == t.IDENTITY else number]
            return None
        if isinstance(type_, t.Sum):
            payload = t.option_payload(type_)
            if payload is not None:
                inner = self._bare(self.schema.typespace.resolve(payload), word)
                return None if inner is None else [0, inner]
            for tag, variant in enumerate(type_.variants):
                if variant.name == word and variant.type == t.UNIT:
                    return [tag, []]
        return None

    def _checked(self, place: int, element: t.Element, value: Any) -> Any:
        codec = satsjson.compile_json(element.type, self.schema.typespace)
        try:
            return codec.to_json(codec.from_json(value))
        except WireError as error:
            # Places in a value begin with $, which here is the argument.
            said = re.sub(r"^\$(?=[.\[])", element.name or "it", str(error).removeprefix("$: "))
            raise PlanError(f"{self._place(place, element)}: {said}") from None

    def _place(self, place: int, element: t.Element) -> str:
        shown = Signatures(self.schema).type(element.type)
        return f"argument {place} of {self.function.name} ({element.name}: {shown})"


def _said(error: WireError) -> str:
    """What is wrong with a text that is no JSON, after the words that say so."""
    return str(error).removeprefix("not JSON: ")


def _count(number: int) -> str:
    return f"{number} argument{'s' * (number != 1)}"
