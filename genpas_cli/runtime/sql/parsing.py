"""Parses conditions into syntax trees; nothing is bound to columns or evaluated."""

from __future__ import annotations

import itertools
import json

import duckdb

from genpas_cli.runtime.sql.expressions import MOST_CHARACTERS, MOST_LEVELS, Node, Refusal

_BEFORE = "SELECT 1 WHERE ("


def parsed(con: duckdb.DuckDBPyConnection, text: str) -> Node:
    """Return the syntax tree of one expression.

    Args:
        con: a DuckDB connection.
        text: the expression.

    Raises:
        Refusal: the text is too long, nested too deeply, or contains bytes that are not UTF-8.
        duckdb.Error: the text is not one expression.
    """
    if len(text) > MOST_CHARACTERS:
        raise Refusal(f"{len(text):,} characters; at most {MOST_CHARACTERS:,} are allowed")
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        raise Refusal("bytes that are not UTF-8") from error
    _check_brackets(text, content)
    duckdb.SQLExpression(text)
    # SQLExpression has accepted the text as one expression, so it cannot close the bracket; "\n" ends a comment.
    serialized = con.execute("SELECT json_serialize_sql($1)", [f"{_BEFORE}{text}\n)"]).fetchall()[0][0]
    try:
        found = json.loads(serialized)
    except RecursionError as error:
        raise Refusal(f"more than {MOST_LEVELS} levels of nesting") from error
    if found["error"]:
        raise duckdb.ParserException(f"Parser Error: {found['error_message']}")
    where: Node = found["statements"][0]["node"]["where_clause"]
    return where


def place_of(node: Node) -> slice:
    """Return the place of a node in the UTF-8 bytes of the parsed text."""
    start = node["query_location"] - len(_BEFORE)
    return slice(start, start + node["query_location_length"])


def _check_brackets(text: str, content: bytes) -> None:
    """Raise Refusal for more than MOST_LEVELS nested brackets: DuckDB's parser takes a gigabyte for 3,000."""
    starts, depth = duckdb.tokenize(text), 0
    for (start, kind), (end, _) in itertools.pairwise([*starts, (None, None)]):
        if kind == duckdb.token_type.operator:
            token = content[start:end]
            depth += sum(map(token.count, (b"(", b"[", b"{"))) - sum(map(token.count, (b")", b"]", b"}")))
            if depth > MOST_LEVELS:
                raise Refusal(f"more than {MOST_LEVELS} levels of nesting")
