"""Checks that only Google's own services can call the functions behind queues, triggers and schedules."""

from collections.abc import Callable, Iterator
from functools import partial

import httpx

from deploy.context import Context

CLOSED = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)  # Cloud Run's answers to callers without the right


def probes(context: Context) -> Iterator[Callable[[], str | None]]:
    """One check for each function that has no HTTP trigger; it returns the problem, if there is one."""
    for name in context.endpoints.keys() - context.of_kind("httpsTrigger").keys():
        yield partial(
            _refused, context, f"https://{context.project.region}-{context.project.id}.cloudfunctions.net/{name}"
        )


def _refused(context: Context, url: str) -> str | None:
    context.say(f"  try: POST {url}  (must refuse strangers)")
    if context.tools.dry:
        return None
    try:
        answer = context.request("POST", url, json={}, timeout=60)
    except httpx.HTTPError as error:
        return f"POST {url}: no answer ({type(error).__name__})"
    if answer.status_code in CLOSED:
        return None
    return f"POST {url}: {answer.status_code} for a stranger instead of 403; remove `allUsers` from its invokers"
