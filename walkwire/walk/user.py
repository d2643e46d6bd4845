"""User: what a program adds to its users. A class over `BaseUser` gives them fields, which `/user/register` then takes.

They are kept with the account, and told by `/user/login`. Mail, and other ways to sign in, have no counterpart here.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, dataclass_transform

from walkwire.walk.registry import enrol


@dataclass_transform(eq_default=False, kw_only_default=True, field_specifiers=(dataclasses.field,))
class BaseUser:
    """A base for the one class of users that a program may have: `class User(BaseUser): name: str`."""

    __is_user__: ClassVar[bool] = True

    class Collection:
        """Jac Cloud's way to the stored users; a program's own way to read them is never asked here."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        dataclasses.dataclass(eq=False, kw_only=True)(cls)
        enrol(cls)


class SendGridEmailer:
    """Jac Cloud's mail, which its programs name in methods that are never called here."""

    @staticmethod
    def send_verification_code(code: str, email: str) -> None:
        """Raises NotImplementedError."""
        raise NotImplementedError("walkwire sends no mail: call your mail provider's own package")

    send_reset_code = send_verification_code


NO_PASSWORD = b"\x01"
