"""Which format is meant: by the word `format`, else by what the caller accepts."""

from typing import Annotated, Final, Literal, get_args

from fastapi import Query, Request

from ssmd.api.problems import Refused

Kind = Literal["json", "ndjson", "csv", "arrow", "parquet"]
"""Every format; `json` alone comes in pages."""
MEDIA: Final[dict[Kind, str]] = {
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}
"""The media type of every format."""
_BY_MEDIA: Final = {media.partition(";")[0]: kind for kind, media in MEDIA.items()} | {
    "*/*": "json",
    "application/*": "json",
    "text/*": "csv",
}

Format = Annotated[
    Kind | None,
    Query(
        alias="format",
        description="How rows come: `json` in pages, the others whole, as a stream. Default: what `Accept` says, else `json`.",
    ),
]


def kind_of(request: Request, wanted: Kind | None) -> Kind:
    """The format that is meant.

    Raises:
        Refused: 406, when nothing that is accepted can be given.
    """
    if wanted is not None:
        return wanted
    accepted = request.headers.get("accept", "*/*").lower()
    for name in sorted(map(_weighed, accepted.split(",")), key=lambda each: -each[1]):
        kind = _BY_MEDIA.get(name[0])
        if kind is not None and name[1] > 0:
            return kind
    kinds = ", ".join(get_args(Kind))
    raise Refused(
        406, "format", f"Nothing of {accepted[:100]!r} can be given.", f"Use `format`: {kinds}."
    )


def _weighed(part: str) -> tuple[str, float]:
    """A media type, and how welcome it is."""
    media, *words = (each.strip() for each in part.split(";"))
    weight = next((word[2:] for word in words if word.startswith("q=")), "1")
    try:
        return media, float(weight)
    except ValueError:
        return media, 0.0
