"""The logs of pods: text that a test's kubelet sets, or a function that gives it."""

import asyncio
from collections.abc import Callable

from ssmd.sim.kubernetes import refusal
from ssmd.sim.kubernetes.asked import Asked
from ssmd.sim.kubernetes.shapes import Object

Source = Callable[[str, str, str], str | None]
"""Namespace, pod, container -> all it said so far; None if it did not start."""


class Logs:
    """What the containers said."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str, str], str] = {}
        self._sources: list[Source] = []
        self._more: set[asyncio.Future[None]] = set()

    def set(self, namespace: str, pod: str, container: str, text: str) -> None:
        """Say all that a container said so far; who follows is told what is new."""
        self._texts[namespace, pod, container] = text
        for future in self._more:
            if not future.done():
                future.set_result(None)

    def ask(self, source: Source) -> None:
        """Ask this function for what nobody set."""
        self._sources.append(source)

    def read(self, asked: Asked, pod: Object) -> str:
        """What a container said, as the query wants it (`container`, `tailLines`, `limitBytes`).

        Raises:
            Refusal: 400, there is no such container, or it did not start.
        """
        text = self.whole(asked, pod)
        tail = asked.query.get("tailLines")
        if tail is not None:
            lines = text.splitlines(keepends=True)
            text = "".join(lines[len(lines) - min(int(tail), len(lines)) :])
        limit = asked.query.get("limitBytes")
        return text if limit is None else text[: int(limit)]

    def whole(self, asked: Asked, pod: Object) -> str:
        """All that a container said so far.

        Raises:
            Refusal: 400, there is no such container, or it did not start.
        """
        container = self._container(asked, pod)
        key = (asked.namespace, asked.name, container)
        found = self._texts.get(key)
        for source in self._sources:
            found = source(*key) if found is None else found
        if found is None:
            message = (
                f'container "{container}" in pod "{asked.name}" is waiting to start:'
                " ContainerCreating"
            )
            raise refusal.bad_request(message)
        return found

    async def more(self) -> None:
        """Wait until somebody set something."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._more.add(future)
        try:
            await future
        finally:
            self._more.discard(future)

    def _container(self, asked: Asked, pod: Object) -> str:
        spec = pod["spec"]
        names = [c["name"] for c in [*(spec.get("initContainers") or ()), *spec["containers"]]]
        wanted = asked.query.get("container", "")
        if not wanted and len(spec["containers"]) > 1:
            told = ", ".join(c["name"] for c in spec["containers"])
            message = (
                f"a container name must be specified for pod {asked.name}, choose one of: [{told}]"
            )
            raise refusal.bad_request(message)
        wanted = wanted or spec["containers"][0]["name"]
        if wanted not in names:
            message = f"container {wanted} is not valid for pod {asked.name}"
            raise refusal.bad_request(message)
        return str(wanted)
