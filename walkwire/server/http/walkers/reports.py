"""Reports: the schemas of walkers' answers in OpenAPI, where their specs declare what they report."""

from __future__ import annotations

from typing import Any

from walkwire.walk.walker.printed import Printer, Schema, declared
from walkwire.walk.walker.specs import specs_of

COMPONENTS = "#/components/schemas/"

_REPORTED = "reported."  # before the names of classes: those of models that requests have are without it


class Reports:
    """The schemas of all walkers of a program.

    - with_returns: whether answers show what abilities returned
    - components: the schemas by their names in OpenAPI. Any: JSON Schema
    """

    def __init__(self, *, with_returns: bool = False) -> None:
        self._with_returns = with_returns
        self._printer = Printer(COMPONENTS + _REPORTED)
        self._answers: dict[str, Schema] = {}

    @property
    def components(self) -> dict[str, Any]:
        """Return the schemas, those of classes and those of answers."""
        return {_REPORTED + name: one for name, one in self._printer.definitions.items()} | self._answers

    def answer_of(self, walker: type) -> Schema | None:
        """Return a reference to the schema of a walker's answer; None if it declares none. Raises StartError for wrong specs."""
        found = declared(walker, specs_of(walker))
        if not found.has_reports or getattr(walker, "__jac_async__", False):
            return None
        reports = {"type": "array", "items": self._printer.reported(found.reports, walker)}
        properties: Schema = {"status": {"type": "integer"}, "reports": reports}
        if self._with_returns:
            properties["returns"] = {"type": "array"}
        name = f"answer.{walker.__name__}"
        self._answers[name] = {"type": "object", "properties": properties, "required": list(properties)}
        return {"$ref": COMPONENTS + name}
