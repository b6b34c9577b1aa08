"""What a connector refuses or cannot do."""

from ssmd.model.errors import Unavailable


class ConnectFailed(Unavailable):
    """The venue could not be reached, or did not accept the upgrade."""

    def __init__(self, endpoint: str, reason: str) -> None:
        super().__init__(
            f"No WebSocket at {endpoint}: {reason}.",
            remedy="It is tried again; check the network, the endpoint and the credentials.",
        )
        self.reason = reason
