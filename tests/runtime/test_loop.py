"""The loop everything runs on."""

import asyncio

import pytest
import uvloop

from ssmd.runtime.loop import run


def test_a_coroutine_runs_on_uvloop_and_gives_its_result() -> None:
    """The figures of the benchmarks are uvloop's."""

    async def main() -> bool:
        return isinstance(asyncio.get_running_loop(), uvloop.Loop)

    assert run(main())


def test_errors_come_out() -> None:
    """The command line prints them."""

    async def main() -> None:
        raise ValueError("out")

    with pytest.raises(ValueError, match="out"):
        run(main())
