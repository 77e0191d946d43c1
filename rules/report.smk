rule draw_report:
    input:
        rules.build_gold_marts.output.marker,
    output:
        f"{DATA}/report/x.txt",
    shell:
        "touch {output}"
