"""The number and the size of a function's instances.

A new project may use 20 vCPU in a region (https://cloud.google.com/run/quotas). A deployment starts one instance of
each function, and Cloud Run refuses a function whose instances together could exceed the quota.
"""

from typing import Any

INSTANCES = 10
MANY_INSTANCES = 20  # for functions that receive bursts: Plaid's webhooks, and the syncs that they cause

SMALL_CPU: Any = 0.5
"""Half a vCPU, for functions that no user waits for. firebase-functions types `cpu` as an integer; Cloud Run accepts
fractions, but then only one call at a time: https://cloud.google.com/run/docs/configuring/services/cpu
"""
