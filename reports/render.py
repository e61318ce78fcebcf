"""Page models and templates to bytes. Templates hold no logic; every text is escaped."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import jinja2
import msgspec
from markupsafe import Markup

#: What must not stand inside a script element as it is: it could end it.
_UNSAFE = {
    b"<": b"\\u003c", b">": b"\\u003e", b"&": b"\\u0026",
    "\u2028".encode(): b"\\u2028", "\u2029".encode(): b"\\u2029",
}  # fmt: skip
_encoder = msgspec.json.Encoder()


def json_script(value: Any) -> Markup:
    """A value as JSON that may stand in a script element, whatever texts are in it."""
    return Markup(json_text(value).decode())  # noqa: S704  # escaped just here


def json_text(value: Any) -> bytes:
    """The same as bytes. NaN and infinity become null."""
    data = _encoder.encode(value)
    for unsafe, safe in _UNSAFE.items():
        data = data.replace(unsafe, safe)
    return data


def script(key: str, content: Any) -> bytes:
    """A file of data: a call of the function that the pages' scripts define."""
    return b"harnessData(" + json_text(key) + b"," + json_text(content) + b");\n"


@cache
def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(resources.files("reports") / "templates")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    made.filters["json_script"] = json_script
    return made


def html(template: str, **values: Any) -> bytes:
    """A whole page. Raises ``jinja2.UndefinedError`` if the template asks for what there is not."""
    return _environment().get_template(template).render(**values).encode("utf-8", "replace")
