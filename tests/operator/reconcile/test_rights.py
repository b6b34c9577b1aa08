"""The operator under its own Role: what it may not, it does not need (FAKE API)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ssmd.operator.install_rights import LEADING, RIGHTS, rules
from ssmd.runtime.clock import SystemClock
from ssmd.sim.kubernetes import FakeApi
from tests.operator.reconcile.conftest import Namespace
from tests.operator.reconcile.test_archiver import OURS, SPEC
from tests.operator.reconcile.test_connector import AT_ONCE, up
from tests.operator.reconcile.world import World

ROLE = "rbac.authorization.k8s.io"


async def test_its_rights_are_enough(tmp_path: Path) -> None:
    """Everything it does, from the first pod to the last drain, under the rendered Role."""
    async with FakeApi(SystemClock(), rbac=True) as api:
        admin = api.kubeconfig(tmp_path / "admin", namespace="lab", user="admin")
        api.create(_binding("admin", [{"kind": "User", "name": "admin"}], "admin"))
        everything = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
        api.create(_role("admin", everything))
        api.create(_role("operator", rules(RIGHTS) + rules(LEADING)))
        account = {"kind": "ServiceAccount", "name": "operator", "namespace": "lab"}
        api.create(_binding("operator", [account], "operator"))
        async with Namespace(admin, "lab") as world:
            user = "system:serviceaccount:lab:operator"
            world.kubeconfig = api.kubeconfig(tmp_path / "own", namespace="lab", user=user)
            async with world.operated():
                await _everything(world)
        refused = [each for each in api.journal if each.status == 403 and each.user == user]
        assert [(each.verb, each.kind) for each in refused] == []


async def _everything(world: World) -> None:
    await up(world)
    await world.connector(rollout=AT_ONCE, replicas=2, spool={"type": "persistentVolumeClaim"})
    await world.until(lambda: world.is_so("Progressing", "False", "AsWanted"), "as wanted")
    await world.ask("Archiver", "vault", SPEC)
    await world.until(lambda: world.is_so("Ready", "True", kind="Archiver", name="vault"), "up")
    for kind, name in (("Archiver", "vault"), ("Connector", "north")):
        await world.cluster.delete(OURS[0], kind, name, world.namespace)

    async def gone() -> bool:
        return await world.get("Archiver", "vault") is None and await world.get("Connector") is None

    await world.until(gone, "all gone")


def _role(name: str, allowed: Sequence[Mapping[str, object]]) -> dict[str, object]:
    return {
        "apiVersion": f"{ROLE}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": list(allowed),
    }


def _binding(name: str, subjects: list[dict[str, str]], role: str) -> dict[str, object]:
    return {
        "apiVersion": f"{ROLE}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "subjects": subjects,
        "roleRef": {"apiGroup": ROLE, "kind": "ClusterRole", "name": role},
    }
