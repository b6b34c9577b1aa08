"""Validation against a structural schema: what is wrong, field by field, in the server's words.

Source: Kubernetes' documentation of CustomResourceDefinitions; messages as kube-openapi has them.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from ssmd.sim.kubernetes.fieldset import dumped
from ssmd.sim.kubernetes.refusal import Cause, bad_value, required, unsupported
from ssmd.sim.kubernetes.shapes import Object, Value

Rule = Callable[[str, Value, Value], bool]
"""Judges a CEL expression: (expression, self, oldSelf) -> whether it is true."""

NOTHING: Final = object()
"""Stands for what was not there before; null may have been."""
UNCHECKED: Final[Cause] = (
    "FieldValueInvalid",
    (
        "Invalid value: null: some validation rules were not checked because the object was invalid;"
        " correct the existing errors to complete validation"
    ),
    "<nil>",
)
"""What is added when other errors kept the rules from being judged."""
_TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}
_NAMES: Final = (
    (bool, "boolean"),
    (str, "string"),
    (int, "integer"),
    (float, "number"),
    (list, "array"),
    (dict, "object"),
)


def has_rules(schema: Value) -> bool:
    """Whether a schema has rules, at any depth."""
    if isinstance(schema, list):
        return any(map(has_rules, schema))
    if not isinstance(schema, dict):
        return False
    return "x-kubernetes-validations" in schema or any(map(has_rules, schema.values()))


def problems(
    schema: Object, value: Value, at: str, old: Value = NOTHING, rule: Rule | None = None
) -> Iterator[Cause]:
    """What is wrong with a value.

    Args:
        schema: What it must be.
        value: The value.
        at: Its path, "" for the whole object.
        old: What was there before, for rules about changes.
        rule: Judges rules; without it they are not judged.
    """
    wrong = _type_problem(schema, value, at)
    if wrong:
        yield wrong
        return
    if value is None:
        return
    if "enum" in schema and value not in schema["enum"]:
        yield unsupported(at, value, schema["enum"])
    yield from _junctors(schema, value, at)
    if isinstance(value, bool):
        pass
    elif isinstance(value, str):
        yield from _text(schema, value, at)
    elif isinstance(value, int | float):
        yield from _number(schema, value, at)
    elif isinstance(value, list):
        yield from _list(schema, value, at, old, rule)
    elif isinstance(value, dict):
        yield from _object(schema, value, at, old, rule)
    if rule is not None:
        yield from _rules(schema, value, at, old, rule)


def _type_problem(schema: Object, value: Value, at: str) -> Cause | None:
    if value is None:
        if schema.get("nullable") or "type" not in schema:
            return None
        return _wrong_type(at, schema["type"], "null")
    if schema.get("x-kubernetes-int-or-string"):
        fits = isinstance(value, int | str) and not isinstance(value, bool)
        return None if fits else _wrong_type(at, "integer,string", _name(value))
    wanted = schema.get("type")
    if not wanted:
        return None
    if wanted == "integer" and isinstance(value, float) and not value.is_integer():
        return _wrong_type(at, str(schema.get("format", wanted)), "float64")
    fits = isinstance(value, _TYPES[wanted])
    if isinstance(value, bool):
        fits = wanted == "boolean"
    elif wanted == "integer" and isinstance(value, float):
        fits = value.is_integer()
    return None if fits else _wrong_type(at, wanted, _name(value))


def _wrong_type(at: str, wanted: str, got: str) -> Cause:
    message = f'Invalid value: "{got}": {at or "<nil>"} in body must be of type {wanted}: "{got}"'
    return ("FieldValueTypeInvalid", message, at or "<nil>")


def _name(value: Value) -> str:
    return next((name for kind, name in _NAMES if isinstance(value, kind)), "null")


def _text(schema: Object, value: str, at: str) -> Iterator[Cause]:
    if "pattern" in schema and not re.search(_go(schema["pattern"]), value):
        yield bad_value(at, value, f"{at} in body should match '{schema['pattern']}'")
    if len(value) > schema.get("maxLength", len(value)):
        most = schema["maxLength"]
        yield ("FieldValueTooLong", f"Too long: may not be more than {most} bytes", at)
    if len(value) < schema.get("minLength", 0):
        least = schema["minLength"]
        yield bad_value(at, value, f"{at} in body should be at least {least} chars long")


def _go(pattern: str) -> str:
    """Go's `$` is the end of the text; Python's is also the line end before it."""
    return (
        pattern[:-1] + r"\Z" if pattern.endswith("$") and not pattern.endswith(r"\$") else pattern
    )


def _number(schema: Object, value: float, at: str) -> Iterator[Cause]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and (value < least or (schema.get("exclusiveMinimum") and value == least)):
        equal = "" if schema.get("exclusiveMinimum") else " or equal to"
        yield bad_value(at, value, f"{at} in body should be greater than{equal} {least}")
    if most is not None and (value > most or (schema.get("exclusiveMaximum") and value == most)):
        equal = "" if schema.get("exclusiveMaximum") else " or equal to"
        yield bad_value(at, value, f"{at} in body should be less than{equal} {most}")
    if "multipleOf" in schema and value % schema["multipleOf"]:
        yield bad_value(at, value, f"{at} in body should be a multiple of {schema['multipleOf']}")


def _list(
    schema: Object, value: list[Value], at: str, old: Value, rule: Rule | None
) -> Iterator[Cause]:
    if len(value) > schema.get("maxItems", len(value)):
        most = schema["maxItems"]
        message = f"Too many: {len(value)}: must have at most {most} items"
        yield ("FieldValueTooMany", message, at)
    if len(value) < schema.get("minItems", 0):
        least = schema["minItems"]
        yield bad_value(at, len(value), f"{at} in body should have at least {least} items")
    keys = schema.get("x-kubernetes-list-map-keys") or ()
    seen: set[str] = set()
    before = _by_key(old, keys)
    for number, each in enumerate(value):
        path = f"{at}[{number}]"
        if schema.get("x-kubernetes-list-type") in {"map", "set"}:
            text = dumped(_key(each, keys))
            if text in seen:
                yield ("FieldValueDuplicate", f"Duplicate value: {text}", path)
            seen.add(text)
        earlier = before.get(dumped(_key(each, keys)), NOTHING) if keys else NOTHING
        yield from problems(schema.get("items") or {}, each, path, earlier, rule)


def _by_key(old: Value, keys: tuple[str, ...]) -> dict[str, Value]:
    if not keys or not isinstance(old, list):
        return {}
    return {dumped(_key(each, keys)): each for each in old}


def _key(item: Value, keys: tuple[str, ...]) -> Value:
    if not keys or not isinstance(item, dict):
        return item
    return {key: item[key] for key in keys if item.get(key) is not None}


def _object(
    schema: Object, value: Object, at: str, old: Value, rule: Rule | None
) -> Iterator[Cause]:
    for name in schema.get("required") or ():
        if name not in value:
            yield required(f"{at}.{name}" if at else name)
    if len(value) > schema.get("maxProperties", len(value)):
        message = f"Too many: {len(value)}: must have at most {schema['maxProperties']} items"
        yield ("FieldValueTooMany", message, at)
    if len(value) < schema.get("minProperties", 0):
        least = schema["minProperties"]
        yield bad_value(at, len(value), f"{at} in body should have at least {least} properties")
    properties = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    for name, inner in value.items():
        below = properties.get(name, extra if isinstance(extra, dict) else None)
        if below is not None and (at or name != "metadata"):
            earlier = old.get(name, NOTHING) if isinstance(old, dict) else NOTHING
            yield from problems(below, inner, f"{at}.{name}" if at else name, earlier, rule)


def _junctors(schema: Object, value: Value, at: str) -> Iterator[Cause]:
    """allOf, anyOf, oneOf, not: of values, not of structure."""
    for each in schema.get("allOf") or ():
        yield from problems(each, value, at)
    for word, allowed in (("anyOf", range(1, 1 << 30)), ("oneOf", range(1, 2))):
        choices = schema.get(word)
        if choices and sum(not any(problems(c, value, at)) for c in choices) not in allowed:
            yield bad_value(at or "<nil>", "", f'"{at}" must validate one ({word}) schema')
    if "not" in schema and not any(problems(schema["not"], value, at)):
        yield bad_value(at or "<nil>", "", f'"{at}" must not validate the schema (not)')


def _rules(schema: Object, value: Value, at: str, old: Value, rule: Rule) -> Iterator[Cause]:
    for each in schema.get("x-kubernetes-validations") or ():
        expression = each["rule"]
        about_change = "oldSelf" in expression
        if about_change and old is NOTHING and not each.get("optionalOldSelf"):
            continue
        before = None if old is NOTHING else old
        if not rule(expression, value, before if about_change else None):
            message = each.get("message") or f"failed rule: {expression}"
            where = at + each.get("fieldPath", "")
            kind = each.get("reason", "FieldValueInvalid")
            yield (kind, f"Invalid value: {message}", where or "<nil>")
