"""A real Kubernetes API server on this machine, to try the operator and our fake API against.

python -m scripts.real_kubernetes            # builds what is missing, starts, prints a KUBECONFIG; Ctrl-C stops
python -m scripts.real_kubernetes --build    # only builds

Needs Go, and a Go module proxy that serves `k8s.io/kubernetes`; nothing else. etcd, kube-apiserver and
kube-controller-manager are built from their own main packages, by module name. There is no kubelet and no node:
pods are accepted, and never run. docs/how-to/real-kubernetes.md
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import trustme
import yaml

ROOT: Final = Path(__file__).parent.parent
HOME: Final = ROOT / ".state" / "kubernetes"
KUBERNETES: Final = "v1.36.3"
ETCD: Final = "v3.6.8"
PROGRAMS: Final = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
}
CONTROLLERS: Final = "garbage-collector-controller,namespace-controller,serviceaccount-controller"
"""What the fake API also does. Deployments and jobs stay with the tests, which play kubelet themselves."""

ADMIN: Final = "system:masters"
READY_S: Final = 120
STOP_S: Final = 20
LOOPBACK: Final = "127.0.0.1"


def refuse(message: str, remedy: str) -> NoReturn:
    """Say what is wrong and what to do, and go."""
    sys.exit(f"Error: {message} Remedy: {remedy}")


# ------------------------------------------------------------------------------------------ build


def go(folder: Path, *arguments: str) -> str:
    """Run `go` in the folder at low priority, its complaints shown; what it printed."""
    tool = shutil.which("go")
    if tool is None:
        refuse("there is no `go` on this machine.", "install Go 1.26 or newer.")
    settings = {"GOFLAGS": "-mod=mod -buildvcs=false", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    done = subprocess.run(
        ["nice", "-n", "15", tool, *arguments],
        cwd=folder,
        env={**os.environ, **settings},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        refuse(f"`go {' '.join(arguments[:2])}` failed (its words stand above).", "see the how-to.")
    return done.stdout


def module(folder: Path, kubernetes: str) -> None:
    """Write a go.mod of ours that asks for Kubernetes and etcd.

    Kubernetes names its own libraries as v0.0.0 and replaces them by folders of its repository. A
    replacement counts in the main module only, so ours replaces each by its published version
    (Kubernetes v1.N.P is published in parts as v0.N.P).
    """
    folder.mkdir(parents=True, exist_ok=True)
    head = "module ssmd.invalid/kubernetes\n\ngo 1.26.0\n"
    (folder / "go.mod").write_text(head, encoding="utf-8")
    found = json.loads(go(folder, "mod", "download", "-json", f"k8s.io/kubernetes@{kubernetes}"))
    its_own = Path(found["GoMod"]).read_text(encoding="utf-8")
    parts = re.findall(r"^\t(k8s\.io/\S+) => \./staging/", its_own, re.MULTILINE)
    version = kubernetes.replace("v1.", "v0.", 1)
    lines = [
        head,
        f"require k8s.io/kubernetes {kubernetes}",
        f"require go.etcd.io/etcd/server/v3 {ETCD}",
        *(f"replace {part} => {part} {version}" for part in parts),
    ]
    (folder / "go.mod").write_text("\n".join(lines) + "\n", encoding="utf-8")


def build(home: Path, kubernetes: str, jobs: int) -> Path:
    """Build the programs that are missing; the folder they are in."""
    made = home / kubernetes
    source = home / "source"
    missing = [name for name in PROGRAMS if not (made / name).is_file()]
    if missing:
        module(source, kubernetes)
        made.mkdir(parents=True, exist_ok=True)
    for name in missing:
        print(f"Building {name} {ETCD if name == 'etcd' else kubernetes} ...", file=sys.stderr)
        began = time.monotonic()
        half = made / f"{name}.half"  # renamed when whole, so that a broken build is never taken
        go(source, "build", f"-p={jobs}", *flags(kubernetes), "-o", str(half), PROGRAMS[name])
        half.rename(made / name)
        print(f"  {time.monotonic() - began:.0f} s", file=sys.stderr)
    return made


def flags(kubernetes: str) -> list[str]:
    """Small binaries, that know their version."""
    of = "k8s.io/component-base/version"
    _, minor, _ = kubernetes.split(".", 2)
    stamps = {"gitVersion": kubernetes, "gitMajor": "1", "gitMinor": minor, "gitTreeState": "clean"}
    told = " ".join(f"-X {of}.{name}={value}" for name, value in stamps.items())
    return ["-trimpath", "-ldflags", f"-s -w {told}"]


# -------------------------------------------------------------------------------------------- run


@dataclass(frozen=True)
class Place:
    """Where one run lives: its folder, its ports, its certificates."""

    folder: Path
    etcd: int
    peer: int
    api: int
    authority: trustme.CA

    @property
    def url(self) -> str:
        """The API server's address."""
        return f"https://{LOOPBACK}:{self.api}"

    def file(self, name: str) -> str:
        """A path in the folder."""
        return str(self.folder / name)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]


def place(folder: Path) -> Place:
    """Choose ports, and write certificates and keys."""
    etcd, peer, api = free_ports(3)
    chosen = Place(folder, etcd, peer, api, trustme.CA())
    chosen.authority.cert_pem.write_to_path(chosen.file("ca.crt"))
    server = chosen.authority.issue_cert(LOOPBACK, "localhost")
    server.private_key_and_cert_chain_pem.write_to_path(chosen.file("server.pem"))
    accounts = trustme.CA()  # only its key is used: it signs the tokens of service accounts
    accounts.private_key_pem.write_to_path(chosen.file("accounts.key"))
    kubeconfig(chosen, "admin", "admin", ADMIN)
    kubeconfig(chosen, "manager", "system:kube-controller-manager", "system:kubernetes")
    return chosen


def kubeconfig(chosen: Place, name: str, user: str, group: str) -> None:
    """Write a kubeconfig with a client certificate for the user."""
    # The name is not looked at; without one, trustme writes an empty list, which Go refuses.
    leaf = chosen.authority.issue_cert("localhost", common_name=user, organization_name=group)
    leaf.cert_chain_pems[0].write_to_path(chosen.file(f"{name}.crt"))
    leaf.private_key_pem.write_to_path(chosen.file(f"{name}.key"))
    certificate = {
        "client-certificate": chosen.file(f"{name}.crt"),
        "client-key": chosen.file(f"{name}.key"),
    }
    cluster = {"server": chosen.url, "certificate-authority": chosen.file("ca.crt")}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "loopback", "cluster": cluster}],
        "users": [{"name": name, "user": certificate}],
        "contexts": [{"name": "loopback", "context": {"cluster": "loopback", "user": name}}],
        "current-context": "loopback",
    }
    text = yaml.safe_dump(content, sort_keys=False)
    Path(chosen.file(f"{name}.kubeconfig")).write_text(text, encoding="utf-8")


def commands(chosen: Place, controllers: str) -> dict[str, list[str]]:
    """The flags of each program, in the order in which they start."""
    etcd = f"http://{LOOPBACK}:{chosen.etcd}"
    peer = f"http://{LOOPBACK}:{chosen.peer}"
    return {
        "etcd": [
            f"--data-dir={chosen.file('etcd')}",
            f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ],
        "kube-apiserver": [
            f"--etcd-servers={etcd}",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={chosen.api}",
            f"--tls-cert-file={chosen.file('server.pem')}",
            f"--tls-private-key-file={chosen.file('server.pem')}",
            f"--client-ca-file={chosen.file('ca.crt')}",
            "--authorization-mode=RBAC",
            "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",  # as strict as any
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={chosen.file('accounts.key')}",
            f"--service-account-signing-key-file={chosen.file('accounts.key')}",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--endpoint-reconciler-type=none",  # loopback is no address for an endpoint
        ],
        "kube-controller-manager": [
            f"--kubeconfig={chosen.file('manager.kubeconfig')}",
            f"--controllers={controllers}",
            "--use-service-account-credentials",  # each has the rights of its own role
            f"--bind-address={LOOPBACK}",
            "--secure-port=0",
            "--leader-elect=false",
        ],
    }


@contextlib.contextmanager
def running(programs: Path, chosen: Place, controllers: str) -> Iterator[None]:
    """All three, each when the one before answers; stopped in the reverse order."""
    waits = {
        "etcd": (f"http://{LOOPBACK}:{chosen.etcd}/health", None),
        "kube-apiserver": (f"{chosen.url}/readyz", None),
        "kube-controller-manager": (
            f"{chosen.url}/api/v1/namespaces/default/serviceaccounts/default",
            "admin",
        ),
    }
    with contextlib.ExitStack() as stack:
        for name, arguments in commands(chosen, controllers).items():
            log = Path(chosen.file(f"{name}.log"))
            process = stack.enter_context(started([str(programs / name), *arguments], log))
            url, user = waits[name]
            wait(url, chosen, user, process, log)
        yield


@contextlib.contextmanager
def started(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One program, its output in the log; ended with TERM, and with KILL when that is too slow."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            env=modest(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is ours: they stop in order
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def modest(environment: Mapping[str, str]) -> dict[str, str]:
    """Memory before speed: the machine is shared with the tests."""
    return {**environment, "GOGC": "50"}


def wait(
    url: str, chosen: Place, user: str | None, process: subprocess.Popen[bytes], log: Path
) -> None:
    """Until the address answers 200."""
    trust = ssl.create_default_context(cafile=chosen.file("ca.crt"))
    if user:
        trust.load_cert_chain(chosen.file(f"{user}.crt"), chosen.file(f"{user}.key"))
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError, urllib.error.HTTPError):
            urllib.request.urlopen(url, timeout=5, context=trust).close()  # noqa: S310 - a loopback address of ours
            return
        time.sleep(0.2)
    tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])
    refuse(f"{log.stem} did not get ready:\n{tail}\n", f"read {log}.")


def serve(programs: Path, controllers: str, folder: Path) -> None:
    """Run until a signal; the KUBECONFIG's path is the only line on standard output."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    chosen = place(folder)
    with contextlib.suppress(KeyboardInterrupt), running(programs, chosen, controllers):
        print(f"Ready after {time.monotonic() - began:.1f} s: {chosen.url}", file=sys.stderr)
        print(f"export KUBECONFIG={chosen.file('admin.kubeconfig')}", flush=True)
        signal.pause()


def main() -> None:
    """Build what is missing, then serve."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    asked.add_argument("--build", action="store_true", help="only build")
    asked.add_argument("--home", type=Path, default=HOME, help="where the programs are kept")
    asked.add_argument("--kubernetes", default=KUBERNETES, help="a version, such as v1.36.3")
    asked.add_argument("--jobs", type=int, default=1, help="what Go builds at once")
    asked.add_argument(
        "--controllers", default=CONTROLLERS, help="'*' for all that are on by default"
    )
    asked.add_argument(
        "--keep", type=Path, help="a folder to run in, kept; a temporary one if absent"
    )
    chosen = asked.parse_args()
    programs = build(chosen.home, chosen.kubernetes, chosen.jobs)
    if chosen.build:
        return
    with contextlib.ExitStack() as stack:
        folder = chosen.keep or stack.enter_context(
            tempfile.TemporaryDirectory(prefix="ssmd-kubernetes-")
        )
        Path(folder).mkdir(parents=True, exist_ok=True)
        serve(programs, chosen.controllers, Path(folder))


if __name__ == "__main__":
    main()
