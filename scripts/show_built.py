"""Say at a terminal what a run has built, where it is, and what to type next."""

import sys
from pathlib import Path

from f1_pipeline.jsonfile import read_json
from f1_pipeline.warehouse import DuckDBWarehouse

NEXT = """
Look at it:
  reports/demo_status.html                             the state of every asset, with logs
  make report CONFIG="--configfile config/demo.yaml"   reports/f1_pipeline.html, with charts
  .venv/bin/python -c "import duckdb; duckdb.connect('{warehouse}', read_only=True).sql(
    'from default_gold_analytics.session_leaderboard').show()"

Then the live API: the latest three sessions into data/
  source .venv/bin/activate
  snakemake --cores 4
"""

if __name__ == "__main__":
    data = Path(sys.argv[1])
    warehouse = data / "warehouse" / "dev_f1_data_analytics.duckdb"
    markers = {path.stem: read_json(path) for path in (data / "markers").glob("*_tables_*.json")}
    tests = [marker for marker in markers.values() if "tests_passed" in marker]
    with DuckDBWarehouse(warehouse).connect(read_only=True) as connection:
        tables = connection.frame(
            """select schema_name, table_name, estimated_size as rows from duckdb_tables()
               where schema_name <> 'default_seeds' order by 1, 2"""
        )
    print(f"\nBuilt in {warehouse}:\n")
    for row in tables.itertuples():
        print(f"  {row.schema_name + '.' + row.table_name:52}{row.rows:>10,} rows")
    passed, warned = (sum(m[f"tests_{kind}"] for m in tests) for kind in ("passed", "warned"))
    print(f"\n{passed} tests passed, {warned} warn of what the data is known to break.")
    print(NEXT.format(warehouse=warehouse))
