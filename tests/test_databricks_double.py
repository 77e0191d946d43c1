"""The test double behaves as a Databricks warehouse, seen from the unmodified connector."""

from datetime import UTC, datetime

import duckdb
import pytest
from databricks import sql
from databricks.sdk.core import Config, oauth_service_principal

CATALOG = "main"  # the other tests write to the other catalogs of the double they share
COLUMNS = "session_key int, v bigint, d double, st string, b boolean, ts timestamp, a array<int>"
MOMENT = datetime(2024, 1, 1, 0, 0, 0, 123456, UTC)
FULL = (1, 2**40, 1.5, "ü'x", True, MOMENT, [1, None])
EMPTY = (2, None, None, None, None, None, None)


@pytest.fixture
def double(shared_double):
    return shared_double


def connect(double, tmp_path, token=None, **settings):
    settings = {"access_token": token or double.token, "_retry_delay_max": 5} | settings
    return sql.connect(
        server_hostname="127.0.0.1",
        http_path="/sql/1.0/warehouses/x",
        _connection_uri=double.url,
        staging_allowed_local_path=str(tmp_path),
        enable_telemetry=False,
        catalog=CATALOG,
        **settings,
    )


@pytest.fixture
def cursor(double, tmp_path):
    with connect(double, tmp_path) as connection, connection.cursor() as cursor:
        cursor.execute("create schema if not exists bronze_raw")
        cursor.execute("create volume if not exists bronze_raw.staging")
        cursor.execute(
            f"create or replace table bronze_raw.t ({COLUMNS}) using delta "
            "partitioned by (session_key) tblproperties ('a' = 'b')"
        )
        yield cursor


def rows(cursor, statement, *parameters):
    """The rows as tuples; from Arrow, for the connector's rows have NaN for null in an array."""
    found = cursor.execute(statement, *parameters).fetchall_arrow()
    return [tuple(row.values()) for row in found.to_pylist()]


def stage(cursor, tmp_path, values, name="part"):
    """Two rows as Parquet by DuckDB, in the volume."""
    file = tmp_path / f"{name}.parquet"
    kinds = [
        c.replace("string", "varchar").replace("array<int>", "int[]") for c in COLUMNS.split(", ")
    ]
    kinds = [c.replace("ts timestamp", "ts timestamptz") for c in kinds]
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"create table t ({', '.join(kinds)})")
        connection.executemany(f"insert into t values ({', '.join('?' * 7)})", values)
        connection.execute(f"copy t to '{file}' (format parquet, compression zstd)")
    path = f"/Volumes/{CATALOG}/bronze_raw/staging/{name}.parquet"
    cursor.execute(f"PUT '{file}' INTO '{path}' OVERWRITE")
    return path


def replace(cursor, source, keys="1, 2"):
    cursor.execute(
        f"INSERT INTO bronze_raw.t REPLACE WHERE session_key IN ({keys}) "
        f"SELECT session_key, v, d, st, b, ts, a FROM {source}"
    )


@pytest.mark.parametrize(
    "form",
    [
        "parquet.`{}`",
        "read_files('{}', format => 'parquet')",
        "read_files('{}', format => 'parquet', schema => '" + COLUMNS + "')",
        "(select * from parquet.`{}` union all select * from parquet.`{}` where false)",
    ],
)
def test_staged_rows_replace_sessions_with_every_type(cursor, tmp_path, form):
    path = stage(cursor, tmp_path, [FULL, EMPTY])
    for _ in range(2):
        replace(cursor, form.format(path, path))
    assert rows(cursor, "select * from bronze_raw.t order by 1") == [FULL, EMPTY]
    replace(cursor, "(select * from bronze_raw.t where session_key = 1)")
    assert rows(cursor, "select * from bronze_raw.t") == [FULL]


def test_globs_and_several_files(cursor, tmp_path):
    stage(cursor, tmp_path, [FULL], "one")
    stage(cursor, tmp_path, [EMPTY], "two")
    stage(cursor, tmp_path, [EMPTY], "_hidden")
    folder = f"/Volumes/{CATALOG}/bronze_raw/staging"
    for pattern in ("{one,two}.parquet", "[ot]*.parquet"):
        replace(cursor, f"read_files('{folder}/{pattern}', format => 'parquet')")
        assert rows(cursor, "select * from bronze_raw.t order by 1") == [FULL, EMPTY]
    names = [row[1] for row in rows(cursor, f"list '{folder}'")]
    assert names == ["_hidden.parquet", "one.parquet", "part.parquet", "two.parquet"]
    for name in names:
        cursor.execute(f"REMOVE '{folder}/{name}'")
    assert rows(cursor, f"list '{folder}'") == []
    with pytest.raises(sql.Error, match="PATH_NOT_FOUND"):
        cursor.execute(f"select * from read_files('{folder}/*.parquet', format => 'parquet')")


def test_get_gives_back_what_was_put(cursor, tmp_path):
    path = stage(cursor, tmp_path, [FULL])
    cursor.execute(f"GET '{path}' TO '{tmp_path}/back.parquet'")
    assert (tmp_path / "back.parquet").read_bytes() == (tmp_path / "part.parquet").read_bytes()


def test_columns_are_added(cursor, tmp_path):
    replace(cursor, f"parquet.`{stage(cursor, tmp_path, [FULL, EMPTY])}`")
    cursor.execute("alter table bronze_raw.t add columns (n int, at timestamp, l array<int>)")
    names = [row[0] for row in rows(cursor, "describe table bronze_raw.t")]
    assert names[:10] == ["session_key", "v", "d", "st", "b", "ts", "a", "n", "at", "l"]
    cursor.execute(
        "insert into bronze_raw.t replace where session_key in (2) select 2 as a, 1L as b,"
        " 1d as c, 'x' as d, true as e, ts as f, a as g, 7 as h, ts as i, a as j"
        " from bronze_raw.t where session_key = 1"
    )
    assert rows(cursor, "select session_key, n, at, l from bronze_raw.t order by 1") == [
        (1, None, None, None),
        (2, 7, MOMENT, [1, None]),
    ]
    cursor.execute("optimize bronze_raw.t")
    cursor.execute("vacuum bronze_raw.t")
    with pytest.raises(sql.Error, match="FIELD_ALREADY_EXISTS"):
        cursor.execute("alter table bronze_raw.t add column n int")
    cursor.execute("delete from bronze_raw.t where session_key in (1)")
    assert rows(cursor, "select session_key from bronze_raw.t") == [(2,)]


def test_parameters(cursor):
    assert rows(cursor, "select :a as a, :b as b, :c as c", {"a": 5, "b": "x", "c": None}) == [
        (5, "x", None)
    ]
    assert rows(cursor, "select ? as a, ? as b", [MOMENT, 1.5]) == [(MOMENT, 1.5)]


def test_metadata(cursor):
    assert set(rows(cursor, "show schemas")) == {("bronze_raw",), ("default",)}
    assert ("a", "b") in rows(cursor, "show tblproperties bronze_raw.t")
    found = rows(
        cursor,
        "select table_name, table_type, data_source_format from "
        f"system.information_schema.tables where table_catalog = '{CATALOG}'",
    )
    assert ("t", "MANAGED", "DELTA") in found
    found = rows(
        cursor,
        f"select full_data_type from `{CATALOG}`.information_schema.columns "
        "where table_name = 't' order by cast(ordinal_position as int)",
    )
    assert [kind for (kind,) in found] == [c.split()[1] for c in COLUMNS.split(", ")]
    assert rows(cursor, "show volumes in bronze_raw") == [("bronze_raw", "staging")]


def test_sessions_have_namespaces_of_their_own(double, cursor, tmp_path):
    with connect(double, tmp_path) as other, other.cursor() as there:
        there.execute("use schema bronze_raw")
        assert rows(there, "select current_schema()") == [("bronze_raw",)]
        assert rows(cursor, "select current_schema()") == [("default",)]
        there.execute("use catalog stage_f1_data_analytics")
        with pytest.raises(sql.Error, match="TABLE_OR_VIEW_NOT_FOUND"):
            there.execute("select * from bronze_raw.t")
    sessions = {number for number, _ in double.statements}
    assert len(sessions) > 1


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("select * from nothing", "TABLE_OR_VIEW_NOT_FOUND"),
        ("selec 1", "PARSE_SYNTAX_ERROR"),
        ("grant select on table bronze_raw.t to someone", "PARSE_SYNTAX_ERROR"),
        ("comment on table bronze_raw.t is 'x'", "Sail: "),
        ("create schema bronze_raw", "SCHEMA_ALREADY_EXISTS"),
        ("select nothing from bronze_raw.t", "UNRESOLVED_COLUMN"),
        ("PUT '{}/x' INTO '/Volumes/main/default/nowhere/x' OVERWRITE", "UC_VOLUME_NOT_FOUND"),
        (
            "insert into bronze_raw.t replace where session_key in (1) select 2 as k, v, d, st, b, "
            "ts, a from (values (1L, 1d, 'x', true, current_timestamp(), array(1))) "
            "as q(v, d, st, b, ts, a)",
            "DELTA_REPLACE_WHERE_MISMATCH",
        ),
    ],
)
def test_failures_are_told(cursor, tmp_path, statement, message):
    with pytest.raises(sql.Error, match=message):
        cursor.execute(statement.format(tmp_path))


def test_tokens(double, tmp_path):
    with pytest.raises(sql.Error, match="Invalid access token"):
        connect(double, tmp_path, "wrong")

    def provider(secret=double.client_secret):
        return oauth_service_principal(
            Config(host=double.host, client_id=double.client_id, client_secret=secret)
        )

    with connect(double, tmp_path, access_token=None, credentials_provider=provider) as connection:
        assert rows(connection.cursor(), "select 1") == [(1,)]
    with pytest.raises(Exception, match="Client authentication failed"):
        connect(double, tmp_path, access_token=None, credentials_provider=lambda: provider("wrong"))


@pytest.mark.parametrize(
    ("privilege", "securable", "statement"),
    [
        ("CREATE SCHEMA", CATALOG, "create schema if not exists fresh"),
        ("MODIFY", f"{CATALOG}.bronze_raw.t", "delete from bronze_raw.t where session_key = 1"),
        ("SELECT", f"{CATALOG}.bronze_raw.t", "select * from bronze_raw.t"),
        ("USE CATALOG", CATALOG, "select * from bronze_raw.t"),
        (
            "WRITE VOLUME",
            f"{CATALOG}.bronze_raw.staging",
            f"PUT '{{}}/x' INTO '/Volumes/{CATALOG}/bronze_raw/staging/x' OVERWRITE",
        ),
    ],
)
def test_denied_privileges(double, cursor, tmp_path, privilege, securable, statement):
    double.denied = {(privilege, securable)}
    try:
        with pytest.raises(sql.Error, match=f"PERMISSION_DENIED: User does not have {privilege}"):
            cursor.execute(statement.format(tmp_path))
    finally:
        double.denied = set()


def test_starting_warehouse_is_waited_for(double, tmp_path):
    double.starting = 1
    with connect(double, tmp_path) as connection:
        assert rows(connection.cursor(), "select 1") == [(1,)]
    assert double.starting == 0


@pytest.mark.parametrize(("fault", "times"), [("drop_before", 1), ("drop_after", 2)])
def test_dropped_statements_are_sent_again_by_the_connector(double, cursor, fault, times):
    """By urllib3's retries: what ran already runs twice, so that a load must be idempotent."""
    ran = len(double.statements)
    setattr(double, fault, lambda text: text == "select 41")
    assert rows(cursor, "select 41") == [(41,)]
    assert [text for _, text in double.statements[ran:]] == ["select 41"] * times
    assert getattr(double, fault) is None


def test_a_dropped_upload_fails_and_stores_nothing(double, cursor, tmp_path):
    double.drop_put = True
    with pytest.raises(sql.Error, match="Connection aborted"):
        stage(cursor, tmp_path, [FULL], "cut")
    assert not double.drop_put
    found = rows(cursor, f"list '/Volumes/{CATALOG}/bronze_raw/staging'")
    assert "cut.parquet" not in [row[1] for row in found]
