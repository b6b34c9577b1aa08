"""What is worth seeing of uploads: one function per moment, a log line and its metrics."""

import structlog

from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime import metrics, upload_metrics
from ssmd.runtime.logging import incident

log = structlog.get_logger("ssmd.archive.upload")


def touch(feed: str) -> None:
    """Make every series of a feed's uploads exist at zero."""
    metrics.touch_ledger(feed)


def uploaded(feed: str, name: str, *, size: int, seconds: float) -> None:
    """The store gave back what it was given."""
    upload_metrics.FILES.labels(feed).inc()
    upload_metrics.BYTES.labels(feed).inc(size)
    upload_metrics.SECONDS.labels(feed).observe(seconds)
    log.debug("upload.uploaded", name=name, bytes=size, seconds=round(seconds, 3))


def found_there(feed: str, name: str) -> None:
    """The store had the right bytes already: a crash came between uploading and noting it."""
    log.info("upload.found_there", feed=feed, name=name)


def tried_in_vain(feed: str, name: str, *, reason: str, attempt: int) -> None:
    """A file could not be uploaded or proved now; it is tried again."""
    upload_metrics.FAILURES.labels(feed, "away").inc()
    log.warning("upload.tried_in_vain", name=name, reason=reason, attempt=attempt)


def damaged(feed: str, name: str, reason: str) -> None:
    """A file is not what it should be, here or as the store gives it back; it is not let go."""
    upload_metrics.FAILURES.labels(feed, "damaged").inc()
    incident("upload.damaged", name=name, reason=reason)


def lost_there(feed: str, name: str) -> None:
    """What was proved to be in the store is not there any more; the file here stays."""
    upload_metrics.FAILURES.labels(feed, "lost").inc()
    incident("upload.lost_there", name=name)


def busy(url: str) -> None:
    """Another process uploads this archive to this store at this moment."""
    log.info("upload.busy", url=url)


def looked(feed: str, *, waiting: int, oldest: int | None, now: int) -> None:
    """A feed's files were looked at.

    Args:
        feed: Which feed.
        waiting: Files that are not in the store yet.
        oldest: When the oldest slot with such a file began, ns; None when everything is there.
        now: The time, ns.
    """
    upload_metrics.WAITING.labels(feed).set(waiting)
    upload_metrics.LAG.labels(feed).set(0 if oldest is None else max(0, now - oldest) / SECOND_NS)
    if not waiting:
        upload_metrics.LAST.labels(feed).set(now / SECOND_NS)


def let_go(feed: str, name: str, size: int) -> None:
    """A file was removed here; the store is proved to hold it."""
    upload_metrics.LET_GO_FILES.labels(feed).inc()
    upload_metrics.LET_GO_BYTES.labels(feed).inc(size)
    log.info("upload.let_go", name=name, bytes=size)


def look_failed(reason: str) -> None:
    """Looking for new files ended in trouble; it is done again soon."""
    log.error("upload.look_failed", reason=reason)


def looked_around(url: str, *, files: int, size: int, waiting: int, problems: int) -> None:
    """Everything new was uploaded, as far as it could be."""
    log.info(
        "upload.looked_around",
        url=url,
        files=files,
        bytes=size,
        waiting=waiting,
        problems=problems,
    )
