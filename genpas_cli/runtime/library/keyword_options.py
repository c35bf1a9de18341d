"""Options of the library's functions as keywords: `augment(log, alpha=0.5)` is `augment(log, options=...)`.

A function with parameters such as `options: AugmentOptions | None` takes the fields of these classes as keywords too if
it declares `**_: Unpack[AugmentKeywords]`. docs/generate.py generates the TypedDicts from the classes, as
`<room>/keywords.py`, so that type checkers and editors know the keywords. `arguments.checked` puts the keywords into
the options objects before it calls the function.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.options import Options
from genpas_cli.runtime.text.nearest import nearest

OptionTypes = Mapping[str, type[Options]]
"""Parameter → options class, for the parameters of a function that are options."""


def keywords_parameter(signature: inspect.Signature) -> str | None:
    """Return the name of the parameter that collects keywords; None if the function takes no options as keywords."""
    kinds = {parameter.kind: name for name, parameter in signature.parameters.items()}
    return kinds.get(inspect.Parameter.VAR_KEYWORD)


def fields_of(types: OptionTypes) -> dict[str, dataclasses.Field[Any]]:
    """Return the options that a function takes as keywords, by name; classes may share options."""
    return {field.name: field for kind in types.values() for field in dataclasses.fields(kind)}


def signature_with(signature: inspect.Signature, types: OptionTypes) -> inspect.Signature:
    """Return a signature in which each option is a keyword-only parameter, for `help` and completion."""
    own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    keywords = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
        for name, field in fields_of(types).items()
    ]
    return signature.replace(parameters=[*own, *keywords])


def merged(
    function: Callable[..., Any], given: Mapping[str, Any], keywords: Mapping[str, Any], types: OptionTypes
) -> dict[str, Options]:
    """Return the options objects that the keywords make or change; a keyword replaces the field of a given object.

    Args:
        function: the function that is called, for the message.
        given: its arguments by name, without the keywords.
        keywords: the options given as keywords.
        types: options class of each parameter that is options. Each gets the keywords that are its fields.

    Raises:
        UsageError: a keyword is not an option, or has a value that the option does not accept.
    """
    known = fields_of(types)
    if unknown := next((name for name in keywords if name not in known), None):
        raise _unknown(function, unknown, known)
    made: dict[str, Options] = {}
    for parameter, kind in types.items():
        names = {field.name for field in dataclasses.fields(kind)}
        if own := {name: value for name, value in keywords.items() if name in names}:
            before = given.get(parameter)
            made[parameter] = kind(**own) if before is None else dataclasses.replace(before, **own)
    return made


def _unknown(function: Callable[..., Any], name: str, options: Mapping[str, Any]) -> UsageError:
    """Return the error for an option that does not exist."""
    parameters = inspect.signature(function).parameters.values()
    own = [p.name for p in parameters if p.kind is not inspect.Parameter.VAR_KEYWORD]
    near = nearest(name, [*own, *options])
    return UsageError(
        f"{function.__name__}() has no option {name!r}" + (f"; did you mean {near}?" if near else ""),
        tip=f"To list the options: help(genpas_cli.{function.__name__})",
    )
