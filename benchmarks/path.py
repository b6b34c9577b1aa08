"""The whole path, in CPU microseconds per message: simulator, connector, bus, archiver.

`python benchmarks/path.py [--rate 2000] [--seconds 10]`. Absolute figures are this machine's of this
moment; the shares between the processes are what to compare.
"""

import argparse
import tempfile
from pathlib import Path

import psutil

from ssmd.cli.pipeline import ARCHIVER
from ssmd.cli.stage import Stage
from ssmd.cli.watch import read
from ssmd.feeds import registry
from ssmd.feeds.machine import FeedChoice, MachineConfig
from ssmd.model.errors import Unavailable
from ssmd.runtime import logging, loop
from ssmd.runtime.clock import SystemClock

WARM_UP_S = 3.0


def cpu_s(pid: int) -> float:
    """User and system time of a process so far, in seconds."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


async def measure(root: Path, rate: float, seconds: float) -> dict[str, float]:
    """CPU per frame of each process, in microseconds, and the frames per second that came."""
    clock = SystemClock()
    name = "kraken"  # open to all, and its symbols are named in the feed
    machine = MachineConfig(dir=str(root), environment="bench", feeds=(FeedChoice(feed=name),))
    stage = Stage(machine, [registry.load_feed(name)], clock=clock, rate=rate, seed=1)
    try:
        await stage.start()
        pipeline = stage.pipeline
        if pipeline.server is None:
            message = "NATS_URL is set: the bus of somebody else cannot be measured."
            raise Unavailable(message, remedy="Unset NATS_URL.")
        await clock.sleep(WARM_UP_S)
        pids = {
            "connector": pipeline.child(pipeline.connectors[0]).pid,
            "nats-server": pipeline.server.pid,
            "archiver": pipeline.child(ARCHIVER).pid,
        }
        before = {each: cpu_s(pid) for each, pid in pids.items()}
        first = await read(pipeline.addresses, clock)
        await clock.sleep(seconds)
        after = {each: cpu_s(pid) for each, pid in pids.items()}
        last = await read(pipeline.addresses, clock)
    finally:
        await stage.close()
    frames = last.frames - first.frames
    spent = {each: (after[each] - before[each]) / frames * 1e6 for each in pids}
    return {**spent, "frames/s": frames / (last.mono - first.mono)}


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=2000.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    wanted = parser.parse_args()
    logging.configure(quiet=True)
    with tempfile.TemporaryDirectory(prefix="ssmd-bench-") as folder:
        found = loop.run(measure(Path(folder) / "data", wanted.rate, wanted.seconds))
    rate = found.pop("frames/s")
    total = sum(found.values())
    print(f"whole path at {rate:.0f} frames/s, CPU microseconds per frame")
    for name, value in found.items():
        print(f"  {name:<12} {value:8.1f}  {100 * value / total:4.0f} %")
    print(f"  {'together':<12} {total:8.1f}")


if __name__ == "__main__":
    main()
