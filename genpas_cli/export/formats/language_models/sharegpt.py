"""Conversations of a human and a model, as in ShareGPT's data sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genpas_cli.export.formats.language_models.language_model import LanguageModel
from genpas_cli.export.formats.language_models.records import Record
from genpas_cli.export.formats.language_models.template import Template


class ShareGpt(LanguageModel):
    """`{"conversations": [{"from": "human", "value": ...}, {"from": "gpt", "value": ...}]}`, and `system`."""

    name = "sharegpt"
    reads_as = "conversations"

    @staticmethod
    def record(template: Template) -> Record:
        """Return the conversation, and the system text if the template has one."""
        texts = {"human": template.lines("instruction", "user"), "gpt": template.text("assistant")}
        found: Record = {"conversations": [{"from": role, "value": text} for role, text in texts.items()]}
        return found | ({"system": template.text("system")} if template.text("system") else {})

    @staticmethod
    def description(fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return which key is what, and the names of the roles."""
        columns = {"messages": "conversations"} | ({"system": "system"} if "system" in fields else {})
        tags = {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt"}
        return {"formatting": "sharegpt", "columns": columns, "tags": tags}


FORMAT = ShareGpt
