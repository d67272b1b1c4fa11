#!/usr/bin/env python3
"""Works on jobs of types with runner = external: counts the lines of their files. See docs/JOB-TYPES.md.
Environment: DROPMILL_SERVER, DROPMILL_TOKEN (scope work), LEASE in seconds, ONCE: end when nothing waits."""
import json, os, time, urllib.error, urllib.request

LEASE = int(os.environ.get("LEASE", "60"))

def ask(path, data=None):
    request = urllib.request.Request(os.environ["DROPMILL_SERVER"] + path, data and json.dumps(data).encode(), {
        "Authorization": "Bearer " + os.environ.get("DROPMILL_TOKEN", ""), "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()

def work(job):  # yours: what it returns is the result, what it raises the failure
    lines = sum(ask(file["download_url"]).count(b"\n") for file in job["inputs"])
    return "%d lines in %s" % (lines, job["name"])

while True:
    jobs = json.loads(ask("/api/work/claim", {"want": 20, "lease_seconds": LEASE, "worker": "python"}))["jobs"]
    for job in jobs:
        path, lease = "/api/work/%d/" % job["id"], {"lease_token": job["lease_token"], "lease_seconds": LEASE}
        try:
            ask(path + "heartbeat", lease)
            try:
                end, said = "complete", {"result": work(job)}
            except Exception as error:
                end, said = "fail", {"error": str(error)}
            ask(path + end, {**lease, **said})
        except urllib.error.HTTPError as error:
            if error.code != 409:  # the lease is over: the job is somebody else's by now
                raise
    if not jobs and "ONCE" in os.environ:
        break
    time.sleep(0 if jobs else 1)
