"""Instructions with an input and an output, as in the data set Alpaca."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genpas_cli.export.formats.language_models.language_model import LanguageModel
from genpas_cli.export.formats.language_models.records import Record
from genpas_cli.export.formats.language_models.template import Template


class Alpaca(LanguageModel):
    """`{"instruction": ..., "input": ..., "output": ...}`, and `system` if the template has one."""

    name = "alpaca"

    @staticmethod
    def record(template: Template) -> Record:
        """Return the texts; without an instruction, the text of the user is the instruction, and the input is empty."""
        has_instruction = bool(template.text("instruction"))
        found: Record = {
            "instruction": template.text("instruction" if has_instruction else "user"),
            "input": template.text("user") if has_instruction else (),
            "output": template.text("assistant"),
        }
        return found | ({"system": template.text("system")} if template.text("system") else {})

    @staticmethod
    def description(fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return which key is what."""
        columns = {"prompt": "instruction", "query": "input", "response": "output"}
        return {"formatting": "alpaca", "columns": columns | ({"system": "system"} if "system" in fields else {})}


FORMAT = Alpaca
