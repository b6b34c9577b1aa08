"""What the server fills in; and that it is what Kubernetes' own schemas allow."""

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
from scripts import kubernetes_shapes

from ssmd.sim.kubernetes.shapes import Value
from tests.sim.kubernetes.client import Client
from tests.sim.kubernetes.samples import Object, deployment, job, pod

CONTAINER = {
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "imagePullPolicy": "IfNotPresent",
    "resources": {},
}
POD = {
    "restartPolicy": "Always",
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "terminationGracePeriodSeconds": 30,
    "securityContext": {},
}


async def test_a_deployment_is_filled_in(cluster: Client) -> None:
    """Replicas, strategy, history; and the pods it will make."""
    made = await cluster.post("apps/v1:deployments", deployment())
    spec = made.body["spec"]
    template = spec.pop("template")
    assert spec == {
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
        "selector": {"matchLabels": {"app": "d"}},
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
        },
    }
    assert template["spec"] == {
        **POD,
        "containers": [{"name": "main", "image": "x:1", **CONTAINER}],
    }


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("x", "Always"),
        ("x:latest", "Always"),
        ("h:1/x", "Always"),
        ("x:1", "IfNotPresent"),
        ("x@sha256:" + "0" * 64, "IfNotPresent"),
    ],
)
async def test_an_image_that_moves_is_pulled(cluster: Client, image: str, policy: str) -> None:
    """No tag, or `latest`; the port of a registry is no tag."""
    made = await cluster.post("apps/v1:deployments", deployment(image=image))
    (container,) = made.body["spec"]["template"]["spec"]["containers"]
    assert container["imagePullPolicy"] == policy


async def test_probes_ports_volumes_and_variables_are_filled_in(cluster: Client) -> None:
    """Each as its own kind."""
    body = deployment(
        ports=[{"containerPort": 80}],
        livenessProbe={"httpGet": {"port": 80}},
        env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        resources={"limits": {"cpu": "1"}},
    )
    body["spec"]["template"]["spec"]["volumes"] = [
        {"name": "none"},
        {"name": "map", "configMap": {"name": "m"}},
        {"name": "secret", "secret": {"secretName": "s"}},
    ]
    made = await cluster.post("apps/v1:deployments", body)
    spec = made.body["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert container["livenessProbe"] == {
        "httpGet": {"path": "/", "port": 80, "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    reference = {"apiVersion": "v1", "fieldPath": "status.podIP"}
    assert container["env"][0]["valueFrom"]["fieldRef"] == reference
    assert container["resources"] == {"limits": {"cpu": "1"}}
    assert spec["volumes"] == [
        {"name": "none", "emptyDir": {}},
        {"name": "map", "configMap": {"name": "m", "defaultMode": 420}},
        {"name": "secret", "secret": {"secretName": "s", "defaultMode": 420}},
    ]


async def test_a_pod_asks_for_what_it_may_have(cluster: Client) -> None:
    """Limits are requests where none are said: of a pod, not of a template."""
    body = pod()
    body["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "1"}}
    made = await cluster.post("pods", body)
    (container,) = made.body["spec"]["containers"]
    assert container["resources"] == {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}
    assert made.body["status"]["phase"] == "Pending"
    assert made.body["spec"]["serviceAccountName"] == "default"
    assert made.body["spec"]["enableServiceLinks"] is True


async def test_a_job_chooses_its_pods(cluster: Client) -> None:
    """By its own uid, which its template is given."""
    made = await cluster.post("batch/v1:jobs", job())
    spec, uid = made.body["spec"], made.meta["uid"]
    assert spec["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    labels = spec["template"]["metadata"]["labels"]
    assert labels["batch.kubernetes.io/job-name"] == "j"
    numbers = {name: spec[name] for name in ("parallelism", "completions", "backoffLimit")}
    assert numbers == {"parallelism": 1, "completions": 1, "backoffLimit": 6}
    assert spec["completionMode"] == "NonIndexed"
    assert spec["suspend"] is False


async def test_a_cron_job_is_filled_in(cluster: Client) -> None:
    """Its template is a Job's, but not yet one."""
    spec = {"schedule": "0 0 * * *", "jobTemplate": {"spec": job()["spec"]}}
    made = await cluster.post("batch/v1:cronjobs", {"metadata": {"name": "c"}, "spec": spec})
    found = made.body["spec"]
    assert found["concurrencyPolicy"] == "Allow"
    assert found["successfulJobsHistoryLimit"] == 3
    assert found["failedJobsHistoryLimit"] == 1
    assert "completions" not in found["jobTemplate"]["spec"]
    pods = found["jobTemplate"]["spec"]["template"]["spec"]
    assert (pods["restartPolicy"], pods["dnsPolicy"]) == ("Never", "ClusterFirst")
    bad = {"metadata": {"name": "b"}, "spec": {**spec, "schedule": "often"}}
    answer = await cluster.post("batch/v1:cronjobs", bad)
    assert ("spec.schedule", "FieldValueInvalid") in answer.causes


async def test_a_service_is_filled_in(cluster: Client) -> None:
    """It has an address and keeps it; without a head it has none."""
    body = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
    made = await cluster.post("services", body)
    spec = made.body["spec"]
    assert spec["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    assert (spec["type"], spec["sessionAffinity"]) == ("ClusterIP", "None")
    assert spec["clusterIP"] == spec["clusterIPs"][0]
    kept = await cluster.put("services/s", body)
    assert kept.body["spec"]["clusterIP"] == spec["clusterIP"]
    body = {"metadata": {"name": "h"}, "spec": {"clusterIP": "None", "ports": [{"port": 80}]}}
    assert (await cluster.post("services", body)).body["spec"]["clusterIPs"] == ["None"]
    nothing = {"metadata": {"name": "n"}, "spec": {}}
    answer = await cluster.post("services", nothing)
    assert ("spec.ports", "FieldValueRequired") in answer.causes


async def test_what_is_empty_is_not_kept(cluster: Client) -> None:
    """Empty maps and lists of built-in kinds: nobody owns them after an ordinary write."""
    body = {"metadata": {"name": "a", "labels": {}, "finalizers": []}, "data": {}}
    made = await cluster.post("configmaps", body)
    assert not made.body.keys() & {"data"}
    assert not made.meta.keys() & {"labels", "finalizers", "managedFields"}


async def test_an_empty_list_of_a_policy_is_a_change_each_time(cluster: Client) -> None:
    """What a real server does with `ingress: []`, and an operator must not walk into."""
    body: Object = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "p"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": []},
    }
    path = "networking.k8s.io/v1:networkpolicies/p"
    first = await cluster.apply(path, body, "op")
    second = await cluster.apply(path, body, "op")
    assert (first.meta["generation"], second.meta["generation"]) == (1, 2)
    del body["spec"]["ingress"]
    third = await cluster.apply(path, body, "op")
    assert (await cluster.apply(path, body, "op")).version == third.version


SAMPLES: dict[str, Object] = {
    "apps/v1:deployments": deployment(),
    "batch/v1:jobs": job(),
    "pods": pod(),
    "services": {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}},
    "configmaps": {"metadata": {"name": "m"}, "data": {"a": "b"}},
    "secrets": {"metadata": {"name": "m"}, "data": {"a": "Yg=="}},
    "policy/v1:poddisruptionbudgets": {
        "metadata": {"name": "b"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}},
    },
    "networking.k8s.io/v1:networkpolicies": {
        "metadata": {"name": "n"},
        "spec": {"podSelector": {}, "egress": [{"ports": [{"port": 53}]}]},
    },
    "coordination.k8s.io/v1:leases": {"metadata": {"name": "l"}, "spec": {"holderIdentity": "a"}},
    "rbac.authorization.k8s.io/v1:roles": {
        "metadata": {"name": "r"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    },
}


@pytest.mark.parametrize("path", sorted(SAMPLES))
async def test_what_is_filled_in_is_what_kubernetes_allows(cluster: Client, path: str) -> None:
    """Every object that the fake API gives out is right by Kubernetes' own schemas."""
    made = await cluster.post(path, SAMPLES[path])
    assert made.status == 201, made.body
    body: Value = made.body
    kubernetes_validate.validate(body, "1.34", strict=True)


def test_the_shapes_are_those_of_kubernetes() -> None:
    """shapes.txt is what its script makes of Kubernetes' schemas: nobody edits it by hand."""
    told = kubernetes_shapes.TARGET.read_text(encoding="utf-8")
    assert told == kubernetes_shapes.shapes()
