"""The pool of connections: whoever waits for one gets it, by whichever way it was given back."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import make_url, text

from tests.databases import postgres
from walkwire.errors import Busy
from walkwire.stores.postgres.driver.pool import Pool

SIZE = 2


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture
def pool(url: str) -> Iterator[Pool]:
    pool = Pool(make_url(url), SIZE, seconds=2)
    yield pool
    pool.close()


def backends(url: str) -> int:
    """How many connections the pool has."""
    with psycopg.connect(url) as other:
        ((count,),) = other.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'walkwire'"
        ).fetchall()
        return int(count)


def test_many_threads_share_few_connections_of_the_driver_and_of_sqlalchemy(url: str, pool: Pool) -> None:
    def ask(number: int) -> int:
        if number % 3:
            with pool.raw() as raw:
                return int(raw.execute("SELECT 1").fetchall()[0][0])
        with pool.plain() as plain:
            return int(plain.execute(text("SELECT 1")).scalar_one())

    pool.engine.pool._timeout = 60  # type: ignore[attr-defined]  # no thread waits long, unless the machine is busy
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(ask, range(2000))) == 2000
    assert backends(url) <= SIZE


def test_whoever_waits_longer_than_the_pool_says_is_told_busy(pool: Pool) -> None:
    pool.engine.pool._timeout = 0.05  # type: ignore[attr-defined]
    with pool.raw(), pool.plain(), pytest.raises(Busy), pool.raw():
        pass
    with pool.plain(), pool.raw():
        pass  # both are free again


def test_a_connection_that_is_left_in_the_midst_of_a_transaction_is_replaced(pool: Pool) -> None:
    with pool.raw() as raw:
        raw.execute("BEGIN")
        left = raw.info.backend_pid
    with pool.raw() as raw:
        assert raw.info.backend_pid != left


def test_connections_that_were_ended_meanwhile_are_passed_over(url: str, pool: Pool) -> None:
    with pool.raw(), pool.raw():
        pass
    with psycopg.connect(url, autocommit=True) as operator:
        operator.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'walkwire' "
            "AND datname = current_database()"
        ).fetchall()
    with pool.raw() as raw, pool.plain() as plain:
        assert raw.execute("SELECT 1").fetchall() == [(1,)]
        assert plain.execute(text("SELECT 1")).scalar_one() == 1


def test_all_are_replaced_after_the_database_hung(url: str, pool: Pool) -> None:
    with pool.raw() as first, pool.raw() as second:
        old = {first.info.backend_pid, second.info.backend_pid}
    pool._note_hang()
    with pool.raw() as first, pool.raw() as second:
        assert old.isdisjoint({first.info.backend_pid, second.info.backend_pid})
