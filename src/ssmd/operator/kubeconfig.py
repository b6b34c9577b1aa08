"""Which cluster is meant: a kubeconfig and a context, or the cluster we run in ourselves."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from lightkube import KubeConfig, SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError as LightkubeConfigError

from ssmd.model.errors import ConfigError
from ssmd.operator.errors import NoCluster
from ssmd.runtime import settings

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes gives a pod its account."""
_HOME: Final = "~/.kube/config"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster, and how to get there.

    Attributes:
        config: What lightkube needs.
        where: What was looked at, for people: a file and a context, or `in-cluster`.
        namespace: The namespace that is meant when none is named.
    """

    config: SingleConfig
    where: str
    namespace: str


def find(
    kubeconfig: str | None = None,
    context: str | None = None,
    namespace: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    service_account: Path = SERVICE_ACCOUNT,
) -> Target:
    """The cluster that is meant.

    A kubeconfig that is named wins; then `KUBECONFIG`; then, in a pod, its own cluster; then
    `~/.kube/config`. Of several files in `KUBECONFIG` the first that is there is read.

    Args:
        kubeconfig: A file.
        context: A context of it; its current one when None.
        namespace: The namespace that is meant; the context's when None.
        environ: The environment; this process's own when None.
        service_account: Where Kubernetes gives a pod its account.

    Raises:
        NoCluster: There is none, or it cannot be read.
    """
    variables = os.environ if environ is None else environ
    inside = _inside(service_account, variables)
    if kubeconfig is None and context is None and inside and not variables.get("KUBECONFIG"):
        config = _own(service_account)
        return Target(config=config, where="in-cluster", namespace=namespace or config.namespace)
    path = _file(kubeconfig, variables)
    config = _read(path, context)
    return Target(
        config=config,
        where=f"{path} (context {config.context_name})",
        namespace=namespace or config.namespace,
    )


def _inside(service_account: Path, variables: Mapping[str, str]) -> bool:
    return "KUBERNETES_SERVICE_HOST" in variables and (service_account / "token").is_file()


def _own(service_account: Path) -> SingleConfig:
    try:
        config = KubeConfig.from_service_account(service_account).get()
    except (LightkubeConfigError, KeyError, OSError) as error:
        raise NoCluster(
            f"The pod's own account in {service_account} cannot be used: {error}.",
            remedy="Let Kubernetes mount the account's token (automountServiceAccountToken: true).",
        ) from error
    assert config is not None  # noqa: S101 - an account has exactly one context
    return config


def _file(kubeconfig: str | None, variables: Mapping[str, str]) -> Path:
    named = kubeconfig or variables.get("KUBECONFIG", "")
    choices = [Path(each).expanduser() for each in named.split(os.pathsep) if each]
    for path in choices or [Path(_HOME).expanduser()]:
        if path.is_file():
            return path
    looked = os.pathsep.join(str(path) for path in choices) or _HOME
    if kubeconfig:
        by = "--kubeconfig"
    else:
        by = "KUBECONFIG" if named else "by default; neither --kubeconfig nor KUBECONFIG is given"
    raise NoCluster(
        f"There is no cluster: no kubeconfig at {looked} ({by}), and this is no pod.",
        remedy="Name a kubeconfig: --kubeconfig FILE, or the variable KUBECONFIG.",
    )


def _read(path: Path, context: str | None) -> SingleConfig:
    try:
        whole = KubeConfig.from_dict(settings.load(path, dict[str, Any]), fname=path)
    except ConfigError as error:
        raise NoCluster(error.message, remedy=error.remedy) from error
    except (msgspec.ValidationError, KeyError, TypeError, AttributeError) as error:
        raise NoCluster(
            f"The kubeconfig {path} cannot be read: {type(error).__name__}: {error}.",
            remedy="Check it with `kubectl config view`, or name another: --kubeconfig FILE.",
        ) from error
    known = ", ".join(sorted(whole.contexts)) or "none"
    try:
        found = whole.get(context)
    except (LightkubeConfigError, KeyError) as error:
        asked = f"the context {context!r}" if context else "a current context with all its parts"
        raise NoCluster(
            f"The kubeconfig {path} does not have {asked}: {error}.",
            remedy=f"Name one with --context; there are: {known}.",
        ) from error
    assert found is not None  # noqa: S101 - a context was found, or that was said
    return found if found.user else found._replace(user=User())
