"""`/worker.js`: the service worker, with the list of files that make up this version of the app."""

import json
from hashlib import sha256
from pathlib import Path

from django.contrib.staticfiles import finders
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.views.decorators.http import require_safe

from chat.shell import files
from discovery.services.mirrors import public_locations

from .headers import app_policy

SCRIPT = "js/worker/service_worker.js"
# All that the worker itself may do: fetch from where it came.
WORKER_POLICY = "default-src 'none'; connect-src 'self'; frame-ancestors 'none'; object-src 'none'"


@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """The worker's script. It lies at the root because a worker rules over what lies below it, and nothing else.

    Another file of the app, or another policy for its page, makes another script: that is how browsers notice.
    503 while the database is away: a page that was kept then would be let reach no mirror.
    """
    try:
        public_locations()
    except DatabaseError:
        return HttpResponse("The database does not answer.\n", status=503, content_type="text/plain")
    body = _script()
    headers = {
        "ETag": f'"{sha256(body).hexdigest()}"',
        "Cache-Control": "no-cache",
        "Content-Security-Policy": WORKER_POLICY,
    }
    if request.headers.get("If-None-Match", "") == headers["ETag"]:
        return HttpResponseNotModified(headers=headers)
    return HttpResponse(body, content_type="text/javascript; charset=utf-8", headers=headers)


def _script() -> bytes:
    code = Path(str(finders.find(SCRIPT))).read_text()
    # The page is kept with its headers, and by this code: a version is its files, the page's policy, and the code.
    made_of = {"POLICY": app_policy(), "FILES": files()}
    version = sha256(json.dumps([made_of, code]).encode()).hexdigest()[:16]
    constants = {"VERSION": version, **made_of}
    head = "".join(f"const {name} = {json.dumps(value, indent=1)};\n" for name, value in constants.items())
    return f"{head}\n{code}".encode()
