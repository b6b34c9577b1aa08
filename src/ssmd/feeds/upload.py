"""upload.yaml, and `upload` of ssmd.yaml: where sealed files go, and what may be let go here."""

from typing import Annotated

from msgspec import Meta, field

from ssmd.feeds.values import Section, Text


class Retention(Section, frozen=True, kw_only=True):
    """When files that the store is proved to hold are removed here; manifests never are.

    Attributes:
        keep_s: Older files are removed, in seconds since the end of their slot; None keeps them.
        max_bytes: Beyond this size of the archive its oldest files are removed, in bytes; None
            sets no bound.
        needs_tables: Whether a raw segment stays until its slot's tables are made.
    """

    keep_s: Annotated[float, Meta(ge=0)] | None = None
    max_bytes: Annotated[int, Meta(ge=0)] | None = None
    needs_tables: bool = True


class UploadSettings(Section, frozen=True, kw_only=True):
    """Where sealed files go, and how.

    Attributes:
        url: `s3://bucket/prefix`, `gs://...`, `az://...`, or `file://...`; no credentials.
        options: Of the store, by the names of Polars' `storage_options`; credentials belong in
            the environment.
        interval_s: Pause between two looks at what is new, in seconds.
        attempts: How often a file is tried before the others of its day wait for the next look.
        base_s: Bound of the first pause before trying again, in seconds; it doubles.
        cap_s: The pause's bound never grows beyond this, in seconds.
        retention: What may be let go here; None keeps everything.
    """

    url: Text
    options: dict[Text, str] = field(default_factory=dict)
    interval_s: Annotated[float, Meta(gt=0)] = 30.0
    attempts: Annotated[int, Meta(ge=1)] = 6
    base_s: Annotated[float, Meta(ge=0)] = 0.5
    cap_s: Annotated[float, Meta(ge=0)] = 60.0
    retention: Retention | None = None
