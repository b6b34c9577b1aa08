"""What went through a spool, read from its files by anybody."""

from pathlib import Path

from ssmd.connector.spool.codec import Totals
from ssmd.connector.spool.losses import Pending, read_losses
from ssmd.connector.spool.recovery import recover


def spool_totals(directory: Path) -> Totals:
    """Frames spooled and frames declared lost since the spool was made, from its files alone.

    Raises:
        OSError: They cannot be read.
    """
    found = recover(directory, cut=False)
    pending = Pending([found.unsaid(loss) for loss in read_losses(directory / "losses")])
    return Totals(found.totals.frames, found.totals.lost + pending.frames)
