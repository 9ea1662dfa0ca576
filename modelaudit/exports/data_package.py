"""The tables of a run as CSV or Parquet files, beside their data dictionary."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from ..evidence.record import RunRecord
from ..language.whole_file import write_whole
from .dictionary import DICTIONARY, GUARD, TableFormat, data_dictionary
from .extras import needs
from .tables import Cell, ExportTable, tables_of

#: a spreadsheet takes a cell that begins so for a formula; also in full width, as a Japanese one does
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def write_tables(record: RunRecord, folder: Path, kind: TableFormat, *, byte_order_mark: bool = False) -> list[Path]:
    """Write every table of the run and the data dictionary into a folder that is there, each whole or not at all.

    Args:
        byte_order_mark: begin each CSV file with one, by which Excel reads Japanese.

    Raises:
        ResultsError: pyarrow is missing, or the folder cannot be written to.
    """
    tables = tables_of(record)
    made = {f"{one.name}.{kind}": _csv(one, byte_order_mark) if kind == "csv" else _parquet(one) for one in tables}
    made[DICTIONARY] = (json.dumps(data_dictionary(record, tables, kind), indent=2, ensure_ascii=False) + "\n").encode()
    return [write_whole(folder / name, content) for name, content in made.items()]


def _csv(table: ExportTable, byte_order_mark: bool) -> bytes:
    """RFC 4180 in UTF-8; no cell of text is a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(field.name for field in table.fields)
    for row in table.rows:
        writer.writerow(map(_csv_cell, row))
    return text.getvalue().encode("utf-8-sig" if byte_order_mark else "utf-8")


def _csv_cell(value: Cell) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return "" if value is None else repr(value)
    return f"{GUARD}{value}" if value.startswith((*_FORMULA, GUARD)) else value


def _parquet(table: ExportTable) -> bytes:
    """Texts of which many repeat are stored once; what a field holds stands in its metadata."""
    with needs("parquet", "pyarrow"):
        import pyarrow as pa
        import pyarrow.parquet as pq
    types = {"string": pa.string(), "number": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_()}
    fields = [
        pa.field(one.name, types[one.type], nullable=not one.required, metadata={"description": one.about})
        for one in table.fields
    ]
    columns = list(zip(*table.rows, strict=True)) or [()] * len(fields)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, fields, strict=True)]
    sink = io.BytesIO()
    pq.write_table(pa.table(arrays, schema=pa.schema(fields)), sink, compression="zstd")
    return sink.getvalue()
