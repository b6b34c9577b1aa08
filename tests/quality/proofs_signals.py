"""Which tests see each check of the signals bad, and good."""

PROOFS = {
    name: (
        f"tests/quality/test_signals.py::test_{name}_red",
        f"tests/quality/test_signals.py::test_{name}_green",
    )
    for name in (
        "ws_connected",
        "message_flow",
        "idle_time",
        "markets_subscribed",
        "stream_has_data",
    )
}
