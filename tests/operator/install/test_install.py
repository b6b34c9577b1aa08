"""What `ssmd operator manifests` prints can be applied as it comes, and gives no right too many."""

import json

import pytest
from click.testing import CliRunner

from ssmd.cli.root import root
from ssmd.operator import install
from ssmd.operator.crds.definitions import definitions
from ssmd.operator.install_pods import LABELS
from ssmd.operator.install_rights import LEADING, RIGHTS, WIDE
from ssmd.operator.kinds import place
from ssmd.operator.names import labels
from tests.operator.install.judged import CLUSTER, Object, judge, plain, read

WANTED = {
    "as it is": install.Wanted(),
    "with its namespace": install.Wanted(namespace="lab", create_namespace=True),
    "everywhere": install.Wanted(
        namespace="lab", cluster_wide=True, replicas=1, image="x/y@sha256:0"
    ),
}
each_way = pytest.mark.parametrize("wanted", WANTED.values(), ids=WANTED)


def printed(*arguments: str) -> str:
    """What the command prints."""
    done = CliRunner().invoke(root, ["operator", "manifests", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def one(objects: list[Object], kind: str) -> Object:
    """The only object of a kind."""
    (found,) = [each for each in objects if each["kind"] == kind]
    return found


@each_way
def test_an_api_server_takes_every_object(wanted: install.Wanted) -> None:
    """Three versions of Kubernetes, no unknown field, nothing twice."""
    judge(plain(install.manifests(wanted)))


@each_way
def test_what_is_needed_comes_before_who_needs_it(wanted: install.Wanted) -> None:
    """`kubectl apply` goes from top to bottom: a pod without its account is refused."""
    kinds = [str(each["kind"]) for each in install.manifests(wanted)]
    order = ["Namespace", "CustomResourceDefinition", "PriorityClass", "ServiceAccount"]
    last = max(kinds.index(kind) for kind in order if kind in kinds)
    assert kinds[-1] == "Deployment"
    assert all(kinds.index(kind) > last for kind in kinds if kind not in order)
    for index, kind in enumerate(kinds):
        if kind.endswith("RoleBinding"):
            assert kinds[index - 1] == kind.removesuffix("Binding")


@each_way
def test_everything_is_in_the_namespace_that_was_named(wanted: install.Wanted) -> None:
    """An operator for a laboratory leaves no trace anywhere else but in what the cluster shares."""
    objects = plain(install.manifests(wanted))
    spaces = {each["metadata"]["namespace"] for each in objects if each["kind"] not in CLUSTER}
    assert spaces == {wanted.namespace}
    subjects = [
        subject
        for each in objects
        if each["kind"].endswith("RoleBinding")
        for subject in each["subjects"]
    ]
    assert {(each["name"], each["namespace"]) for each in subjects} == {
        (one(objects, "ServiceAccount")["metadata"]["name"], wanted.namespace)
    }


def test_only_who_watches_everything_has_rights_everywhere() -> None:
    """In a namespace of its own, the operator has no right in the cluster at all."""
    kinds = {str(each["kind"]) for each in install.manifests(install.Wanted())}
    assert not kinds & {"ClusterRole", "ClusterRoleBinding"}
    wide = plain(install.manifests(WANTED["everywhere"]))
    assert one(wide, "ClusterRole")["rules"] == plain(right.plain() for right in (*RIGHTS, *WIDE))
    assert one(wide, "ClusterRole")["metadata"]["name"] == "ssmd-operator-lab"
    assert one(wide, "Role")["rules"] == plain(right.plain() for right in LEADING)


def test_rights_are_few() -> None:
    """No wildcard; secrets are read one by one, by name, and never listed; nobody gives rights."""
    for right in (*RIGHTS, *LEADING, *WIDE):
        assert "*" not in (right.group, *right.resources, *right.verbs)
        assert right.group != "rbac.authorization.k8s.io"
        assert not {"escalate", "bind", "impersonate", "deletecollection"} & set(right.verbs)
        assert not {"pods/exec", "pods/attach", "serviceaccounts/token"} & set(right.resources)
    leases = [right for right in (*LEADING, *WIDE) if right.verbs != ("create",)]
    assert {right.names for right in leases} == {("ssmd-operator",)}
    assert [right.verbs for right in RIGHTS if "secrets" in right.resources] == [("get",)]


@each_way
def test_the_pods_pass_the_restricted_standard(wanted: install.Wanted) -> None:
    """The namespace may refuse whatever is less careful: it does, when it is made here."""
    objects = plain(install.manifests(wanted))
    pod = one(objects, "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {mount["name"] for mount in container["volumeMounts"]} == {
        volume["name"] for volume in pod["volumes"]
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    if wanted.create_namespace:
        enforced = one(objects, "Namespace")["metadata"]["labels"]
        assert enforced["pod-security.kubernetes.io/enforce"] == "restricted"


@each_way
def test_the_selectors_find_the_operators_pods_and_no_others(wanted: install.Wanted) -> None:
    """A budget that finds nobody protects nobody; a policy that finds too many closes them."""
    objects = plain(install.manifests(wanted))
    deployment = one(objects, "Deployment")["spec"]
    policy, budget = (
        one(objects, "NetworkPolicy")["spec"],
        one(objects, "PodDisruptionBudget")["spec"],
    )
    template = deployment["template"]
    (spread,) = template["spec"]["topologySpreadConstraints"]
    assert template["metadata"]["labels"] == LABELS
    for found in (
        deployment["selector"],
        policy["podSelector"],
        budget["selector"],
        spread["labelSelector"],
    ):
        assert found == {"matchLabels": LABELS}
    assert not LABELS.items() <= labels("x", "Connector").items()


@each_way
def test_the_operator_may_ask_the_pods_it_made(wanted: install.Wanted) -> None:
    """It reads how they are from their own ports; everywhere, when it looks everywhere."""
    policy = one(plain(install.manifests(wanted)), "NetworkPolicy")["spec"]
    (ours,) = [peer for rule in policy["egress"] for peer in rule.get("to", ())]
    assert ours["podSelector"]["matchLabels"].items() <= labels("x", "Connector").items()
    assert ("namespaceSelector" in ours) is wanted.cluster_wide


def test_every_kind_with_a_right_is_one_the_operator_knows() -> None:
    """A right for a kind that is misspelt is a right for nothing."""
    known = {
        (found.group, found.plural)
        for found in (
            place("v1", kind)
            for kind in ("Pod", "ConfigMap", "Service", "PersistentVolumeClaim", "Secret", "Event")
        )
    } | {
        (place(version, kind).group, place(version, kind).plural)
        for version, kind in (
            *(("ssmd.io/v1alpha1", each["spec"]["names"]["kind"]) for each in definitions()),
            ("apps/v1", "Deployment"),
            ("batch/v1", "Job"),
            ("batch/v1", "CronJob"),
            ("policy/v1", "PodDisruptionBudget"),
            ("networking.k8s.io/v1", "NetworkPolicy"),
            ("monitoring.coreos.com/v1", "PodMonitor"),
            ("coordination.k8s.io/v1", "Lease"),
        )
    }
    given = {
        (right.group, resource.partition("/")[0])
        for right in (*RIGHTS, *LEADING)
        for resource in right.resources
    }
    assert given == known


def test_yaml_is_printed_as_it_is_applied() -> None:
    """No anchors, no surprises: what is read back is what was meant."""
    text = printed("--namespace", "lab", "--cluster-wide", "--create-namespace", "--replicas", "3")
    wanted = install.Wanted(namespace="lab", cluster_wide=True, create_namespace=True, replicas=3)
    assert read(text) == plain(install.manifests(wanted))
    assert "&id" not in text


def test_json_is_one_list() -> None:
    """`kubectl apply -f -` takes a List; programs take the last line."""
    whole = json.loads(printed("--format", "json", "--image", "here/ssmd:1"))
    assert whole["kind"] == "List"
    assert whole["items"] == plain(install.manifests(install.Wanted(image="here/ssmd:1")))
    assert json.loads(printed("--json").splitlines()[-1])["kind"] == "List"


def test_the_definitions_alone() -> None:
    """Whoever may install kinds is often not who runs the operator."""
    assert read(printed("--crds-only")) == plain(definitions())


@pytest.mark.parametrize(
    "arguments", [("-n", "Bad_Name"), ("-n", "a" * 64), ("--replicas", "0"), ("--format", "xml")]
)
def test_wrong_words_are_refused(arguments: tuple[str, str]) -> None:
    """Before anything is printed that somebody applies."""
    done = CliRunner().invoke(root, ["operator", "manifests", *arguments])
    assert done.exit_code == 2
    assert done.stdout == ""
