"""User: what a program adds to its users, and how it finds them.

A class over `BaseUser` gives them fields, which `/user/register` takes. They are kept with the account, and told by
`/user/login`. Of Mongo's filters there is what can be answered by id, e-mail address and root; a password is never given. Mail,
and other ways to sign in, have no counterpart here.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal, NoReturn, dataclass_transform

from pydantic import ValidationError

from walkwire.store import UserRecord
from walkwire.walk.current import current
from walkwire.walk.registry import enrol

NO_PASSWORD = b"\x01"

Column = Literal["id", "email_key", "root_id"]

_KEYS = {"_id": "id", "id": "id", "email": "email", "root_id": "root_id"}


class _Strict(type):
    """Of what Mongo's collections can do besides, a program learns that it is not there where it asks for it."""

    def __getattr__(cls, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"walkwire's User.Collection has no {name!r}: users are found by find, find_one, find_by_id, find_by_email and"
            " count, and changed by the routes under /user"
        )


class UserCollection(metaclass=_Strict):
    """The users, for a walk while a program is served: `User.Collection.find_one({"root_id": id})`.

    A program's own `__document__`, its way to make a user of Mongo's document, is never asked here.
    """

    __user__: ClassVar[type[BaseUser]]

    @classmethod
    def find(cls, filter: Mapping[str, Any] | None = None, *_: Any, **__: Any) -> Iterator[Any]:
        """The users that fit. Raises ValueError for a filter that cannot be answered."""
        _require_accounts()
        return iter([_user_of(cls.__user__, record) for record in _found(filter or {})])

    @classmethod
    def find_one(cls, filter: Mapping[str, Any] | None = None, *_: Any, **__: Any) -> Any:
        """The first of them, or None."""
        return next(cls.find(filter), None)

    @classmethod
    def find_by_id(cls, id: Any, *_: Any, **__: Any) -> Any:
        """The user with this id, or None."""
        return cls.find_one({"_id": id})

    @classmethod
    def find_by_email(cls, email: str) -> Any:
        """The user with this address, in any case, or None."""
        return cls.find_one({"email": email})

    @classmethod
    def count(cls, filter: Mapping[str, Any] | None = None, *_: Any, **__: Any) -> int:
        """How many fit."""
        return sum(1 for _ in cls.find(filter))

    count_documents = count


@dataclass_transform(eq_default=False, kw_only_default=True, field_specifiers=(dataclasses.field,))
class BaseUser:
    """A base for the one class of users that a program may have: `class User(BaseUser): name: str`.

    What `User.Collection` gives has the program's fields, and of every user these.
    """

    __is_user__: ClassVar[bool] = True

    Collection: ClassVar[type[UserCollection]]

    id: ClassVar[str] = ""
    email: ClassVar[str] = ""
    root_id: ClassVar[str] = ""
    is_activated: ClassVar[bool] = True
    is_admin: ClassVar[bool] = False
    password: ClassVar[bytes] = NO_PASSWORD

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        dataclasses.dataclass(eq=False, kw_only=True)(cls)
        cls.Collection = _collection_of(cls)
        enrol(cls)


def _user_of(cls: type[BaseUser], record: UserRecord) -> BaseUser:
    user = cls.__new__(cls)
    vars(user).update(_own_fields(cls, record.state))
    vars(user).update(
        id=record.id,
        email=record.email,
        root_id=record.root_id,
        is_activated=record.is_activated,
        is_admin=record.is_admin,
    )
    return user


def _own_fields(cls: type[BaseUser], state: Mapping[str, Any]) -> dict[str, Any]:
    """The program's fields as they were registered; as JSON has them where the class has changed since."""
    from walkwire.walk.walker.fields import model_of, values_of  # `import walkwire` is lighter without

    if not dataclasses.is_dataclass(cls):
        return dict(state)
    try:
        return dict(state) | values_of(model_of(cls).model_validate(dict(state)))
    except ValidationError:
        return dict(state)


def _collection_of(user: type[BaseUser]) -> type[UserCollection]:
    """The collection of a class of users: what the program's own has, over walkwire's."""
    return type("Collection", (user.Collection,), {"__user__": user, "__module__": user.__module__})


BaseUser.Collection = type("Collection", (UserCollection,), {"__user__": BaseUser, "__module__": __name__})


class SendGridEmailer:
    """Jac Cloud's mail, which its programs name in methods that are never called here."""

    @staticmethod
    def send_verification_code(code: str, email: str) -> None:
        """Raises NotImplementedError."""
        raise NotImplementedError("walkwire sends no mail: call your mail provider's own package")

    send_reset_code = send_verification_code


def _require_accounts() -> None:
    if current().host.users is None:
        raise RuntimeError(
            "There are no users here: a program has some while it is served, in the abilities of its walkers"
        )


def _found(filter: Mapping[str, Any]) -> Iterator[UserRecord]:
    wanted = {_key(key): _texts(key, value) for key, value in filter.items()}
    if not wanted:
        raise ValueError("Users are found by _id, email or root_id: a filter needs one of them")
    key, texts = next(iter(wanted.items()))
    columns: dict[str, Column] = {"id": "id", "email": "email_key", "root_id": "root_id"}
    graph = current().graph
    for text in texts:
        record = graph.user((columns[key], text))
        if record is not None and all(_value(record, name) in wanted[name] for name in wanted):
            yield record


def _key(key: str) -> str:
    if key not in _KEYS:
        raise ValueError(f"Users cannot be found by {key!r}: there are _id, email and root_id")
    return _KEYS[key]


def _value(record: UserRecord, name: str) -> str:
    value: str = getattr(record, name)
    return value.casefold() if name == "email" else value


def _texts(key: str, wanted: Any) -> list[str]:
    if not isinstance(wanted, Mapping):
        return [_text(key, wanted)]
    if set(wanted) == {"$in"} and isinstance(wanted["$in"], Iterable):
        return list(dict.fromkeys(_text(key, one) for one in wanted["$in"]))
    if (
        key == "email"
        and set(wanted) <= {"$regex", "$options"}
        and (literal := _literal(wanted.get("$regex")))
    ):
        return [literal.casefold()]
    raise ValueError(
        f"A filter by {key!r}: {wanted!r:.60} cannot be answered; there are a value, $in, and for email $regex of a whole address"
    )


def _text(key: str, value: Any) -> str:
    text = str(getattr(value, "id", value))
    return text.casefold() if key == "email" else text.rpartition(":")[2]


def _literal(pattern: Any) -> str | None:
    """The address that `^address$` means to a program, which took no care that its dots mean any character."""
    found = re.fullmatch(r"\^((?:[\w@.+-]|\\[@.+-])+)\$", str(pattern))
    return re.sub(r"\\(.)", r"\1", found[1]) if found and ".+" not in found[1] else None
