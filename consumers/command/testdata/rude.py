import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../examples/python"))

import millrace


def handle(event):
    print('{"ok":true,"result":"printed"}')
    sys.stdout.flush()
    subprocess.run(["echo", "from a child"])
    do = event["data"].get("do")
    if do == "throw":
        raise ValueError("it failed\n\ud83d")
    if do == "permanent":
        raise millrace.Permanent("never")
    if do == "later":
        raise millrace.Retry("not now", 90)
    if do == "exit":
        os._exit(0)
    if do == "array":
        return {"booked": 1.5, "name": "王", "path": "a/b"}
    if do == "false":
        return False
    if do == "unfit":
        return object()
    if do == "nan":
        return {"rate": float("nan")}


millrace.run(handle)
