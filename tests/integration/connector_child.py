"""Runs one connector: `connector_child.py ENDPOINT NATS_URL DIRECTORY`."""

import sys
from pathlib import Path

import msgspec

from ssmd.bus.settings import BusSettings
from ssmd.connector import service
from ssmd.feeds.environment import ConnectorSettings, EnvironmentConfig, SpoolSettings, Transport
from ssmd.feeds.registry import load_feed
from ssmd.model.errors import SsmdError
from ssmd.runtime import logging, loop


def main(endpoint: str, nats: str, directory: str) -> int:
    feed = msgspec.structs.replace(
        load_feed("kraken").with_endpoint(endpoint).with_symbols(["BTC/USD", "ETH/USD"])
    )
    environment = EnvironmentConfig(
        name="test",
        transport=Transport(max_bytes=256 << 20),
        connector=ConnectorSettings(backoff_base_s=0.1, backoff_cap_s=0.5, stagger_s=0.05),
        spool=SpoolSettings(low_disk_bytes=0, min_free_bytes=0, file_bytes=256 << 10),
    )
    logging.configure(json=True)
    try:
        return loop.run(
            service.run(
                feed,
                environment,
                directory=Path(directory) / "spool",
                bus=BusSettings(nats),
                run_dir=Path(directory),
            )
        )
    except SsmdError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
