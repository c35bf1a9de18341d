"""The SQL that a user's condition may contain, restricted so that memory and time are bounded.

Nothing is bound or evaluated before the syntax tree has been checked, because DuckDB computes constant arguments while
binding. Only the functions listed here are allowed. Each depends on its arguments only and has a result whose size is
bounded by theirs, so that the bytes per row are bounded before any row is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

Node = dict[str, Any]

MOST_CHARACTERS = 100_000
MOST_LEVELS = 100
_CONSTANT_BYTES = 1 << 20
"""Maximum bytes of a constant value."""
_PATTERN_COST = 1000
"""Maximum characters of all regular expressions with repeats expanded: a bound of the cost per matched character."""
_PADDED = 1000
_FIXED = 16
_AS_TEXT = 64
"""Bytes of a number, time or interval as text."""

_CLASSES = frozenset({
    "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION", "LAMBDA",
    "OPERATOR", "TYPE",
})  # fmt: skip
_OPERATORS = frozenset({
    "ARRAY_EXTRACT", "ARRAY_SLICE", "COMPARE_IN", "COMPARE_NOT_IN", "OPERATOR_COALESCE", "OPERATOR_IS_NOT_NULL",
    "OPERATOR_IS_NULL", "OPERATOR_NOT", "OPERATOR_TRY", "STRUCT_EXTRACT",
})  # fmt: skip
_WITH_VALUES = frozenset({"ARRAY_EXTRACT", "ARRAY_SLICE", "OPERATOR_COALESCE", "OPERATOR_TRY", "STRUCT_EXTRACT"})
"""Operators whose result is an argument or a part of one; the result of the others is true, false or NULL."""
_LITERALS = frozenset({"BOOLEAN", "INTEGER", "NULL_LITERAL", "NUMERIC", "STRING"})
_TEXT_TYPES = frozenset({"BLOB", "BPCHAR", "BYTEA", "CHAR", "STRING", "TEXT", "VARBINARY", "VARCHAR"})
_TYPES = _TEXT_TYPES | {
    "BIGINT", "BOOL", "BOOLEAN", "DATE", "DATETIME", "DEC", "DECIMAL", "DOUBLE", "FLOAT", "FLOAT4", "FLOAT8", "HUGEINT",
    "INT", "INT1", "INT128", "INT2", "INT4", "INT8", "INTEGER", "INTERVAL", "LONG", "NUMERIC", "REAL", "SHORT",
    "SIGNED", "SMALLINT", "TIME", "TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_MS",
    "TIMESTAMP_NS", "TIMESTAMP_S", "TIMESTAMP_US", "TINYINT", "UBIGINT", "UHUGEINT", "UINTEGER", "USMALLINT",
    "UTINYINT", "UUID",
}  # fmt: skip

FIXED = frozenset({
    # numbers
    "%", "&", "*", "**", "+", "-", "/", "//", "<<", ">>", "@", "^", "abs", "acos", "add", "asin", "atan", "atan2",
    "bit_count", "cbrt", "ceil", "ceiling", "cos", "cot", "degrees", "divide", "even", "exp", "fdiv", "floor", "fmod",
    "gcd", "isfinite", "isinf", "isnan", "lcm", "ln", "log", "log10", "log2", "mod", "multiply", "pi", "pow", "power",
    "radians", "round", "round_even", "sign", "signbit", "sin", "sqrt", "subtract", "tan", "trunc", "xor", "|", "~",
    # text to number or boolean
    "^@", "ascii", "bit_length", "char_length", "character_length", "contains", "ends_with", "hash", "ilike_escape",
    "instr", "length", "length_grapheme", "like_escape", "md5", "not_ilike_escape", "not_like_escape", "octet_length",
    "ord", "position", "prefix", "sha256", "starts_with", "strlen", "strpos", "suffix", "unicode", "!~~", "!~~*", "~~",
    "~~*", "~~~", "regexp_full_match", "regexp_matches",
    # times
    "century", "date_add", "date_diff", "date_part", "date_sub", "date_trunc", "datediff", "datepart", "datesub",
    "datetrunc", "day", "dayname", "dayofmonth", "dayofweek", "dayofyear", "days_in_month", "decade", "epoch",
    "epoch_ms", "epoch_ns", "epoch_us", "era", "hour", "isodow", "isoyear", "julian", "last_day", "make_date",
    "make_time", "make_timestamp", "microsecond", "millennium", "millisecond", "minute", "month", "monthname",
    "nanosecond", "quarter", "second", "strptime", "time_bucket", "timezone", "to_days", "to_hours", "to_microseconds",
    "to_milliseconds", "to_minutes", "to_months", "to_quarters", "to_seconds", "to_timestamp", "to_weeks", "to_years",
    "try_strptime", "week", "weekday", "weekofyear", "year", "yearweek",
    # lists, structs, JSON
    "&&", "<@", "@>", "array_contains", "array_has", "array_has_all", "array_has_any", "array_length",
    "array_position", "cardinality", "json_array_length", "json_contains", "json_exists", "json_type", "json_valid",
    "len", "list_contains", "list_count", "list_has", "list_has_all", "list_has_any", "list_indexof", "list_position",
    "list_unique", "map_contains",
})  # fmt: skip
"""Functions whose result has a fixed maximum size."""

SIZED = frozenset({
    "->", "->>", "array_distinct", "array_extract", "array_filter", "array_slice", "array_sort", "concat", "concat_ws",
    "element_at", "filter", "greatest", "if", "json_extract", "json_extract_path", "json_extract_path_text",
    "json_extract_string", "json_value", "lcase", "least", "left", "list_concat", "list_distinct", "list_element",
    "list_extract", "list_filter", "list_first", "list_last", "list_max", "list_min", "list_slice", "list_sort",
    "list_sum", "list_value", "lower", "ltrim", "map_extract", "map_extract_value", "map_keys", "map_values",
    "nfc_normalize", "nullif", "regexp_extract", "reverse", "right", "row", "rtrim", "split", "split_part",
    "str_split", "string_split", "string_to_array", "strip_accents", "struct_extract", "struct_pack", "substr",
    "substring", "translate", "trim", "ucase", "upper", "||",
})  # fmt: skip
"""Functions whose result is about as large as their arguments together."""

SPECIAL = frozenset({"chr", "lpad", "regexp_replace", "replace", "rpad", "strftime"})
"""Functions whose result is bounded if one argument is a constant."""

_FACTOR = {"lower": 2, "lcase": 2, "upper": 2, "ucase": 2, "nfc_normalize": 4, "strip_accents": 2,
           "string_split": 16, "str_split": 16, "split": 16, "string_to_array": 16, "split_part": 16}  # fmt: skip
"""Maximum ratio of result to argument bytes: case mapping changes lengths, and each text of a list takes 16 bytes."""

_REGULAR = frozenset({"regexp_matches", "regexp_full_match", "regexp_extract", "regexp_replace"})
_JSON_PATHS = frozenset({"->", "->>", "json_extract", "json_extract_path", "json_extract_path_text",
                         "json_extract_string", "json_value", "json_exists", "json_type",
                         "json_array_length"})  # fmt: skip
_FORMATS = frozenset({"strftime", "strptime", "try_strptime"})
_REPEAT = re.compile(r"(\)?)\{(\d+)(?:,(\d*))?\}")


class Size(NamedTuple):
    """A bound of the bytes per row: `rows` times the bytes of the row's columns, plus `fixed`."""

    rows: int = 0
    fixed: int = 0

    def __add__(self, other: object) -> Size:
        assert isinstance(other, Size)
        return Size(self.rows + other.rows, self.fixed + other.fixed)

    def times(self, factor: int) -> Size:
        """Return the bound multiplied by a factor."""
        return Size(self.rows * factor, self.fixed * factor)


class Refusal(Exception):  # noqa: N818  # callers turn it into a UsageError of the option
    """The reason for refusing an expression, such as `the function repeat()`."""


class UnlistedFunction(Refusal):
    """A function or an operator that is not listed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.shown = f"function {name}()" if name.isidentifier() else f"operator {name}"
        super().__init__(f"the {self.shown}")


class UnknownColumn(Refusal):
    """A name in an expression that is no column; the text is the name."""


def compared_with_column(tree: Node, name: str, columns: Sequence[str]) -> bool:
    """Tell whether an expression compares a name with a column, as in `event = view`, where a text was meant."""
    known = {column.lower() for column in columns}
    for node in all_nodes(tree):
        if node["class"] == "COMPARISON" or node["type"] in ("COMPARE_IN", "COMPARE_NOT_IN"):
            sides = [".".join(each["column_names"]) for each in children(node) if each["class"] == "COLUMN_REF"]
            if name in sides and any(side.lower() in known for side in sides):
                return True
    return False


def size_of(where: Node, columns: Sequence[str], *, nested: Sequence[str]) -> Size:
    """Return a bound of the bytes that all intermediate results of an expression take together for one row.

    Args:
        where: syntax tree of the expression, from `json_serialize_sql`.
        columns: names of the columns that it may use.
        nested: those of `columns` that are lists, structs or maps.

    Raises:
        Refusal: the expression contains something not allowed or without a bound.
    """
    _check_depth(where)
    names = {name.lower() for name in columns}
    every = _Sizes(names, {name.lower() for name in nested}, has_lists=bool(nested) or "list_value" in str(where))
    every.of(where, frozenset())
    return every.total


def children(node: Node) -> Iterator[Node]:
    """Yield the direct subexpressions of an expression."""
    waiting: list[Any] = list(reversed(node.values()))
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "class" in value:
                yield value
            else:
                waiting.extend(reversed(value.values()))
        elif isinstance(value, list):
            waiting.extend(reversed(value))


def all_nodes(tree: Node) -> Iterator[Node]:
    """Yield an expression and all its subexpressions."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(children(node))


def _check_depth(tree: Node) -> None:
    level, depth = [tree], 0
    while level:
        depth += 1
        if depth > MOST_LEVELS:
            raise Refusal(f"more than {MOST_LEVELS} levels of nesting")
        level = [child for node in level for child in children(node)]


class _Sizes:
    """Computes the bounds of one expression; `total` is the sum over all intermediate results."""

    def __init__(self, columns: set[str], nested: set[str], *, has_lists: bool) -> None:
        self.columns, self.nested, self.has_lists = columns, nested, has_lists
        self.total, self._patterns = Size(), 0

    def of(self, node: Node, parameters: frozenset[str]) -> Size:
        """Return the bound of a node's result, after adding the results of it and its descendants to `total`."""
        kind = node["class"]
        if kind not in _CLASSES:
            raise Refusal(f"a {kind.lower().replace('_', ' ')}")
        if kind == "COLUMN_REF":
            return self._column(node, parameters)
        if kind == "CONSTANT":
            return _constant(node)
        if kind == "LAMBDA":
            raise Refusal("a lambda outside list_filter()")
        if kind == "FUNCTION":
            return self._function(node, parameters)
        if kind == "CAST":
            return self._cast(node, parameters)
        if kind == "OPERATOR" and node["type"] not in _OPERATORS:
            raise Refusal(f"the operator {node['type']}")
        sizes = [self.of(child, parameters) for child in children(node)]
        if kind in ("CASE", "COLLATE") or node["type"] in _WITH_VALUES:
            return self._held(Size(max(size.rows for size in sizes), max(size.fixed for size in sizes)))
        return Size(0, _FIXED)

    def _column(self, node: Node, parameters: frozenset[str]) -> Size:
        path = [name.lower() for name in node["column_names"]]
        # `current_date` and `user` parse as columns, but are functions if no column has that name.
        if len(path) > MOST_LEVELS:
            raise Refusal(f"more than {MOST_LEVELS} levels of nesting")
        if path[0] not in self.columns | parameters:
            raise UnknownColumn(".".join(node["column_names"]))
        if parameters and path[0] in self.nested and path[0] not in parameters:
            raise Refusal(
                f"the column {path[0]} inside a lambda; the column contains lists, and a lambda may only use scalar "
                "values"
            )
        return Size(1, 0)

    def _held(self, size: Size) -> Size:
        if size.rows == 0 and size.fixed > _CONSTANT_BYTES:
            raise Refusal(f"a constant larger than {_CONSTANT_BYTES:,} bytes")
        self.total += size
        return size

    def _cast(self, node: Node, parameters: frozenset[str]) -> Size:
        name = node["type_expr"]["type_name"].upper()
        if name not in _TYPES or node["type_expr"]["schema"]:
            raise Refusal(f"a cast to {name}; only casts to numbers, times and text are allowed")
        size = self.of(node["child"], parameters)
        return self._held(size + Size(0, _AS_TEXT)) if name in _TEXT_TYPES else Size(0, _FIXED)

    def _function(self, node: Node, parameters: frozenset[str]) -> Size:
        name = node["function_name"].lower()
        if name not in FIXED | SIZED | SPECIAL:
            raise UnlistedFunction(name)
        arguments = [argument["expression"] for argument in node["arguments"]]
        if node["schema"]:  # `item.lower()` parses like `main.lower(item)`
            arguments.insert(0, {"class": "COLUMN_REF", "type": "COLUMN_REF", "column_names": [node["schema"]]})
        if node["catalog"] or node["distinct"] or node["filter"] or node["order_bys"]["orders"]:
            raise Refusal(f"{name}() with DISTINCT, FILTER, ORDER BY or a catalog")
        if parameters and name not in FIXED:
            raise Refusal(f"the function {name}() inside a lambda")
        self._check_constants(name, arguments)
        sizes = [self._argument(name, argument, parameters) for argument in arguments]
        if name in SPECIAL:
            return self._held(_special(name, arguments, sizes))
        if name in FIXED and not (name == "+" and self.has_lists):
            return Size(0, _FIXED)
        return self._held(sum(sizes, Size(0, _FIXED * len(sizes))).times(_FACTOR.get(name, 1)))

    def _argument(self, name: str, node: Node, parameters: frozenset[str]) -> Size:
        if node["class"] != "LAMBDA":
            return self.of(node, parameters)
        if name not in ("list_filter", "array_filter", "filter") or parameters:
            raise Refusal("a lambda outside list_filter(), or inside another lambda")
        own = {n.lower() for inner in all_nodes(node["lhs"]) for n in inner.get("column_names", [])}
        self.of(node["expr"], frozenset(own))
        return Size()

    def _check_constants(self, name: str, arguments: Sequence[Node]) -> None:
        """Check constant arguments that determine the cost of a function."""
        if name in _REGULAR and len(arguments) > 1:
            self._patterns += _pattern_cost(_text(name, "pattern", arguments[1]))
            if self._patterns > _PATTERN_COST:
                raise Refusal(
                    f"a regular expression with too many repetitions: {_text(name, 'pattern', arguments[1])!r}"
                )
        if name in _FORMATS and len(arguments) > 1:
            for format_ in arguments[1:]:
                for each in [format_] if format_["class"] == "CONSTANT" else children(format_):
                    _text(name, "format", each)
        if name in _JSON_PATHS:
            for path in arguments[1:]:
                if "*" in _text(name, "path", path):
                    raise Refusal(f"a JSON path with `*` in {name}()")


def _special(name: str, arguments: Sequence[Node], sizes: Sequence[Size]) -> Size:
    if name == "chr":
        return Size(0, _FIXED)
    if name in ("lpad", "rpad"):
        length = _text(name, "length", arguments[1] if len(arguments) > 1 else {"class": ""})
        if not length.isdecimal() or int(length) > _PADDED:
            raise Refusal(f"{name}() to a length of {length}; at most {_PADDED} characters are allowed")
        return Size(0, 4 * int(length))
    if name == "strftime":
        return Size(0, _AS_TEXT * sum((size.fixed for size in sizes), 1))
    longer = len(_text(name, "replacement", arguments[2] if len(arguments) > 2 else {"class": ""}).encode())  # noqa: PLR2004
    if name == "replace":
        replaced = arguments[1]
        known = len(_text(name, "text", replaced).encode()) if replaced["class"] == "CONSTANT" else 1
        return sizes[0].times(max(1, -(-longer // max(known, 1))))
    return sizes[0].times(1 + longer) + Size(0, longer)


def _constant(node: Node) -> Size:
    literal = node["literal"]
    if literal["kind"] not in _LITERALS:
        raise Refusal(f"a constant of the type {literal['kind']}")
    return Size(0, len(literal["text"].encode()) + _FIXED)


def _text(name: str, what: str, node: Node) -> str:
    """Return the text of an argument; raise Refusal if it is not a constant."""
    if node["class"] != "CONSTANT":
        raise Refusal(f"{name}() with a {what} that is not a constant")
    text: str = node["literal"]["text"]
    return text


def _pattern_cost(pattern: str) -> int:
    """Return the approximate length of a regular expression with its counted repeats expanded."""
    added, product = 0, 1
    for of_group, least, most in _REPEAT.findall(pattern):
        count = int(most or least)
        if of_group:
            product *= max(count, 1)
        else:
            added += count
    return (len(pattern) + added) * product
