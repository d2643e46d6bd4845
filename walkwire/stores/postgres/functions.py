"""Functions: what a commit does inside PostgreSQL, in one call. A migration installs them; a change here needs another migration.

- `walkwire_mark` returns the mark of a selection: the `seq` of its edges, in order.
- `walkwire_lost` returns which reads of a walk are out of date, judged in one snapshot.
- `walkwire_commit` acquires the locks of a commit, checks what was read, and writes, or returns why it did not write.
- `walkwire_keyed_commit` does the same for a call with a key, whose record it writes as well.
- `walkwire_append` appends to streams (`streams`).

`walkwire_sessions` has a row for each connection that commits; `tag` names its last commit. After a connection broke, the row
tells whether its commit was made. Setting `is_fenced` first keeps the commit from being made later on.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import product

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    String,
    Table,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from walkwire.stores.postgres.driver.pool import driver_of
from walkwire.stores.postgres.statements import DIALECT, found
from walkwire.stores.sql.schema import of_postgres
from walkwire.stores.sql.selections import SelectionShape
from walkwire.stores.sql.streams import MOST_SLACK, SLACK, STEPS

sessions = Table(
    "walkwire_sessions",
    of_postgres,
    Column("id", String(32), primary_key=True),
    Column("tag", BigInteger, nullable=False),
    Column("is_fenced", Boolean, nullable=False),
    Column("made", DateTime(timezone=True), nullable=False, server_default=func.now()),
    postgresql_with={"fillfactor": 50},  # leaves space in each page for new versions of its rows
)

CHANGED = "WW001"  # SQLSTATE: a record was changed although it was locked
TAKEN = "WW002"  # SQLSTATE: another call with the same key is committed

# The number of each shape that a selection can have.
_IS = (False, True)
NUMBERS = {
    SelectionShape(*restricted): number
    for number, restricted in enumerate(
        product(("out", "into", "both"), _IS, _IS, _IS, ("all", "first", "last"))
    )
}


def make(connection: Connection) -> None:
    """Create the table and all functions, in the open transaction."""
    sessions.create(connection)
    install(connection)


def install(connection: Connection) -> None:
    """Create or replace all functions, in the open transaction."""
    for statement in texts():
        driver_of(connection).execute(statement.encode(), prepare=False)


def texts() -> list[str]:
    """Return the statements that create all functions."""
    return [_mark(), _LOST, _COMMIT.replace("{CHANGED}", CHANGED), _keyed_commit(), _append()]


def _mark() -> str:
    branches = "\n".join(
        f"  WHEN {number} THEN RETURN ({_numbers(shape)});" for shape, number in NUMBERS.items()
    )
    return _MARK % branches


@cache
def _numbers(shape: SelectionShape) -> str:
    edge = found(shape)
    seqs = func.array_agg(aggregate_order_by(edge.c.seq, edge.c.seq))
    compiled = select(func.coalesce(seqs, literal_column("'{}'::bigint[]"))).compile(dialect=DIALECT)
    constants = {name: value for name, value in compiled.params.items() if value is not None}

    def filled(match: re.Match[str]) -> str:
        name = match.group(1)
        return repr(constants[name]) if name in constants else f"p_{name}"

    return " ".join(re.sub(r"%\((\w+)\)s", filled, str(compiled)).replace("%%", "%").split())


def _keyed_commit() -> str:
    parameters = re.search(r"walkwire_commit\((.*?)\n\) RETURNS", _COMMIT, re.DOTALL)
    assert parameters is not None
    names = ", ".join(re.findall(r"p_\w+", parameters[1]))
    text = _KEYED_COMMIT.replace("{PARAMETERS}", parameters[1]).replace("{NAMES}", names)
    return text.replace("{TAKEN}", TAKEN)


def _append() -> str:
    return _APPEND % {"slack": SLACK, "most_slack": MOST_SLACK, "steps": STEPS}


_MARK = """
CREATE OR REPLACE FUNCTION walkwire_mark(
  p_shape integer, p_node text, p_edge_kinds text[], p_node_kinds text[], p_far text[], p_limit integer
) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $walkwire$
#variable_conflict use_column
BEGIN
  CASE p_shape
%s
  END CASE;
END
$walkwire$
"""

_LOST = """
CREATE OR REPLACE FUNCTION walkwire_lost(
  p_nodes text[], p_node_versions integer[],
  p_edges text[], p_edge_versions integer[],
  p_ends text[],
  p_shapes integer[], p_centres text[], p_edge_kinds text[], p_node_kinds text[], p_far text[], p_limits integer[],
  p_marks text[]
) RETURNS text LANGUAGE plpgsql STABLE AS $walkwire$
DECLARE
  records text[] := '{}';
  neighbourhoods text[] := '{}';
BEGIN
  IF cardinality(p_nodes) > 0 THEN
    records := ARRAY(
      SELECT given.id FROM unnest(p_nodes, p_node_versions) AS given(id, version)
      LEFT JOIN nodes ON nodes.id = given.id WHERE coalesce(nodes.version, 0) <> given.version
    );
  END IF;
  IF cardinality(p_edges) > 0 THEN
    records := records || ARRAY(
      SELECT given.id FROM unnest(p_edges, p_edge_versions) AS given(id, version)
      LEFT JOIN edges ON edges.id = given.id WHERE coalesce(edges.version, 0) <> given.version
    );
  END IF;
  IF cardinality(p_ends) > 0 THEN
    records := records || ARRAY(
      SELECT given.id FROM unnest(p_ends) AS given(id)
      WHERE NOT EXISTS (SELECT FROM nodes WHERE nodes.id = given.id)
    );
  END IF;
  FOR i IN 1 .. cardinality(p_shapes) LOOP
    IF p_marks[i]::bigint[] <> walkwire_mark(
      p_shapes[i], p_centres[i], p_edge_kinds[i]::text[], p_node_kinds[i]::text[], p_far[i]::text[], p_limits[i]
    ) THEN
      neighbourhoods := neighbourhoods || p_centres[i];
    END IF;
  END LOOP;
  IF cardinality(records) = 0 AND cardinality(neighbourhoods) = 0 THEN
    RETURN NULL;
  END IF;
  RETURN json_build_object('records', to_json(records), 'neighbourhoods', to_json(neighbourhoods));
END
$walkwire$
"""

# The tag is written first. That locks the row, so that a query for the outcome waits until the transaction is over. Each
# statement sees what was committed before it began (READ COMMITTED), so all statements after the locks see what they protect.
_COMMIT = """
CREATE OR REPLACE FUNCTION walkwire_commit(
  p_session text, p_tag bigint,
  p_shared bigint[], p_locks bigint[], p_alone boolean[],
  p_nodes text[], p_node_versions integer[],
  p_edges text[], p_edge_versions integer[],
  p_ends text[],
  p_shapes integer[], p_centres text[], p_edge_kinds text[], p_node_kinds text[], p_far text[], p_limits integer[],
  p_marks text[],
  p_new_nodes text[], p_new_node_kinds text[], p_new_node_owners text[], p_new_node_data text[],
  p_new_node_access text[],
  p_new_edges text[], p_new_edge_kinds text[], p_sources text[], p_source_kinds text[], p_targets text[],
  p_target_kinds text[], p_new_edge_data text[],
  p_changed_nodes text[], p_changed_node_versions integer[], p_changed_node_data text[],
  p_changed_node_access text[],
  p_changed_edges text[], p_changed_edge_versions integer[], p_changed_edge_data text[],
  p_deleted_nodes text[], p_deleted_edges text[], p_known_edges text[],
  p_new_tasks text, p_ended_task text
) RETURNS text LANGUAGE plpgsql VOLATILE AS $walkwire$
DECLARE
  answer text;
  done integer;
  is_short boolean := false;
BEGIN
  UPDATE walkwire_sessions SET tag = p_tag WHERE id = p_session AND NOT is_fenced;
  IF NOT FOUND THEN
    RETURN '{"session":null}';
  END IF;
  IF cardinality(p_shared) > 0 THEN
    SELECT json_build_object('held', json_agg(number)) INTO answer FROM unnest(p_shared) AS given(number)
    WHERE NOT pg_try_advisory_xact_lock_shared(number) HAVING count(*) > 0;
  END IF;
  IF answer IS NULL THEN
    PERFORM CASE WHEN is_alone THEN pg_advisory_xact_lock(number) ELSE pg_advisory_xact_lock_shared(number) END
    FROM unnest(p_locks, p_alone) AS given(number, is_alone);
    answer := walkwire_lost(
      p_nodes, p_node_versions, p_edges, p_edge_versions, p_ends,
      p_shapes, p_centres, p_edge_kinds, p_node_kinds, p_far, p_limits, p_marks
    );
  END IF;
  IF answer IS NULL AND cardinality(p_deleted_nodes) > 0 AND EXISTS (
    SELECT FROM edges WHERE source = ANY(p_deleted_nodes) AND id <> ALL(p_known_edges)
    UNION ALL
    SELECT FROM edges WHERE target = ANY(p_deleted_nodes) AND id <> ALL(p_known_edges)
  ) THEN
    answer := '{"edges":null}';
  END IF;
  IF answer IS NULL AND p_ended_task IS NOT NULL THEN
    UPDATE tasks SET
      state = ended.state, status = ended.status, reports = ended.reports, custom = ended.custom, error = ended.error
    FROM json_to_record(p_ended_task::json)
      AS ended(id text, server text, state text, status integer, reports text, custom text, error text)
    WHERE tasks.id = ended.id AND tasks.server = ended.server AND tasks.state = 'STARTED';
    IF NOT FOUND THEN
      answer := '{"task":null}';
    END IF;
  END IF;
  IF answer IS NOT NULL THEN
    UPDATE walkwire_sessions SET tag = 0 WHERE id = p_session;
    RETURN answer;
  END IF;
  IF cardinality(p_deleted_edges) > 0 THEN
    DELETE FROM edges WHERE id = ANY(p_deleted_edges);
  END IF;
  IF cardinality(p_new_nodes) > 0 THEN
    INSERT INTO nodes (id, kind, owner, version, data, access)
    SELECT id, kind, owner, 1, data, access
    FROM unnest(p_new_nodes, p_new_node_kinds, p_new_node_owners, p_new_node_data, p_new_node_access)
      AS given(id, kind, owner, data, access);
  END IF;
  IF cardinality(p_changed_nodes) > 0 THEN
    UPDATE nodes SET version = given.version + 1, data = given.data, access = given.access
    FROM unnest(p_changed_nodes, p_changed_node_versions, p_changed_node_data, p_changed_node_access)
      AS given(id, version, data, access)
    WHERE nodes.id = given.id AND nodes.version = given.version;
    GET DIAGNOSTICS done = ROW_COUNT;
    is_short := is_short OR done <> cardinality(p_changed_nodes);
  END IF;
  IF cardinality(p_changed_edges) > 0 THEN
    UPDATE edges SET version = given.version + 1, data = given.data
    FROM unnest(p_changed_edges, p_changed_edge_versions, p_changed_edge_data) AS given(id, version, data)
    WHERE edges.id = given.id AND edges.version = given.version;
    GET DIAGNOSTICS done = ROW_COUNT;
    is_short := is_short OR done <> cardinality(p_changed_edges);
  END IF;
  IF cardinality(p_new_edges) > 0 THEN
    INSERT INTO edges (id, kind, source, source_kind, target, target_kind, version, data)
    SELECT id, kind, source, source_kind, target, target_kind, 1, data
    FROM unnest(
      p_new_edges, p_new_edge_kinds, p_sources, p_source_kinds, p_targets, p_target_kinds, p_new_edge_data
    ) WITH ORDINALITY AS given(id, kind, source, source_kind, target, target_kind, data, place)
    ORDER BY place;
  END IF;
  IF p_new_tasks IS NOT NULL THEN
    INSERT INTO tasks (
      id, walker, root_id, node, state, asked, due, begun, status, reports, custom, error
    )
    SELECT id, walker, root_id, node, state, asked, due, begun, status, reports, custom, error
    FROM json_to_recordset(p_new_tasks::json) AS given(
      id text, walker text, root_id text, node text, state text, asked double precision, due double precision,
      begun double precision, status integer, reports text, custom text, error text
    );
  END IF;
  IF cardinality(p_deleted_nodes) > 0 THEN
    DELETE FROM nodes WHERE id = ANY(p_deleted_nodes);
  END IF;
  IF is_short THEN
    RAISE EXCEPTION 'walkwire: a record changed under its lock' USING ERRCODE = '{CHANGED}';
  END IF;
  RETURN NULL;
END
$walkwire$
"""

# The key comes last: a commit that waits for the row of another one holds locks, and the other one waits for nothing any more.
_KEYED_COMMIT = """
CREATE OR REPLACE FUNCTION walkwire_keyed_commit({PARAMETERS},
  p_root_id text, p_key text, p_call text, p_digest text, p_status integer, p_body text, p_is_response boolean,
  p_made double precision, p_expires double precision
) RETURNS text LANGUAGE plpgsql VOLATILE AS $walkwire$
DECLARE
  answer text := walkwire_commit({NAMES});
BEGIN
  IF answer IS NOT NULL THEN
    RETURN answer;
  END IF;
  INSERT INTO keyed_calls AS done (root_id, key, call, digest, status, body, is_response, made, expires)
  VALUES (p_root_id, p_key, p_call, p_digest, p_status, p_body, p_is_response, p_made, p_expires)
  ON CONFLICT (root_id, key) DO UPDATE SET
    call = p_call, digest = p_digest, status = p_status, body = p_body, is_response = p_is_response,
    made = p_made, expires = p_expires
  WHERE done.expires <= p_made OR done.call = p_call;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'walkwire: another call with this key is committed' USING ERRCODE = '{TAKEN}';
  END IF;
  RETURN NULL;
END
$walkwire$
"""

_APPEND = """
CREATE OR REPLACE FUNCTION walkwire_append(
  p_topics text[], p_counts integer[], p_most integer[], p_seconds double precision[],
  p_messages bytea[]
) RETURNS text LANGUAGE plpgsql VOLATILE AS $walkwire$
#variable_conflict use_column
DECLARE
  places json[] := '{}';
  v_moment double precision;
  v_lasting double precision;
  v_step integer;
  v_stream bigint;
  v_epoch text;
  v_tail bigint;
  v_done integer := 0;
  v_uuid text;
BEGIN
  FOR i IN 1 .. cardinality(p_topics) LOOP
    v_moment := extract(epoch FROM clock_timestamp());
    v_lasting := p_seconds[i] + least(p_seconds[i] * %(slack)s, %(most_slack)s);
    v_step := greatest(1, p_most[i] / %(steps)s);
    UPDATE streams SET
      tail = tail + p_counts[i], most = p_most[i], seconds = p_seconds[i],
      due = least(due, CASE
        WHEN tail + p_counts[i] > p_most[i] AND (tail + p_counts[i]) / v_step <> tail / v_step THEN v_moment
        ELSE v_moment + v_lasting
      END)
    WHERE topic = p_topics[i] RETURNING id, epoch, tail INTO v_stream, v_epoch, v_tail;
    IF NOT FOUND THEN
      v_uuid := gen_random_uuid();
      INSERT INTO streams (topic, epoch, tail, most, seconds, due)
      VALUES (
        p_topics[i], left(replace(v_uuid, '-', ''), 12) || right(v_uuid, 12), p_counts[i], p_most[i], p_seconds[i],
        v_moment + v_lasting
      )
      ON CONFLICT (topic) DO UPDATE SET tail = streams.tail + excluded.tail
      RETURNING id, epoch, tail INTO v_stream, v_epoch, v_tail;
    END IF;
    INSERT INTO stream_entries (stream, place, made, message)
    SELECT v_stream, v_tail - p_counts[i] + n, extract(epoch FROM clock_timestamp()), p_messages[v_done + n]
    FROM generate_series(1, p_counts[i]) AS given(n);
    v_done := v_done + p_counts[i];
    places := places || json_build_array(v_epoch, v_tail);
  END LOOP;
  RETURN json_build_object('places', to_json(places));
END
$walkwire$
"""
