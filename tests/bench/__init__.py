"""Benchmarks, each on one core."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
"""A second core that waits for the next product of matrices would count as ours."""
