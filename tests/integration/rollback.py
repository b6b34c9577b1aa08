"""An older copy of a server's store, put back: what a restored backup or a power cut leaves."""

import os
import shutil
import signal
from pathlib import Path

from ssmd.bus.embedded import EmbeddedServer


class Copies:
    """Copies of one server's store, by name."""

    def __init__(self, server: EmbeddedServer, folder: Path) -> None:
        self._server = server
        self._folder = folder

    def take(self, name: str = "copy") -> None:
        """Copy the store as a crash at this moment would leave it: the server stands still."""
        pid = self._server.pid
        if pid:
            os.kill(pid, signal.SIGSTOP)
        try:
            shutil.copytree(self._server.store, self._folder / name, dirs_exist_ok=True)
        finally:
            if pid:
                os.kill(pid, signal.SIGCONT)

    async def put_back(self, name: str = "copy") -> None:
        """Kill the server and replace its store; it stays down."""
        self._server.kill()
        await self._server.stop()
        shutil.rmtree(self._server.store)
        shutil.copytree(self._folder / name, self._server.store)

    async def restore(self, name: str = "copy") -> None:
        """Have the server run on an older copy, at the same address."""
        await self.put_back(name)
        await self._server.start()
