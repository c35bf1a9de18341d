"""Conversations with roles, as OpenAI, TRL and most chat templates have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genpas_cli.export.formats.language_models.language_model import LanguageModel
from genpas_cli.export.formats.language_models.records import Record
from genpas_cli.export.formats.language_models.template import Template


class Messages(LanguageModel):
    """`{"messages": [{"role": "user", "content": ...}, {"role": "assistant", "content": ...}]}`."""

    name = "messages"
    reads_as = "conversations"

    @staticmethod
    def record(template: Template) -> Record:
        """Return the messages; a system text is the first."""
        texts = {"user": template.lines("instruction", "user"), "assistant": template.text("assistant")}
        if template.text("system"):
            texts = {"system": template.text("system"), **texts}
        return {"messages": [{"role": role, "content": text} for role, text in texts.items()]}

    @staticmethod
    def description(fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the names of the roles."""
        del fields
        tags = {
            "role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant",
            "system_tag": "system",
        }  # fmt: skip
        return {"formatting": "sharegpt", "columns": {"messages": "messages"}, "tags": tags}


FORMAT = Messages
