"""`ssmd archiver drain`: the last work on an archive before its disk goes."""

from contextlib import ExitStack
from pathlib import Path
from typing import Final

import click
import msgspec

from ssmd.archive.drain import Drained, Rung, drain
from ssmd.cli.notifying import notify_on_failure
from ssmd.cli.options import root_option
from ssmd.cli.output import Output, examples, output_options, size
from ssmd.cli.progress import Progress
from ssmd.feeds.archiver import ArchiverConfig
from ssmd.feeds.upload import UploadSettings
from ssmd.runtime import logging, loop, settings
from ssmd.runtime.clock import SystemClock

_UNITS: Final[dict[Rung, str]] = {
    "sealing": "writers",
    "making tables": "slots",
    "uploading": "bytes",
    "verifying": "files",
}
_FEW: Final = 100
"""So many names of what is left are told; how many more there are is said."""
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    name="drain",
    epilog=examples(
        ("ssmd archiver drain --config archiver.yaml --dir /data", "seal, and make the tables"),
        ("ssmd archiver drain --config archiver.yaml --upload upload.yaml", "and upload, proved"),
    ),
)
@notify_on_failure
@click.option("--config", type=_FILE, required=True, help="The archiver.yaml it ran with.")
@click.option("--upload", type=_FILE, help="An upload.yaml: where everything goes.")
@root_option
@output_options
@click.pass_context
def command(
    ctx: click.Context,
    config: Path,
    upload: Path | None,
    directory: Path | None,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Finish an archive that nobody writes to any more, and prove every copy of it.

    Seals what was left open, makes the tables, uploads everything and reads every copy back.
    Exit 0: all of it is proved. Exit 1: something is not, and is named, or somebody works there.
    Again is always right: what is done is not done twice, and every copy is read again.
    """
    logging.configure()
    output = Output(json=as_json, quiet=quiet)
    wanted = settings.load(config, ArchiverConfig)
    far = None if upload is None else settings.load(upload, UploadSettings)
    root = directory or Path(wanted.storage.path)
    if not root.is_dir():
        message = f"There is no directory {root}."
        raise click.UsageError(message, ctx)
    with _Rungs(output) as rungs:
        drained = loop.run(drain(root, wanted, SystemClock(), upload=far, told=rungs.told))
    _show(output, root, drained)
    shown = msgspec.structs.replace(drained, left=drained.left[:_FEW])
    more = {"ok": drained.ok, "left_in_all": len(drained.left)}
    output.result(msgspec.to_builtins(shown) | more)
    ctx.exit(0 if drained.ok else 1)


class _Rungs(ExitStack):
    """One progress after the other."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output
        self._now: Rung | None = None
        self._progress: Progress | None = None

    def told(self, rung: Rung, done: int, total: int) -> None:
        """Show how far it is; a new rung is announced once."""
        if self._progress is None or rung != self._now:
            self.close()
            self._now = rung
            self._output.note(f"{rung.capitalize()}...")
            self._progress = self.enter_context(Progress(self._output, rung, unit=_UNITS[rung]))
        self._progress.set(done, total)


def _show(output: Output, root: Path, drained: Drained) -> None:
    output.lines(
        f"{drained.sealed} segments were open and are sealed;"
        f" {drained.built} of {drained.slots} slots got their tables now."
    )
    if drained.store:
        output.lines(
            f"{drained.uploaded} files uploaded; {drained.verified} copies verified at"
            f" {drained.store}, {size(drained.bytes)}."
        )
    else:
        output.lines("Nothing leaves this machine: there is no --upload.")
    if drained.gone:
        output.lines(f"{len(drained.gone)} segments are neither here nor there, as before.")
    output.lines(*(f"LEFT: {each.name}: {each.reason}" for each in drained.left[:_FEW]))
    if len(drained.left) > _FEW:
        output.lines(f"  and {len(drained.left) - _FEW} more")
    if not drained.ok:
        output.lines(f"FAILED: {root} is not drained; keep it, and do this again.")
    elif drained.store:
        output.lines(f"OK: all of {root} is proved to be at {drained.store}.")
    else:
        output.lines(f"OK: {root} is finished, and the only copy.")
