"""An object store as a store: the only door to obstore.

S3, Google Cloud Storage, Azure, and one in memory. An object appears whole or not at all. Whoever
lists sees what is there: the stores named here have listed consistently since 2020.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

import obstore
from obstore import exceptions
from obstore.store import from_url

from ssmd.archive.store import ranged
from ssmd.archive.store.errors import NotProved, StoreAway, StoreRefused
from ssmd.archive.store.port import Scan, Stored
from ssmd.runtime.secrets import excerpt

SCHEMES: Final = ("s3", "gs", "az", "abfs", "memory")
"""The first part of the addresses understood here."""

CHUNK_BYTES: Final = 8 << 20
"""Larger files go up in parts of this size, in bytes."""
PARALLEL: Final = 4
"""So many parts go up at once; each is held in memory."""
_SHOWN: Final = 300
_NO_BUCKET: Final = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist")
_NO_KEYS: Final = (
    "/latest/api/token",  # where a machine of AWS gets a role's credentials
    "Error performing token request",
    "Account must be specified",
    "credentials from instance metadata",
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_KEYS_REMEDY: Final = (
    "Set the credentials of the store in the environment (for S3 `AWS_ACCESS_KEY_ID` and"
    " `AWS_SECRET_ACCESS_KEY`; see docs/how-to/object-storage.md), or give the machine a role."
)


class ObjectStore:
    """A bucket, or what is below a prefix in one."""

    def __init__(
        self, url: str, options: Mapping[str, str], *, timeout_s: float, retry_s: float
    ) -> None:
        """Make a client; nothing is asked of the store yet.

        Args:
            url: `s3://bucket/prefix`, `gs://...`, `az://...`, `memory:///`.
            options: Of the client, by the names the store's `storage_options` have everywhere.
            timeout_s: Longest wait for one request, in seconds.
            retry_s: How long a request that fails for a passing reason is tried again, in seconds.

        Raises:
            StoreRefused: The address or an option is not understood.
        """
        self.url = url
        self._options = dict(options)
        self._scheme = urlsplit(url).scheme
        config = {k: v for k, v in options.items() if not k.endswith("allow_http")}
        if self._scheme == "s3":
            config.setdefault("aws_checksum_algorithm", "sha256")
        client = {
            "allow_http": any(v == "true" for k, v in options.items() if k.endswith("allow_http")),
            "timeout": timedelta(seconds=timeout_s),
            "connect_timeout": timedelta(seconds=min(timeout_s, 10.0)),
        }
        retry = {
            "max_retries": 10 if retry_s > 0 else 0,
            "retry_timeout": timedelta(seconds=retry_s),
            "backoff": {
                "init_backoff": timedelta(seconds=0.1),
                "max_backoff": timedelta(seconds=5),
                "base": 2,
            },
        }
        more: dict[str, Any] = (
            {}
            if self._scheme == "memory"
            else {"config": config, "client_options": client, "retry_config": retry}
        )
        with self._mapped():
            self._store = from_url(url, **more)

    @property
    def root(self) -> Path | None:
        """No folder of this machine."""
        return None

    def folders(self, under: str) -> Sequence[str]:
        """Common prefixes, one component longer than the folder's name."""
        with self._mapped():
            found = obstore.list_with_delimiter(self._store, under or None)
        return sorted(found["common_prefixes"])

    def files(self, under: str) -> Iterator[Stored]:
        """Every object below a prefix of whole components, sorted by name."""
        found: list[Stored] = []
        with self._mapped():
            for chunk in obstore.list(self._store, under or None, chunk_size=1000):
                found += [_stored(each) for each in chunk]
        yield from sorted(found)

    def stat(self, name: str) -> Stored | None:
        """An object's size and e_tag, without its bytes."""
        try:
            with self._mapped():
                return _stored(obstore.head(self._store, name))
        except FileNotFoundError:
            return None

    def read(self, name: str) -> bytes:
        """A whole object."""
        with self._mapped():
            return bytes(obstore.get(self._store, name).bytes())

    def open(self, name: str) -> BinaryIO:
        """An object, fetched range by range; one that was replaced meanwhile is refused."""
        found = self.stat(name)
        if found is None:
            raise FileNotFoundError(f"{self.url} has no {name}.")

        def fetch(start: int, end: int) -> bytes:
            with self._mapped():
                got = obstore.get(
                    self._store, name, options={"range": (start, end), "if_match": found.mark}
                )
                return bytes(got.bytes())

        return ranged.reader(fetch, found.size)

    def scans(self, names: Sequence[str]) -> Sequence[Scan]:
        """The objects' addresses, and the options this store was opened with."""
        base = self.url.rstrip("/")
        return [Scan(tuple(f"{base}/{name}" for name in names), dict(self._options))]

    def put(self, name: str, source: bytes | Path, *, sha256: str) -> Stored:
        """Upload, then read it back; large files in parts that become one object at the end."""
        with self._mapped():
            obstore.put(
                self._store,
                name,
                source,
                chunk_size=CHUNK_BYTES,
                max_concurrency=PARALLEL,
            )
        found, stored = self._held(name)
        if found != sha256:
            raise NotProved(self.url, name, wanted=sha256, found=found)
        return stored

    def digest(self, name: str) -> str:
        """The sha256 of an object, read whole."""
        return self._held(name)[0]

    def delete(self, name: str) -> None:
        """Delete an object."""
        try:
            with self._mapped():
                obstore.delete(self._store, name)
        except FileNotFoundError:
            return

    def _held(self, name: str) -> tuple[str, Stored]:
        """The digest of what the store gives out for a name, and which object that was."""
        found = hashlib.sha256()
        with self._mapped():
            got = obstore.get(self._store, name)
            for block in got.stream(CHUNK_BYTES):
                found.update(block)
            return found.hexdigest(), _stored(got.meta)

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        """Foreign exceptions do not cross this room's border."""
        try:
            yield
        except FileNotFoundError as error:
            self._refuse_bucket(error)
            raise FileNotFoundError(f"{self.url}: {_reason(error)}") from None
        except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
            raise self._refused(_reason(error), _KEYS_REMEDY) from None
        except (exceptions.UnknownConfigurationKeyError, ValueError) as error:
            remedy = "Correct the options of the store; see docs/how-to/object-storage.md."
            raise self._refused(_reason(error), remedy) from None
        except exceptions.PreconditionError as error:
            raise StoreAway(
                self.url, f"a file was written again while it was read ({_reason(error)})"
            ) from None
        except (exceptions.BaseError, OSError) as error:
            self._refuse_bucket(error)
            reason = _reason(error)
            if any(word in reason for word in _NO_KEYS):
                raise self._refused(f"no credentials were found ({reason})", _KEYS_REMEDY) from None
            raise StoreAway(self.url, reason) from None

    def _refuse_bucket(self, error: Exception) -> None:
        if any(word in str(error) for word in _NO_BUCKET):
            remedy = "Make it, or correct its name."
            raise self._refused("there is no such bucket", remedy) from None

    def _refused(self, reason: str, remedy: str) -> StoreRefused:
        return StoreRefused(self.url, reason, remedy=remedy)


def _reason(error: BaseException) -> str:
    """The first line of what the library says, without credentials; it goes on with its insides."""
    line = str(error).partition("\n")[0].partition(": <?xml")[0]
    return excerpt(line, _SHOWN).rstrip(".")


def _stored(meta: Mapping[str, Any]) -> Stored:
    modified: datetime = meta["last_modified"]
    at = (modified - _EPOCH) // timedelta(microseconds=1) * 1000
    return Stored(meta["path"], meta["size"], at, meta["e_tag"] or "")
