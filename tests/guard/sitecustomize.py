"""Guards every Python process a test starts: this folder is on PYTHONPATH for them (see conftest)."""

import os

if os.environ.get("SSMD_TEST_GUARD"):
    import loopback  # type: ignore[import-not-found]  # found because this very folder is on the path

    loopback.install()
