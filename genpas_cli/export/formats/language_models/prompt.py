"""A text and its completion, without roles, for models without a chat template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genpas_cli.export.formats.language_models.language_model import LanguageModel
from genpas_cli.export.formats.language_models.records import Record
from genpas_cli.export.formats.language_models.template import Template, Text


class Prompt(LanguageModel):
    """`{"prompt": ..., "completion": ...}`."""

    name = "prompt"
    reads_as = "prompts and completions"

    @staticmethod
    def record(template: Template) -> Record:
        """Return the system text, the instruction and the user's text in lines of their own, and the answer."""
        prompt = template.lines("system", "instruction", "user")
        if not _ends_with_blank(prompt):
            prompt = (*prompt, "\n")
        return {"prompt": prompt, "completion": template.text("assistant")}

    @staticmethod
    def description(fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return which key is what."""
        del fields
        return {"formatting": "alpaca", "columns": {"prompt": "prompt", "response": "completion"}}


def _ends_with_blank(text: Text) -> bool:
    """Tell whether a text ends with a blank or line end: trainers put nothing between prompt and completion."""
    return bool(text) and isinstance(text[-1], str) and text[-1][-1:].isspace()


FORMAT = Prompt
