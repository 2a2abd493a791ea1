"""What needs somebody else's servers is not collected unless a key for them is there."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("STRIPE_TEST_KEY") else ["test_*.py"]
