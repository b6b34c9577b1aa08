"""An archive's own id: part of every writer's name, so that two archives can share a bucket."""

from pathlib import Path
from typing import Final

import msgspec

from ssmd.archive import durable, files, layout
from ssmd.archive.errors import refuse_newer
from ssmd.archive.manifest import FORMAT
from ssmd.archive.store.port import Store
from ssmd.model.errors import ConfigError, Damaged
from ssmd.runtime.identity import entropy

_DIGITS: Final = 8


class Identity(msgspec.Struct, frozen=True):
    """What an archive says of itself.

    Attributes:
        format: Version of the archive's format.
        id: 8 hexadecimal digits.
        created_at: When it was begun, ns since the Unix epoch.
    """

    format: int
    id: str
    created_at: int


_decoder: Final = msgspec.json.Decoder(Identity)


def read(root: Path | Store) -> Identity | None:
    """The id of an archive; None when there is none here.

    Raises:
        TooNew: A newer program wrote the archive.
        Damaged: The file is not what was written.
        Unavailable: The store does not answer.
    """
    try:
        content = files.read(root, layout.IDENTITY)
        refuse_newer(content, layout.IDENTITY, FORMAT)
        found: Identity = _decoder.decode(content)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        message = f"{layout.IDENTITY} is not what was written: {error}."
        raise Damaged(
            message, remedy="Restore it: the id also ends the names in `writers/`."
        ) from error
    return found


def ensure(root: Path, ts: int) -> Identity:
    """The id of an archive, made at `ts` when there is none; two makers agree on one.

    Raises:
        ConfigError: The path cannot hold an archive.
        Damaged: The file is not what was written.
    """
    known = read(root) if root.is_dir() else None
    if known is not None:
        return known
    made = Identity(FORMAT, f"{entropy():x}".zfill(_DIGITS)[-_DIGITS:], ts)
    try:
        durable.make_folder(root.absolute())
    except (FileExistsError, NotADirectoryError) as error:
        message = f"{root} is not a directory."
        raise ConfigError(message, remedy="Name the directory of the archive.") from error
    path = root / layout.IDENTITY
    temporary = path.with_name(f".{made.id}.tmp")
    durable.write(temporary, msgspec.json.encode(made) + b"\n")
    try:
        durable.link(temporary, path)  # refuses to replace what another maker wrote
    except FileExistsError:
        pass
    finally:
        durable.unlink(temporary)
    durable.sync_directory(root)
    found = read(root)
    assert found is not None  # noqa: S101 - just written
    return found
