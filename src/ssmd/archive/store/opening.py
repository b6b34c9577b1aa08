"""From an address to a store."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from ssmd.archive.store.errors import StoreRefused
from ssmd.archive.store.layered import LayeredStore
from ssmd.archive.store.local import LocalStore
from ssmd.archive.store.port import Depot, Store
from ssmd.archive.store.record import LetGo, targets
from ssmd.runtime.secrets import Secrets, without_credentials

TIMEOUT_S: Final = 60.0
"""Longest wait for one request, in seconds."""
RETRY_S: Final = 20.0
"""How long a request is tried again, in seconds."""

_SECRET: Final = ("secret", "token", "key", "password", "sas", "credential")
"""What the names of options that hold credentials have in them."""
_PREFIXES: Final = ("aws_", "google_", "azure_")
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


def open_store(
    url: str | Path,
    options: Mapping[str, str] | None = None,
    *,
    timeout_s: float = TIMEOUT_S,
    retry_s: float = RETRY_S,
) -> Depot:
    """The store at an address; nothing is asked of it yet.

    Credentials come from the environment, by the names the stores' own tools use
    (`AWS_ACCESS_KEY_ID`, `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_ACCOUNT_KEY`, ...), from a
    role of the machine, or from the options.

    Args:
        url: A path, `file://...`, `s3://bucket/prefix`, `gs://...`, `az://...`.
        options: Of an object store, by the names of Polars' `storage_options`
            (`aws_endpoint_url`, `aws_region`, ...).
        timeout_s: Longest wait for one request, in seconds.
        retry_s: How long a request that fails for a passing reason is tried again, in seconds.

    Raises:
        StoreRefused: The address or an option is not understood.
    """
    text = str(url)
    parts = urlsplit(text)
    if isinstance(url, Path) or "://" not in text:
        return LocalStore(Path(url))
    if parts.scheme == "file":
        return LocalStore(Path(unquote(parts.path)))
    # A local archive needs no client of object stores, which takes 80 ms to load.
    from ssmd.archive.store.objects import SCHEMES, ObjectStore  # noqa: PLC0415 - see above

    shown = without_credentials(text).rstrip("/")
    if parts.scheme not in SCHEMES:
        known = ", ".join(f"`{scheme}://`" for scheme in ("file", *SCHEMES))
        raise StoreRefused(shown, "its scheme is not known", remedy=f"Write one of {known}.")
    if shown != text.rstrip("/"):
        raise StoreRefused(
            shown,
            "an address may not hold credentials, a query or a fragment",
            remedy="Put credentials into the environment, and options under `options`.",
        )
    return ObjectStore(
        shown, _options(parts.scheme, options or {}), timeout_s=timeout_s, retry_s=retry_s
    )


def as_store(root: Path | Store) -> Store:
    """An archive as a store to read from: whatever was let go here is read where it went.

    Args:
        root: The archive's folder; a store is given back as it is.

    Raises:
        Damaged: What is known of uploads is not what was written.
        StoreRefused: The address of a store that files went to is not understood.
    """
    if not isinstance(root, Path):
        return root
    store: Store = LocalStore(root)
    for target in targets(root):
        if target.lets_go:
            store = LayeredStore(store, open_store(target.url, target.options), LetGo(root, target))
    return store


def open_archive(url: str | Path, options: Mapping[str, str] | None = None) -> Store:
    """The archive at a path or an address, to read from; arguments and errors as `open_store`."""
    store = open_store(url, options)
    return store if store.root is None else as_store(store.root)


def without_secrets(options: Mapping[str, str]) -> dict[str, str]:
    """The options that may be shown and kept."""
    return {name: value for name, value in sorted(options.items()) if not _is_secret(name)}


def _is_secret(name: str) -> bool:
    return any(word in name.lower() for word in _SECRET)


def _options(scheme: str, options: Mapping[str, str]) -> dict[str, str]:
    """The options, with what follows from them; credentials among them are never logged."""
    made = {name.lower(): value for name, value in options.items()}
    secret = {
        name: value
        for name, value in [*made.items(), *os.environ.items()]
        if _is_secret(name) and name.lower().startswith(_PREFIXES)
    }
    Secrets(secret)
    if scheme == "s3":
        endpoint = made.get("aws_endpoint_url") or made.get("aws_endpoint")
        endpoint = endpoint or next((os.environ[n] for n in _ENDPOINTS if os.environ.get(n)), None)
        if endpoint is not None and endpoint.startswith("http://"):
            made.setdefault("aws_endpoint_url", endpoint)
            made.setdefault("aws_allow_http", "true")
    return made
