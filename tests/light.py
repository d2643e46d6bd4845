"""The command `walkwire` as an operator has it, but that a password costs nothing: Argon2 at its least, as in `walkwire.testing`.

A hash in earnest takes 0.2 s of the processor, and to make a user takes two or three: more than all else that most tests do.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from pwdlib.hashers.argon2 import Argon2Hasher

from walkwire.account import password
from walkwire.cli import main

if __name__ == "__main__":
    password.Argon2Hasher = partial(Argon2Hasher, time_cost=1, memory_cost=8, parallelism=1)  # type: ignore[assignment, misc]
    sys.argv[0] = str(Path(sys.executable).with_name("walkwire"))
    main()
