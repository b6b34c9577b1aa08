"""FAKE API: a kube-apiserver made up for tests; docs/decisions/0032 says how far it is faithful."""

from ssmd.sim.kubernetes.fake import FakeApi
from ssmd.sim.kubernetes.faults import Entry
from ssmd.sim.kubernetes.refusal import Refusal
from ssmd.sim.kubernetes.shapes import Object

__all__ = ["Entry", "FakeApi", "Object", "Refusal"]
