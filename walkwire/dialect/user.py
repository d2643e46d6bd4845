"""User: a program's own fields of its users, and its searches for users.

A class derived from `BaseUser` declares the fields, which `/user/register` takes. They are stored with the account, and
`/user/login` returns them. Of Mongo's filters those by id, e-mail address and root are supported. A password is never returned.
Its `send_reset_code` and `send_verification_code` send the server's codes.

`Any` in this file: filters that programs give in Mongo's form, and users of the program's own class.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal, NoReturn, dataclass_transform

from pydantic import ValidationError

from walkwire.store import UserRecord, email_key
from walkwire.walk.current import current
from walkwire.walk.registry import enrol

NO_PASSWORD = b"\x01"

Filter = Mapping[str, Any]
Column = Literal["id", "email_key", "root_id"]

_KEYS = {"_id": "id", "id": "id", "email": "email", "root_id": "root_id"}


class _Strict(type):
    """Raise AttributeError for other methods of Mongo's collections, with advice."""

    def __getattr__(cls, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"walkwire's User.Collection has no {name!r}: users are found by find, find_one, find_by_id, find_by_email and"
            " count, and changed by the routes under /user"
        )


class UserCollection(metaclass=_Strict):
    """The users of a served program, for its walks: `User.Collection.find_one({"root_id": id})`.

    Raises RuntimeError outside of a server. A program's own `__document__`, which converts Mongo's documents, is never called.
    """

    __user__: ClassVar[type[BaseUser]]

    @classmethod
    def find(cls, filter: Filter | None = None, *_: object, **__: object) -> Iterator[Any]:
        """Return the users that match. Raises ValueError for a filter that is not supported."""
        _require_accounts()
        return iter([_user_of(cls.__user__, record) for record in _found(filter or {})])

    @classmethod
    def find_one(cls, filter: Filter | None = None, *_: object, **__: object) -> Any:
        """Return the first match; None if there is none."""
        return next(cls.find(filter), None)

    @classmethod
    def find_by_id(cls, id: object, *_: object, **__: object) -> Any:
        """Return the user with this id; None if there is none."""
        return cls.find_one({"_id": id})

    @classmethod
    def find_by_email(cls, email: str) -> Any:
        """Return the user with this address, in upper or lower case; None if there is none."""
        return cls.find_one({"email": email})

    @classmethod
    def count(cls, filter: Filter | None = None, *_: object, **__: object) -> int:
        """Return the number of matches."""
        return sum(1 for _ in cls.find(filter))

    count_documents = count


@dataclass_transform(eq_default=False, kw_only_default=True, field_specifiers=(dataclasses.field,))
class BaseUser:
    """The base of a program's class of users, of which it may have one: `class User(BaseUser): name: str`.

    The users that `User.Collection` returns have the program's fields and these.
    """

    __is_user__: ClassVar[bool] = True

    Collection: ClassVar[type[UserCollection]]

    id: ClassVar[str] = ""
    email: ClassVar[str] = ""
    root_id: ClassVar[str] = ""
    is_activated: ClassVar[bool] = True
    is_admin: ClassVar[bool] = False
    password: ClassVar[bytes] = NO_PASSWORD

    def __init_subclass__(cls, **keywords: Any) -> None:  # Any: keywords of the program's own bases
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
        is_activated=record.is_ready,
        is_admin=record.is_admin,
    )
    return user


def _own_fields(cls: type[BaseUser], state: Mapping[str, object]) -> dict[str, object]:
    """Return the program's fields of a user; as they are in JSON if the class has changed since and does not accept them."""
    from walkwire.walk.walker.fields import model_of, values_of  # `import walkwire` is lighter without

    if not dataclasses.is_dataclass(cls):
        return dict(state)
    try:
        return dict(state) | values_of(model_of(cls).model_validate(dict(state)))
    except ValidationError:
        return dict(state)


def _collection_of(user: type[BaseUser]) -> type[UserCollection]:
    """Return the collection of a class of users, derived from the program's own if it has one."""
    return type("Collection", (user.Collection,), {"__user__": user, "__module__": user.__module__})


BaseUser.Collection = type("Collection", (UserCollection,), {"__user__": BaseUser, "__module__": __name__})


class SendGridEmailer:
    """Jac Cloud's mail. Programs name it in methods that are never called here."""

    @staticmethod
    def send_verification_code(code: str, email: str) -> None:
        """Raise NotImplementedError."""
        raise NotImplementedError(
            "walkwire has no SendGrid: set SMTP_URL, or call your mail provider's own package"
        )

    send_reset_code = send_verification_code


def _require_accounts() -> None:
    if current().host.users is None:
        raise RuntimeError(
            "There are no users here: a program has some while it is served, in the abilities of its walkers"
        )


def _found(filter: Filter) -> Iterator[UserRecord]:
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
    return email_key(value) if name == "email" else value


def _texts(key: str, wanted: object) -> list[str]:
    if not isinstance(wanted, Mapping):
        return [_text(key, wanted)]
    if set(wanted) == {"$in"} and isinstance(wanted["$in"], Iterable):
        return list(dict.fromkeys(_text(key, one) for one in wanted["$in"]))
    if (
        key == "email"
        and set(wanted) <= {"$regex", "$options"}
        and (literal := _literal(wanted.get("$regex")))
    ):
        return [email_key(literal)]
    raise ValueError(
        f"A filter by {key!r}: {wanted!r:.60} cannot be answered; there are a value, $in, and for email $regex of a whole address"
    )


def _text(key: str, value: object) -> str:
    text = str(getattr(value, "id", value))
    return email_key(text) if key == "email" else text.rpartition(":")[2]


def _literal(pattern: object) -> str | None:
    """Return the address in a pattern `^address$`, with or without escaped dots; None for any other pattern."""
    found = re.fullmatch(r"\^((?:[\w@.+-]|\\[@.+-])+)\$", str(pattern))
    return re.sub(r"\\(.)", r"\1", found[1]) if found and ".+" not in found[1] else None
