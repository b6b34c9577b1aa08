"""A service to be started as a process of its own; what it does stands in its arguments."""

import sys
from pathlib import Path

from ssmd.model.errors import ConfigError
from ssmd.runtime import logging, loop, service
from ssmd.runtime.children import Child
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.health import Health


async def serve(how: str, run_dir: Path) -> int:
    health = Health()
    details: dict[str, object] = {"how": how}

    async def main(stop: service.Stop) -> None:
        if how == "refuses":
            raise ConfigError("it is wrong", remedy="correct it")
        if how == "crashes":
            raise ZeroDivisionError
        if how == "mute":
            await stop.wait()
            return
        if how == "parent":
            child = Child.spawn("grandchild", ["sleep", "600"], log=run_dir / "grandchild.log")
            details["child"] = child.pid
        async with service.Tasks(stop) as tasks:
            if how == "task-dies":
                tasks.start("mortal", divide, restart=False)
            details["url"] = "known late"
            health.set("all", ok=True)
            await stop.wait()
        if how == "hangs":
            while True:
                await SystemClock().sleep(60)

    return await service.run(f"a-{how}", main, health=health, run_dir=run_dir, details=details)


async def divide() -> None:
    raise ZeroDivisionError


if __name__ == "__main__":
    logging.configure(json=True)
    try:
        sys.exit(loop.run(serve(sys.argv[1], Path(sys.argv[2]))))
    except ConfigError as refusal:
        sys.exit(refusal.exit_code)
