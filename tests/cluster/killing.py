"""The command `walkwire` of a server that kills itself between a commit and the sending of its notification.

The commit that tells a number which ends with 99 is its last: before anything of it is sent, the process gets SIGKILL.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

from walkwire.cli import main
from walkwire.server.notifier import Notifier

_LAST = re.compile(rb'"number":\s*\d*99\b')

if __name__ == "__main__":
    send = Notifier.__call__

    def send_or_die(notifier: Notifier, addressees: Any, data: bytes) -> None:
        if _LAST.search(data):
            os.kill(os.getpid(), signal.SIGKILL)
        send(notifier, addressees, data)

    Notifier.__call__ = send_or_die  # type: ignore[method-assign]
    sys.argv[0] = str(Path(sys.executable).with_name("walkwire"))
    main()
