"""Checks of the options of `export` that need no pairs."""

from __future__ import annotations

from collections.abc import Mapping

from genpas_cli.export.formats.format import Format
from genpas_cli.export.options import ExportOptions
from genpas_cli.pairs.codes.item_codes import MOST_TOKENS
from genpas_cli.runtime.errors import UsageError


def check_options(options: ExportOptions, kind: type[Format]) -> None:
    """Raise UsageError for values out of range, and for options that the format does not use."""
    if options.limit is not None and options.limit < 1:
        raise UsageError(f"--limit is {options.limit}; it must be 1 or more")
    if options.max_input is not None and options.max_input < 1:
        raise UsageError(f"--max-input is {options.max_input}; it must be 1 or more")
    if not 0 <= options.user_tokens <= MOST_TOKENS:
        bound = "1 or more" if options.user_tokens < 0 else f"{MOST_TOKENS:,} or less"
        raise UsageError(f"--user-tokens is {options.user_tokens}; it must be {bound}")
    if options.item_info_id is not None and options.item_info is None:
        raise UsageError("--item-info-id can only be used with --item-info FILE")
    if options.template is not None and not kind.uses_template:
        raise UsageError(f"--template cannot be used with --to {options.to}, which writes columns instead of a text")
    if options.pad != "none" and kind.no_padding is not None:
        raise UsageError(
            f"--pad cannot be used with --to {options.to}: {kind.no_padding}",
            tip=f"Remove --pad {options.pad}.",
        )
    _check_codes(options, kind)


def _check_codes(options: ExportOptions, kind: type[Format]) -> None:
    if options.semantic_ids is not None and kind.no_codes is not None:
        why, what_else = kind.no_codes
        raise UsageError(
            f"--to {options.to} cannot be combined with --semantic-ids: {why}", tip=f"Remove --semantic-ids.{what_else}"
        )
    of_tokens: dict[str, object] = {
        "--separator": options.separator,
        "--end-token": options.end_token,
        "--user-tokens": options.user_tokens,
    }
    if kind.codes_as != "tokens" and (flag := _first(of_tokens)):
        raise UsageError(
            f"{flag} cannot be used with --to {options.to}, which does not replace items by tokens",
            tip=f"Remove {flag}.",
        )
    if options.semantic_ids is None:
        of_codes: dict[str, object] = {
            "--missing-codes": options.missing_codes != "error",
            "--colliding-codes": options.colliding_codes != "error",
            "--sid-format": options.sid_format is not None,
        }
        if flag := _first(of_codes | of_tokens):
            raise UsageError(f"{flag} can only be used with --semantic-ids FILE")


def _first(given: Mapping[str, object]) -> str | None:
    """Return the first flag that is given."""
    return next((flag for flag, is_given in given.items() if is_given), None)
