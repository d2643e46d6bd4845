"""Sources: reads the settings from arguments, the environment and `walkwire.toml`. They are read here and nowhere else."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, ValidationError

from walkwire.config.model import SECRET_URLS, Config
from walkwire.errors import StartError

FILE = "walkwire.toml"
PREFIX = "WALKWIRE_"
NO_SETTINGS = ("WALKWIRE_LOAD_TOKEN", "WALKWIRE_CLIENT_TOKEN")  # of commands
OF_TESTS = ("WALKWIRE_TEST_", "WALKWIRE_BENCH_")  # of walkwire's own tests and measurements

_SSO = re.compile(
    r"(?:WALKWIRE_)?SSO_(\w+?)_(CLIENT_ID|CLIENT_SECRET_FILE|CLIENT_SECRET|ISSUER)\Z", re.IGNORECASE
)


def load(**arguments: Any) -> Config:
    """Return the settings from `arguments`, the environment and the file. Arguments that are None count as absent.

    Raises StartError.
    """
    given = {key: value for key, value in arguments.items() if value is not None}
    given |= {f"{name}_file": "" for name in SECRET_URLS if name in given}  # an argument overrides both
    _refuse_unknown_variables()
    try:
        values: dict[str, Any] = {}
        for source in (
            _file(),
            _sso_names(),
            _jac_cloud_names(),
            _environment(),
            given,
        ):  # the later ones count over the earlier
            values = _merged(values, source)
        return _Settings(**values)
    except ValidationError as error:
        # The default of a policy is not computed if another value is wrong.
        problems = [one for one in error.errors() if one["type"] != "default_factory_not_called"]
        raise StartError("; ".join(_sentence(problem, given) for problem in problems)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise StartError(f"{FILE} cannot be read: {error}") from None


def _refuse_unknown_variables() -> None:
    """Raise StartError for a variable with the prefix that is no setting: it would be ignored, and a limit not be kept."""
    for variable in sorted(os.environ):
        name = variable.upper()
        if (
            not name.startswith(PREFIX)
            or name in NO_SETTINGS
            or name.startswith(OF_TESTS)
            or _SSO.match(name)
        ):
            continue
        known = [key.upper() for key in Config.model_fields]
        if (key := name.removeprefix(PREFIX)) not in known:
            near = difflib.get_close_matches(key, known, 1)
            meant = f": is {PREFIX}{near[0]} meant?" if near else ", and none is like it"
            raise StartError(f"The environment has {variable}, which is no setting{meant}")


def client_token() -> str | None:
    """Return the token of a user that commands show to a server, in WALKWIRE_CLIENT_TOKEN; None if there is none."""
    return os.environ.get("WALKWIRE_CLIENT_TOKEN") or None


class _Settings(Config):
    model_config = ConfigDict(validate_default=True)


def _file() -> dict[str, Any]:
    """Return what is in the `walkwire.toml` of the current folder."""
    path = Path(FILE)
    return tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}


def _environment() -> dict[str, str]:
    """Return the variables with the prefix, in whatever case. An empty one counts as absent."""
    given = {name.upper(): value for name, value in os.environ.items() if value}
    return {
        key: value for key in Config.model_fields if (value := given.get(PREFIX + key.upper())) is not None
    }


_JAC_CLOUD_NAMES = ("TOKEN_SECRET", "TOKEN_SECRET_FILE", "SHOW_ENDPOINT_RETURNS")


def _jac_cloud_names() -> dict[str, str]:
    """Return the variables without a prefix that Jac Cloud reads too, and TOKEN_SECRET_FILE."""
    return {name.lower(): value for name in _JAC_CLOUD_NAMES if (value := os.environ.get(name))}


def _sso_names() -> dict[str, Any]:
    """Return the variables of single sign-on, `SSO_<NAME>_CLIENT_ID` and others, with the prefix or, as in Jac Cloud, without."""
    providers: dict[str, dict[str, str]] = {}
    for name, value in sorted(os.environ.items()):  # the one with the prefix comes later
        if value and (found := _SSO.match(name)):
            providers.setdefault(found[1].lower(), {})[found[2].lower()] = value
    return {"sso": providers} if providers else {}


def _merged(lower: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    """Return both, where the values of `upper` count; tables that both have are merged by their keys."""
    merged = lower | upper
    for key in lower.keys() & upper.keys():
        if isinstance(lower[key], dict) and isinstance(upper[key], dict):
            merged[key] = _merged(lower[key], upper[key])
    return merged


def _sentence(problem: Any, given: dict[str, Any]) -> str:
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:  # what is wrong is not one setting
        return message
    key = str(problem["loc"][0])
    if key == "sso":
        return f"{'_'.join(map(str, problem['loc'])).upper()}: {message}"
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, Config.model_fields, 1)
        return f"{FILE} has an unknown key {key!r}" + (f": is {near[0]!r} meant?" if near else "")
    return f"{key.upper()}, from {_source(key, given)}: {message[:1].lower()}{message[1:]}"


def _source(key: str, given: dict[str, Any]) -> str:
    if key in given:
        return f"the argument --{key}"
    names = {f"WALKWIRE_{key.upper()}"} | ({key.upper()} & {*_JAC_CLOUD_NAMES})
    return next((name for name, value in os.environ.items() if name.upper() in names and value), FILE)
