"""What the server fills in where an object of a built-in kind says nothing.

Source: Kubernetes' API reference, "defaults to" of each field.
"""

from collections.abc import Callable
from typing import Final

from ssmd.sim.kubernetes.shapes import Object

_TEMPLATE_MODE: Final = 420
"""0644, of files from a ConfigMap, Secret or the downward API."""


def fill(key: tuple[str, str], value: Object) -> None:
    """Fill in an object of this group and plural; it is changed in place."""
    function = _BY_KIND.get(key)
    if function is not None:
        function(value)


def _set(value: Object, **defaults: object) -> None:
    for name, default in defaults.items():
        if value.get(name) is None:
            value[name] = default


def _pod(value: Object) -> None:
    _pod_spec(value.setdefault("spec", {}))
    spec = value["spec"]
    _set(spec, enableServiceLinks=True, preemptionPolicy="PreemptLowerPriority", priority=0)
    _set(spec, serviceAccountName="default")
    spec["serviceAccount"] = spec["serviceAccountName"]
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        resources = container["resources"]
        for name, most in (resources.get("limits") or {}).items():
            resources.setdefault("requests", {}).setdefault(name, most)


def _pod_spec(spec: Object) -> None:
    _set(
        spec,
        restartPolicy="Always",
        dnsPolicy="ClusterFirst",
        schedulerName="default-scheduler",
        terminationGracePeriodSeconds=30,
    )
    if spec.get("securityContext") is None:
        spec["securityContext"] = {}
    if spec.get("serviceAccountName"):
        spec["serviceAccount"] = spec["serviceAccountName"]
    for name in ("initContainers", "containers"):
        for container in spec.get(name) or ():
            _container(container, host=bool(spec.get("hostNetwork")))
    for volume in spec.get("volumes") or ():
        _volume(volume)
    for spread in spec.get("topologySpreadConstraints") or ():
        _set(spread, maxSkew=1)


def _container(container: Object, *, host: bool) -> None:
    image = str(container.get("image", ""))
    _set(
        container,
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        imagePullPolicy=_pull_policy(image),
    )
    if container.get("resources") is None:
        container["resources"] = {}
    for port in container.get("ports") or ():
        _set(port, protocol="TCP")
        if host and port.get("containerPort"):
            _set(port, hostPort=port["containerPort"])
    _hooks(container)


def _hooks(container: Object) -> None:
    """Probes, variables and what is run at start and end."""
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(name):
            _probe(container[name])
    for variable in container.get("env") or ():
        reference = (variable.get("valueFrom") or {}).get("fieldRef")
        if reference is not None:
            _set(reference, apiVersion="v1")
    for hook in (container.get("lifecycle") or {}).values():
        if isinstance(hook, dict) and hook.get("httpGet"):
            _set(hook["httpGet"], path="/", scheme="HTTP")


def _pull_policy(image: str) -> str:
    """Always for what moves: no tag, or `latest`; a digest does not move."""
    if "@" in image:
        return "IfNotPresent"
    tag = image.rpartition("/")[2].partition(":")[2]
    return "Always" if tag in {"", "latest"} else "IfNotPresent"


def _probe(probe: Object) -> None:
    _set(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
    if probe.get("httpGet"):
        _set(probe["httpGet"], path="/", scheme="HTTP")
    if probe.get("grpc"):
        _set(probe["grpc"], service="")


def _volume(volume: Object) -> None:
    if set(volume) == {"name"}:
        volume["emptyDir"] = {}
    for name in ("configMap", "secret", "downwardAPI", "projected"):
        if volume.get(name) is not None:
            _set(volume[name], defaultMode=_TEMPLATE_MODE)
    for source in (volume.get("projected") or {}).get("sources") or ():
        if source.get("serviceAccountToken"):
            _set(source["serviceAccountToken"], expirationSeconds=3600)
        _field_references(source.get("downwardAPI"))
    _field_references(volume.get("downwardAPI"))
    if volume.get("hostPath") is not None:
        _set(volume["hostPath"], type="")
    template = (volume.get("ephemeral") or {}).get("volumeClaimTemplate")
    if template:
        _set(template.setdefault("spec", {}), volumeMode="Filesystem")


def _field_references(source: Object | None) -> None:
    for item in (source or {}).get("items") or ():
        if item.get("fieldRef"):
            _set(item["fieldRef"], apiVersion="v1")


def _template(spec: Object) -> None:
    template = spec.get("template")
    if isinstance(template, dict) and isinstance(template.get("spec"), dict):
        _pod_spec(template["spec"])


def _deployment(value: Object) -> None:
    spec = value.setdefault("spec", {})
    _set(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = spec["strategy"] = dict(spec.get("strategy") or {})
    _set(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy["rollingUpdate"] = dict(strategy.get("rollingUpdate") or {})
        _set(rolling, maxUnavailable="25%", maxSurge="25%")
    _template(spec)


def _stateful_set(value: Object) -> None:
    spec = value.setdefault("spec", {})
    _set(spec, replicas=1, revisionHistoryLimit=10, podManagementPolicy="OrderedReady")
    strategy = spec["updateStrategy"] = dict(spec.get("updateStrategy") or {})
    _set(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy["rollingUpdate"] = dict(strategy.get("rollingUpdate") or {})
        _set(rolling, partition=0)
    retention = spec["persistentVolumeClaimRetentionPolicy"] = dict(
        spec.get("persistentVolumeClaimRetentionPolicy") or {}
    )
    _set(retention, whenDeleted="Retain", whenScaled="Retain")
    for claim in spec.get("volumeClaimTemplates") or ():
        _set(claim, apiVersion="v1", kind="PersistentVolumeClaim")
        _set(claim.setdefault("spec", {}), volumeMode="Filesystem")
        claim.setdefault("status", {"phase": "Pending"})
    _template(spec)


def _replica_set(value: Object) -> None:
    spec = value.setdefault("spec", {})
    _set(spec, replicas=1)
    _template(spec)


def _job(value: Object) -> None:
    spec = value.setdefault("spec", {})
    _job_spec(spec)
    _job_labels(value, spec)


def _job_spec(spec: Object) -> None:
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    _set(
        spec,
        parallelism=1,
        backoffLimit=6,
        completionMode="NonIndexed",
        suspend=False,
        manualSelector=False,
        podReplacementPolicy="TerminatingOrFailed",
    )
    _template(spec)


def _job_labels(value: Object, spec: Object) -> None:
    """A Job chooses its pods by its own uid, unless it says that it chooses itself."""
    uid = value["metadata"].get("uid")
    if spec.get("manualSelector") or spec.get("selector") or not uid:
        return
    template = spec.setdefault("template", {})
    labels = template.setdefault("metadata", {}).setdefault("labels", {})
    name = value["metadata"].get("name", "")
    for prefix in ("batch.kubernetes.io/", ""):
        labels.setdefault(f"{prefix}controller-uid", uid)
        labels.setdefault(f"{prefix}job-name", name)
    spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}


def _cron_job(value: Object) -> None:
    spec = value.setdefault("spec", {})
    _set(
        spec,
        concurrencyPolicy="Allow",
        suspend=False,
        successfulJobsHistoryLimit=3,
        failedJobsHistoryLimit=1,
    )
    inner = spec.get("jobTemplate", {}).get("spec")
    if isinstance(inner, dict):
        _template(inner)  # a Job's own defaults are given when the Job is made


def _service(value: Object) -> None:
    spec = value.setdefault("spec", {})
    _set(spec, type="ClusterIP", sessionAffinity="None")
    if spec["type"] != "ExternalName":
        _set(spec, internalTrafficPolicy="Cluster", ipFamilyPolicy="SingleStack")
        _set(spec, ipFamilies=["IPv4"])
        if spec.get("clusterIP"):
            spec["clusterIPs"] = [spec["clusterIP"]]
    for port in spec.get("ports") or ():
        _set(port, protocol="TCP")
        if not port.get("targetPort"):
            port["targetPort"] = port.get("port")


def _claim(value: Object) -> None:
    _set(value.setdefault("spec", {}), volumeMode="Filesystem")


def _secret(value: Object) -> None:
    _set(value, type="Opaque")


def _network_policy(value: Object) -> None:
    spec = value.setdefault("spec", {})
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    if spec.get("podSelector") is None:
        spec["podSelector"] = {}
    for rule in [*(spec.get("ingress") or ()), *(spec.get("egress") or ())]:
        for port in rule.get("ports") or ():
            _set(port, protocol="TCP")


def _binding(value: Object) -> None:
    reference = value.get("roleRef")
    if isinstance(reference, dict):
        _set(reference, apiGroup="rbac.authorization.k8s.io")
    for subject in value.get("subjects") or ():
        if subject.get("kind") in {"User", "Group"}:
            _set(subject, apiGroup="rbac.authorization.k8s.io")


def _priority(value: Object) -> None:
    _set(value, preemptionPolicy="PreemptLowerPriority")


def _namespace(value: Object) -> None:
    labels = value["metadata"].setdefault("labels", {})
    if value["metadata"].get("name"):
        labels["kubernetes.io/metadata.name"] = value["metadata"]["name"]
    _set(value.setdefault("spec", {}), finalizers=["kubernetes"])


_BY_KIND: Final[dict[tuple[str, str], Callable[[Object], None]]] = {
    ("", "namespaces"): _namespace,
    ("", "pods"): _pod,
    ("", "secrets"): _secret,
    ("", "services"): _service,
    ("", "persistentvolumeclaims"): _claim,
    ("apps", "deployments"): _deployment,
    ("apps", "statefulsets"): _stateful_set,
    ("apps", "replicasets"): _replica_set,
    ("batch", "jobs"): _job,
    ("batch", "cronjobs"): _cron_job,
    ("networking.k8s.io", "networkpolicies"): _network_policy,
    ("rbac.authorization.k8s.io", "rolebindings"): _binding,
    ("rbac.authorization.k8s.io", "clusterrolebindings"): _binding,
    ("scheduling.k8s.io", "priorityclasses"): _priority,
}
