"""Print the state of every asset and write the page: status.py [data folder [page]]."""

import sys

from f1_pipeline import PipelineError, status

if __name__ == "__main__":
    try:
        data, page = [*sys.argv[1:], *("data", "reports/status.html")[len(sys.argv) - 1 :]]
        found = status.gather(data)
        status.write_page(found, page)
    except PipelineError as error:
        print(f"ERROR: {error}")
        sys.exit(1)
    from rich.console import Console

    Console(soft_wrap=True).print(status.table(found))
    print(f"\nMore on {page}")
