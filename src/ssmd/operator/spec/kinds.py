"""The typed spec and status of every kind. Pure."""

from typing import Final

import msgspec

from ssmd.operator.names import Kind
from ssmd.operator.spec.api import ApiSpec
from ssmd.operator.spec.archiver import ArchiverSpec
from ssmd.operator.spec.connector import ConnectorSpec
from ssmd.operator.spec.schedules import QualityCheckSpec, SecmasterSyncSpec
from ssmd.operator.spec.status import ApiStatus, ArchiverStatus, ConnectorStatus, ScheduledStatus
from ssmd.operator.spec.workload import Workload

SPECS: Final[dict[Kind, type[Workload]]] = {
    "Connector": ConnectorSpec,
    "Archiver": ArchiverSpec,
    "SecmasterSync": SecmasterSyncSpec,
    "QualityCheck": QualityCheckSpec,
    "Api": ApiSpec,
}
"""What may be asked for."""
STATUSES: Final[dict[Kind, type[msgspec.Struct]]] = {
    "Connector": ConnectorStatus,
    "Archiver": ArchiverStatus,
    "SecmasterSync": ScheduledStatus,
    "QualityCheck": ScheduledStatus,
    "Api": ApiStatus,
}
"""What is answered."""
