"""Proves the map of `docs/house.md`: each line names the files that something which exists already has touched.

`WITNESSES` has such a thing for each line: patterns to be found in the files of the line. A line that says "a file of `…/`" is
proved by one file of that folder.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
HOUSE = REPOSITORY / "walkwire"
SECTION = "## A map for changing things"

# Line of the map → what exists already, as patterns by file. "*" is for every other file of the line.
WITNESSES: dict[str, dict[str, str]] = {
    "a client event": {
        "docs/protocol.md": r"^\| `join`",
        "*": r"\bJoinEvent\b",
    },
    "a frame of the server": {
        "docs/protocol.md": r'^\{"type":"reply"',
        "wire/connection.py": r"frame\.reply\(",
        "*": r"\breply\(",
    },
    "a close code": {
        "docs/protocol.md": r"^\| 4003 ",
        "wire/message/close.py": r"^REFUSED = Close\(4003,",
        "server/socket/": r"\bclose\.REFUSED\b",
        "server/process/": r"\bclose\.DRAIN\b",
        "*": r"\bREFUSED\b",
    },
    "a policy of what clients may do": {
        "docs/configuration.md": r"^\| `POLICY_JOIN`",
        "wire/policy.py": r"\bjoin: Policy",
        "*": r"\bpolicy_join\b",
    },
    "an occasion on which walkers run": {
        "wire/hub.py": r"\.disconnected\(",
        "tests/wire/presence/test_attendance.py": r'"disconnect"',
        "*": r"\bdisconnect\b",
    },
    "a level of channel rules": {
        "docs/notifications.md": r"^\| `members`",
        "*": r'"members"',
    },
    "a setting": {
        "docs/configuration.md": r"^\| `WALK_QUEUE`.*\n(?:.*\n)*\| `DRAIN_SECONDS`",
        "server/app.py": r"\bconfig\.walk_queue\b",
        "server/settings.py": r"\bconfig\.ping_seconds\b",
        "server/process/process.py": r"\bconfig\.drain_seconds\b",
        "*": r"\bwalk_queue\b",
    },
    "a limit of a connection": {"*": r"\bside_by_side\b"},
    "an error code": {"docs/protocol.md": r"^\| `unprintable` ", "*": r'"unprintable"'},
    "a broker": {
        "brokers/__init__.py": r"\bNatsKind\b",
        "brokers/link.py": r"^class Link\b",
        "*": r"(?i)\bnats",
    },
    "a history": {
        "histories/__init__.py": r"\bNatsHistoryKind\b",
        "tests/test_house.py": r'"nats": \{"brokers", "histories"\}',
        "docs/streams.md": r"^- \*\*NATS\.\*\*",
        "walkwire/histories/suite.py": r"^CHECKS\b",
        "*": r"(?i)\bnats",
    },
    "a store (MySQL, say)": {
        "stores/sql/store.py": r"^class ",
        "stores/sql/schema.py": r"\bpostgresql_where=",
        "stores/sql/migrations/versions/": r'dialect\.name != "postgresql"',
        "tests/test_house.py": r'"psycopg": ',
        "docs/stores.md": r"PostgreSQL",
        "*": r"postgres",
    },
    "a table or a column": {
        "stores/sql/schema.py": r'"webhook_keys"',
        "stores/sql/migrations/versions/": r'"webhook_keys"',
        "stores/sql/revision.py": r'^NEWEST = "\d+"',
        "store/": r"\bclass WebhookKey\b",
        "docs/stores.md": r"`webhook_keys`",
    },
    "what a call with a key is known by": {
        "server/keyed.py": r"\bdigest\b",
        "docs/protocol.md": r"\bIdempotency-Key\b",
    },
    "a key of walker specs": {
        "walk/walker/specs.py": r'"rerun": ',
        "server/dispatch.py": r"\bspecs\.rerun\b",
        "server/http/walkers/rest.py": r"\bspecs\.summary\b",
        "server/http/walkers/request.py": r"\bspecs\.excluded\b",
        "server/http/walkers/shortcut.py": r"\banswer\.status\b",
        "docs/protocol.md": r"^\| `rerun` ",
    },
    "how a type is reported (sets, say)": {"*": r"\bDecimal\b"},
    "how a type is stored in fields": {
        "docs/graph.md": r"^A field can hold .*\benums\b",
        "*": r"\bissubclass\(cls, Enum\)",
    },
    "a verb of programs, a function such as perm_revoke": {"*": r"\bperm_revoke\b"},
    "a method of walkers, such as disengage": {"*": r"\bself\.disengage\(|def disengage\("},
    "a name of Jac Cloud": {"*": r"\brandom_string\b"},
    "a statement or an operator of Jac": {"dialect/operators.py": r"def disengage\b", "*": r"disengage"},
    "a REST route": {
        "docs/protocol.md": r"/notify/users",
        "server/http/accounts/users.py": r"\busers\.change_password\(",
        "account/": r"\bdef change_password\b",
        "*": r"def serve_notify\b|serve_notify\(",
    },
    "what a token holds": {
        "account/token.py": r"^LIFETIME = ",
        "docs/users.md": r"twelve hours|12 hours",
    },
    "how long tokens live, how refresh tokens are replaced": {
        "account/session.py": r"\bclass Lifetimes\b",
        "docs/users.md": r"/user/refresh",
        "*": r"LONGEST_REFRESH|Lifetimes",
    },
    "revoke tokens on another occasion": {"*": r"\.revoke\("},
    "a metric": {
        "docs/deployment.md": r"walkwire_cut_off_total",
        "server/metering.py": r"\badd_server=metrics\.add_server\b",
        "server/app.py": r"\bmeters\.add_server\(",
        "server/readings.py": r"\bMetricValue\(",
        "*": r"cut_off",
    },
    "limit log-ins in another way": {
        "account/attempts.py": r"\bclass Attempts\b",
        "account/accounts.py": r"\bAttemptLimits\b",
        "docs/configuration.md": r"^\| `LOGIN_FAILURES`",
        "*": r"\blogin_failures\b",
    },
    "a way to show a token at the upgrade": {
        "docs/users.md": r"walkwire\.v1",
        "docs/protocol.md": r"walkwire\.v1",
        "*": r"\bBEARER\b",
    },
    "what the console shows": {
        "docs/console.md": r"^\| Streams ",
        "*": r"\bstreams\b",
    },
    "a command": {
        "docs/commands.md": r"^\| `walkwire check ",
        "commands/programs/check.py": r"\bdef check\b",
        "cli.py": r"\bcheck, ",
        "*": r"^def ",
    },
    "how a server stops": {
        "server/process/process.py": r"\bdef shutdown\b",
        "docs/deployment.md": r"^## Stop and restart",
    },
    "what a slow client loses first": {"*": r"drop_oldest"},
    "how often a walk is retried": {"docs/units-of-work.md": r"[Tt]en (attempts|runs)", "*": r"^ATTEMPTS = "},
    "the state of a draining or unreachable server": {
        "server/http/health.py": r'"/healthz/ready"',
        "docs/deployment.md": r"/healthz/ready",
    },
}


@cache
def lines() -> dict[str, tuple[str, str]]:
    """Return the map: what is changed → the cells with files and with tests."""
    page = (REPOSITORY / "docs" / "house.md").read_text()
    section = page.partition(f"{SECTION}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|`]+) \| (.+) \| (.+) \|$", section, re.MULTILINE)
    return {what: (touched, tests) for what, touched, tests in rows if what != "to add or change"}


def _paths(cell: str) -> list[str]:
    return re.findall(r"`([\w/]+(?:\.(?:py|md|toml|lark)|/))`", cell)


def _place(path: str) -> Path:
    """Return where a path of the map is: in the repository, or in the package."""
    return HOUSE / path if (HOUSE / path).exists() else REPOSITORY / path


def _texts(path: str) -> list[str]:
    place = _place(path)
    found = sorted(one for one in place.rglob("*.py")) if place.is_dir() else [place]
    return [one.read_text() for one in found]


def test_each_line_has_a_witness() -> None:
    assert list(lines()) == list(WITNESSES)


@pytest.mark.parametrize("what", WITNESSES)
def test_what_exists_has_touched_the_files_of_its_line(what: str) -> None:
    paths = _paths(lines()[what][0])
    assert paths
    for path in paths:
        assert _place(path).exists(), f"{what}: there is no {path}"
        pattern = re.compile(WITNESSES[what].get(path, WITNESSES[what].get("*", "")), re.MULTILINE)
        assert any(pattern.search(text) for text in _texts(path)), (
            f"{what}: {path} has no {pattern.pattern}: name the right file in docs/house.md, or another witness here"
        )


@pytest.mark.parametrize("what", WITNESSES)
def test_the_tests_of_a_line_exist(what: str) -> None:
    paths = _paths(lines()[what][1])
    assert paths
    for path in paths:
        assert (REPOSITORY / path).exists(), f"{what}: there is no {path}"
