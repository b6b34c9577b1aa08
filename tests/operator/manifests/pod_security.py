"""The restricted Pod Security Standard, rule by rule, as Kubernetes publishes it."""

from collections.abc import Iterator
from typing import Any

_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
_SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
}
_SECCOMP = {"RuntimeDefault", "Localhost"}
_SELINUX = {None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}


def violations(template: dict[str, Any]) -> list[str]:
    """What in a pod template the standard forbids; empty when it is admitted."""
    spec = template["spec"]
    found = list(_of_pod(template, spec))
    for group in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(group, []):
            found += [f"{container['name']}: {each}" for each in _of_container(container, spec)]
    return found


def _of_pod(template: dict[str, Any], spec: dict[str, Any]) -> Iterator[str]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield field
    for volume in spec.get("volumes", []):
        if not set(volume) - {"name"} <= _VOLUMES:
            yield f"volume {volume['name']}"
    security = spec.get("securityContext", {})
    if security.get("runAsUser") == 0:
        yield "runAsUser of the pod is 0"
    yield from _of_both(security)
    for each in security.get("sysctls", []):
        if each["name"] not in _SYSCTLS:
            yield f"sysctl {each['name']}"
    yield from _of_annotations(template.get("metadata", {}).get("annotations", {}))


def _of_annotations(annotations: dict[str, str]) -> Iterator[str]:
    for key, value in annotations.items():
        ours = key.startswith("container.apparmor.security.beta.kubernetes.io/")
        if ours and value not in {"", "runtime/default"} and not value.startswith("localhost/"):
            yield f"AppArmor {value}"


def _of_both(security: dict[str, Any]) -> Iterator[str]:
    """Rules for a pod's security context and a container's alike."""
    if security.get("windowsOptions", {}).get("hostProcess"):
        yield "hostProcess"
    options = security.get("seLinuxOptions", {})
    if options.get("type") not in _SELINUX or options.get("user") or options.get("role"):
        yield "seLinuxOptions"
    if security.get("appArmorProfile", {}).get("type") == "Unconfined":
        yield "AppArmor Unconfined"


def _of_container(container: dict[str, Any], spec: dict[str, Any]) -> Iterator[str]:
    security, pod = container.get("securityContext", {}), spec.get("securityContext", {})
    yield from _of_both(security)
    if security.get("privileged"):
        yield "privileged"
    if security.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation"
    if security.get("procMount", "Default") != "Default":
        yield "procMount"
    capabilities = security.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", []):
        yield "capabilities are not dropped"
    if set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield "capabilities are added"
    if not security.get("runAsNonRoot", pod.get("runAsNonRoot", False)):
        yield "runAsNonRoot"
    if security.get("runAsUser") == 0:
        yield "runAsUser is 0"
    seccomp = security.get("seccompProfile", pod.get("seccompProfile", {}))
    if seccomp.get("type") not in _SECCOMP:
        yield "seccompProfile"
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield "hostPort"
    yield from _of_handlers(container)


def _of_handlers(container: dict[str, Any]) -> Iterator[str]:
    """Since 1.34: nobody has the node ask somebody else."""
    handlers = [container.get(f"{kind}Probe", {}) for kind in ("startup", "liveness", "readiness")]
    handlers += container.get("lifecycle", {}).values()
    for handler in handlers:
        for kind in ("httpGet", "tcpSocket"):
            if handler.get(kind, {}).get("host"):
                yield "a probe names a host"
