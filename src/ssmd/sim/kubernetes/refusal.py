"""What the server refuses, as the Status object that says so."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from ssmd.sim.kubernetes.shapes import Object, Value

Cause = tuple[str, str, str]
"""Reason, message, field."""

_REASONS: Final = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Expired",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class Refusal(Exception):
    """An answer that is no success; it never leaves the fake API other than as its Status.

    Args:
        code: The HTTP status.
        message: What a person reads.
        reason: One word; None takes the one that goes with the code.
        details: Name, kind, group, causes, retryAfterSeconds.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        reason: str | None = None,
        details: Object | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = _REASONS.get(code, "Unknown") if reason is None else reason
        self.details = details or {}

    def status(self) -> Object:
        """The Status object."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            **({"details": self.details} if self.details else {}),
            "code": self.code,
        }


def resource_name(plural: str, group: str) -> str:
    """`deployments.apps`, as messages name a resource."""
    return f"{plural}.{group}" if group else plural


def not_found(plural: str, group: str, name: str) -> Refusal:
    """There is no such object."""
    message = f'{resource_name(plural, group)} "{name}" not found'
    return Refusal(404, message, details=_details(plural, group, name))


def no_such_path() -> Refusal:
    """Nobody serves this address."""
    return Refusal(404, "the server could not find the requested resource", details={})


def exists(plural: str, group: str, name: str) -> Refusal:
    """It is there already."""
    message = f'{resource_name(plural, group)} "{name}" already exists'
    details = _details(plural, group, name)
    return Refusal(409, message, reason="AlreadyExists", details=details)


def stale(plural: str, group: str, name: str) -> Refusal:
    """Somebody else wrote in between."""
    message = (
        f'Operation cannot be fulfilled on {resource_name(plural, group)} "{name}": the object has'
        " been modified; please apply your changes to the latest version and try again"
    )
    return Refusal(409, message, details=_details(plural, group, name))


def invalid(kind: str, group: str, name: str, causes: Sequence[Cause]) -> Refusal:
    """Fields are not acceptable; each cause names one."""
    told = [f"{field}: {message}" for _, message, field in causes]
    shown = told[0] if len(told) == 1 else f"[{', '.join(told)}]"
    what = f"{kind}.{group}" if group else kind
    details = _details(kind, group, name)
    details["causes"] = [
        {"reason": reason, "message": message, "field": field} for reason, message, field in causes
    ]
    return Refusal(422, f'{what} "{name}" is invalid: {shown}', details=details)


def terminating(plural: str, group: str, name: str, namespace: str) -> Refusal:
    """The namespace is being deleted."""
    why = f"unable to create new content in namespace {namespace} because it is being terminated"
    refused = forbidden(plural, group, name, why)
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {namespace} is being terminated",
        "field": "metadata.namespace",
    }
    refused.details["causes"] = [cause]
    return refused


def forbidden(plural: str, group: str, name: str, why: str) -> Refusal:
    """The user may not, or the object's state does not allow it."""
    what = resource_name(plural, group)
    message = f'{what} "{name}" is forbidden: {why}' if name else f"{what} is forbidden: {why}"
    return Refusal(403, message, details=_details(plural, group, name))


def gone(version: int, oldest: int) -> Refusal:
    """The version asked for is no longer in the history."""
    return Refusal(410, f"too old resource version: {version} ({oldest})")


def bad_request(message: str) -> Refusal:
    """The request itself makes no sense."""
    return Refusal(HTTPStatus.BAD_REQUEST, message)


def required(field: str, why: str = "") -> Cause:
    """A field is missing."""
    return ("FieldValueRequired", f"Required value: {why}" if why else "Required value", field)


def bad_value(field: str, value: Value, why: str) -> Cause:
    """A field's value is not acceptable."""
    return ("FieldValueInvalid", f"Invalid value: {_quoted(value)}: {why}", field)


def unsupported(field: str, value: Value, allowed: Sequence[Value]) -> Cause:
    """A field's value is none of those allowed."""
    choices = ", ".join(_quoted(each) for each in allowed)
    return (
        "FieldValueNotSupported",
        f"Unsupported value: {_quoted(value)}: supported values: {choices}",
        field,
    )


def _quoted(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return (
        json.dumps(value, separators=(",", ":"))
        if isinstance(value, dict | list)
        else _plain(value)
    )


def _plain(value: Value) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


def _details(kind: str, group: str, name: str) -> Object:
    pairs = {"name": name, "group": group, "kind": kind}
    return {key: value for key, value in pairs.items() if value}
