#!/opt/llm101/bin/python
"""Whether the JupyterLab of this container answers, and lets its token in."""

import os
import sys
import urllib.request

request = urllib.request.Request("http://127.0.0.1:8888/api/status")
request.add_header("Authorization", f"token {os.environ.get('JUPYTER_TOKEN', '')}")
# A proxy in the environment does not know this container's loopback.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    opener.open(request, timeout=4).close()
except OSError as error:
    sys.exit(f"JupyterLab does not answer: {error}")
