"""What one field's schema cannot say: rules in CEL, and what may not change. Pure.

A part's own `__post_init__` says the same of one state; only the API server sees two.
"""

from typing import Final

import msgspec

from ssmd.operator.spec.api import ApiSpec
from ssmd.operator.spec.archiver import ArchiverSpec, ArchiveVolume, FeedSource
from ssmd.operator.spec.connector import ConnectorSpec, SpoolVolume
from ssmd.operator.spec.schedules import ArchiveReference
from ssmd.operator.spec.workload import MOUNTED, SecretFile, Workload


class Rule(msgspec.Struct, frozen=True):
    """One rule.

    Attributes:
        rule: The expression; true when all is well.
        message: What is wrong otherwise, and what to do.
        path: The field that is blamed, when it is one.
    """

    rule: str
    message: str
    path: str | None = None


def _fixed(field: str, why: str) -> Rule:
    """A field that must be given, and then stays."""
    return Rule(f"self.{field} == oldSelf.{field}", f"`{field}` stays as it is: {why}", f".{field}")


def _fixed_option(field: str, why: str, unless: str = "") -> Rule:
    """A field that may be left out, and stays as it was: given, or left out."""
    same = (
        f"has(self.{field}) == has(oldSelf.{field})"
        f" && (!has(self.{field}) || self.{field} == oldSelf.{field})"
    )
    return Rule(f"{unless} || ({same})" if unless else same, f"`{field}` stays as it is: {why}")


def _grows(unless: str = "") -> Rule:
    grows = "quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0"
    return Rule(
        f"{unless} || {grows}" if unless else grows,
        "`size` may grow, and not shrink: a claim cannot become smaller",
        ".size",
    )


_ROOTS: Final = "[" + ", ".join(f"'{root}/'" for root in MOUNTED) + "]"
_ANOTHER: Final = "make another resource, and delete this one when that works"
_NO_CLAIM: Final = "self.type != 'persistentVolumeClaim' || oldSelf.type != 'persistentVolumeClaim'"

_RULES: Final[dict[type[msgspec.Struct], tuple[Rule, ...]]] = {
    SecretFile: (
        Rule(
            f"!has(self.path) || {_ROOTS}.all(root,"
            " !(self.path + '/').startsWith(root) && !root.startsWith(self.path + '/'))",
            f"`path` may not be in, or above, what the pod has already: {', '.join(MOUNTED)}",
        ),
        Rule("!has(self.path) || !self.path.contains('/..')", "`path` may not lead upwards"),
    ),
    Workload: (
        Rule(
            "!has(self.env) || self.env.all(name,"
            " size(name) <= 256 && name.matches('^[A-Za-z_][A-Za-z0-9_]*$'))",
            "a name in `env` is no name of a variable: letters, digits and underscores",
            ".env",
        ),
        Rule(
            "!has(self.env) || !has(self.secretEnv)"
            " || self.secretEnv.all(each, !(each.name in self.env))",
            "a variable stands in `env` and in `secretEnv`: remove one of them",
        ),
        Rule(
            "!has(self.secretFiles) || self.secretFiles.all(each, !has(each.path)"
            " || self.secretFiles.exists_one(other, has(other.path) && other.path == each.path))",
            "two of `secretFiles` have one `path`",
        ),
    ),
    ConnectorSpec: (
        _fixed("feed", f"it is what is recorded; {_ANOTHER}"),
        _fixed("environment", f"it says onto which stream; {_ANOTHER}"),
    ),
    SpoolVolume: (
        _fixed_option("storageClassName", "the claims have it", _NO_CLAIM),
        _grows(_NO_CLAIM),
    ),
    FeedSource: (
        Rule(
            "(!has(self.stream) && !has(self.consumer))"
            " || !has(self.categories) || size(self.categories) <= 1",
            "a `stream` or `consumer` of your own goes with one category at most",
        ),
    ),
    ArchiveVolume: (
        _fixed_option("storageClassName", "the claim has it"),
        _fixed("accessMode", "the claim has it"),
        _fixed_option("existingClaim", f"another claim is another archive; {_ANOTHER}"),
        _grows("has(self.existingClaim)"),
    ),
    ArchiverSpec: (
        _fixed("environment", f"it says from which streams; {_ANOTHER}"),
        Rule(
            "!has(self.upload) || self.tables",
            "`upload` needs `tables: true`: one process makes and uploads them",
        ),
        Rule(
            "self.sources.all(each, (has(each.categories) && size(each.categories) > 0)"
            " || self.sources.exists_one(other, other.feed == each.feed))",
            "a feed stands twice in `sources`: name categories, or the feed once",
        ),
        Rule(
            "self.sources.all(each, !has(each.categories) || each.categories.all(name,"
            " self.sources.exists_one(other, other.feed == each.feed"
            " && has(other.categories) && name in other.categories)))",
            "a category of a feed stands twice in `sources`",
        ),
    ),
    ArchiveReference: (
        Rule(
            "has(self.archiver) != has(self.claim)",
            "name an `archiver` or a `claim`: one of them",
        ),
    ),
    ApiSpec: (
        Rule(
            "self.httpPort != self.port",
            "`httpPort` and `port` are one: clients and health have a port each",
            ".httpPort",
        ),
        Rule(
            "!has(self.identityHeader)"
            " || (has(self.trustedProxies) && size(self.trustedProxies) > 0)",
            "`identityHeader` is believed of nobody: name the proxy in `trustedProxies`",
        ),
    ),
}


def rules_of(struct: type[msgspec.Struct]) -> list[dict[str, str]]:
    """The rules of a part, those of what it builds on first, as `x-kubernetes-validations`."""
    found = [rule for each in reversed(struct.__mro__) for rule in _RULES.get(each, ())]
    return [
        {"rule": each.rule, "message": each.message}
        | ({"fieldPath": each.path} if each.path else {})
        for each in found
    ]
