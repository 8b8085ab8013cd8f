"""A worker's own pages, and the address that breaches are posted to."""

from __future__ import annotations

from streams.doctor.asking import Asking, NoAnswer
from streams.doctor.finding import Finding, ok, warn, wrong

_OURS = "baton_build_info"


async def worker(asking: Asking, url: str, token: str) -> list[Finding]:
    """Findings `worker` and, where it is ready, `worker.metrics`."""
    try:
        status, said = await asking.text(url, "/readyz", token)
    except NoAnswer as error:
        return [
            wrong(
                "worker",
                f"no worker answers at {url}: {error}",
                "it does not run, or serves its pages elsewhere",
                "--host, --port   # the worker's; beyond loopback its pages need credentials",
            )
        ]
    if status != 200:
        return [
            wrong(
                "worker",
                f"the worker at {url} is not ready (status {status}): {said.strip()[:200]}",
                "it joins its group or rebuilds its tables; for long, something holds it up",
                f"curl -s {url}/readyz   # deploy/runbooks/slow-recovery.md, rebalance.md",
            )
        ]
    return [ok("worker", f"the worker at {url} is ready"), await _metrics(asking, url, token)]


async def _metrics(asking: Asking, url: str, token: str) -> Finding:
    check = "worker.metrics"
    try:
        status, said = await asking.text(url, "/metrics", token)
    except NoAnswer as error:
        status, said = 0, str(error)
    if status == 401:
        return wrong(
            check,
            "/metrics refuses our credentials",
            "a Prometheus with the same ones is refused, too",
            "--pages-token-file FILE   # the worker's own",
        )
    if status != 200 or _OURS not in said:
        return wrong(
            check,
            f"what answers at {url}/metrics is no worker (status {status})",
            "something else has the port",
            f"curl -s {url}/metrics | head",
        )
    return ok(check, "/metrics is served")


async def webhook(asking: Asking, url: str) -> Finding:
    """Finding `webhook`: by a HEAD request, for a POST would be a page."""
    check = "webhook"
    try:
        status = await asking.head(url)
    except NoAnswer as error:
        return wrong(
            check,
            f"nothing answers at --webhook {url}: {error}",
            "breaches are posted again and again, and reach nobody",
            f"curl -sI {url}",
        )
    if status >= 500 and status != 501:  # a server that has no HEAD says so by 501
        return warn(
            check,
            f"--webhook {url} answers {status}",
            "a breach that gets this answer is posted again until it gets another",
            f"curl -sI {url}",
        )
    return ok(check, f"--webhook {url} can be reached (HEAD is answered {status})")
