"""Arguments: warns of secrets on the command line, which every user of the machine can read in the list of processes."""

from __future__ import annotations

import logging

from walkwire import brokers, stores

_log = logging.getLogger(__name__)


def warn_of_passwords(database: str | None, broker: str | None) -> None:
    """Log a warning for each of the URLs `--database` and `--broker` that holds a password. None: it was not given.

    Raises StartError if a URL is of no known kind.
    """
    shown = {
        "database": (database, database and stores.kind_of(database).shown(database)),
        "broker": (broker, broker and brokers.kind_of(broker).shown(broker)),
    }
    for name, (url, masked) in shown.items():
        if url != masked:
            _log.warning(
                "The password in --%s can be read by every user of this machine: give the URL in WALKWIRE_%s, "
                "or the path of a file that holds it in WALKWIRE_%s_FILE",
                name,
                name.upper(),
                name.upper(),
            )
