"""Files of rows: what is read of them, what their types are, and what is wrong with some of them."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vramledger.problems import Problems
from vramledger.tables.joined import SOURCES, Joined
from vramledger.tables.sources import ParquetSource
from vramledger.tables.texts import CsvSource, JsonSource


@pytest.fixture(autouse=True)
def _place(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def written(name, content):
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


def read(name, rows=2):
    """All parts of a file as one table, and what is wrong with its rows."""
    source = SOURCES[Path(name).suffix](Path(name), rows)
    parts = [source.read(span) for span in source.spans()]
    faults = {
        span.row + row: said
        for span, part in zip(source.spans(), parts, strict=True)
        for row, said in part.faults.items()
    }
    tables = [part.table for part in parts]
    assert all(table.schema == source.schema for table in tables)
    return (pa.concat_tables(tables) if tables else source.schema.empty_table()), faults


CSV = 'model,batch.size,share,note\ngpt2,1,0.5,\ngpt2,2,1,"two\nlines, a comma"\n,,,\nllama-3-8b,4,,last'


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_csv(rows):
    table, faults = read(written("a.csv", CSV), rows)
    assert faults == {}
    assert table.schema.types == [pa.string(), pa.int64(), pa.float64(), pa.string()]
    assert table.to_pydict() == {
        "model": ["gpt2", "gpt2", None, "llama-3-8b"],
        "batch.size": [1, 2, None, 4],
        "share": [0.5, 1.0, None, None],
        "note": [None, "two\nlines, a comma", None, "last"],
    }


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_rows_of_another_width_are_told_where_they_stand(rows):
    table, faults = read(written("a.csv", "a,b\n1,2\n1\n3,4\n1,2,3\n"), rows)
    assert faults == {
        1: "a.csv:3: wrong-shape: expected 2 cells, found 1",
        3: "a.csv:5: wrong-shape: expected 2 cells, found 3",
    }
    assert table.to_pydict() == {"a": [1, None, 3, None], "b": [2, None, 4, None]}


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_blank_lines_are_no_rows_and_lines_are_counted_with_them(rows):
    table, faults = read(written("a.csv", b'a, b\n\n1,2\r\n\r\n\n"two\nlines",4\n\n1\n\xff,2\n\n'), rows)
    assert table["b"].to_pylist() == [2, 4, None, 2]
    assert faults == {
        2: "a.csv:9: wrong-shape: expected 2 cells, found 1",
        3: "a.csv:10: not-utf-8: a is no UTF-8",
    }
    table, faults = read(written("a.jsonl", '{"a": 1}\n\n\r\n{"a": 2}\n\nwrong\n\n'), rows)
    assert table["a"].to_pylist() == [1, 2, None]
    assert faults == {2: "a.jsonl:6: json-syntax: expecting value"}


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_json_lines(rows):
    lines = [
        '{"model": "gpt2", "batch": {"size": 1}, "adapter": {"targets": ["q"]}}',
        '{"model": "gpt2", "batch": {"size": 2.5}}',
        "nonsense",
        "[1]",
        '{"batch.size": 3, "kept": true}',
        '{"batch.size": 3, "batch": {"size": 4}}',
    ]
    table, faults = read(written("a.jsonl", "\n".join(lines)), rows)
    assert {row: said.split(": ")[1] for row, said in faults.items()} == {
        2: "json-syntax",
        3: "json-shape",
        5: "wrong-shape",
    }
    assert table["batch.size"].to_pylist() == [1.0, 2.5, None, None, 3.0, None]
    assert table["adapter.targets"].to_pylist() == ['["q"]', None, None, None, None, None]
    assert table["kept"].to_pylist() == [None] * 4 + ["true", None]


def test_lines_that_end_otherwise():
    table, faults = read(written("a.jsonl", b'{"a": 1}\r\n{"a":\r2}\n'))
    assert (table.to_pydict(), faults) == ({"a": [1, 2]}, {})
    table, faults = read(written("a.csv", b"a,b\n1,\r2,\r\n3,\n"))
    assert (table["a"].to_pylist(), faults) == ([1, 2, 3], {})


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_parquet_with_nested_fields(rows):
    rows_ = [{"model": "gpt2", "batch": {"size": number}} for number in range(7)]
    pq.write_table(pa.Table.from_pylist(rows_), "a.parquet", row_group_size=3)
    table, faults = read("a.parquet", rows)
    assert (table.column_names, faults) == (["model", "batch.size"], {})
    assert table["batch.size"].to_pylist() == list(range(7))


def test_several_files_have_the_columns_of_all():
    written("a.csv", "x,y\n1,2\n3,4\n")
    written("b.jsonl", '{"y": 2.5, "z": "word"}\n')
    pq.write_table(pa.table({"x": ["text"]}), "c.parquet")
    joined = Joined([CsvSource(Path("a.csv"), 1), JsonSource(Path("b.jsonl"), 9), ParquetSource(Path("c.parquet"), 9)])
    assert [span.row for span in joined.spans()] == [0, 1, 2, 3]
    table = pa.concat_tables([joined.read(span).table for span in joined.spans()])
    assert table.to_pydict() == {
        "x": ["1", "3", None, "text"],
        "y": [2.0, 4.0, 2.5, None],
        "z": [None, None, "word", None],
    }


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.csv", "", "wrong-shape"),
        ("a.csv", "a,a\n1,2\n", "wrong-shape"),
        ("a.csv", "a,,b\n1,2,3\n", "wrong-shape"),
        ("a.csv", b"\xff\xfe,b\n1,2\n", "not-utf-8"),
        ("a.parquet", "no parquet", "unreadable-file"),
        ("a.parquet", b"PAR1" + b"\x00" * 40 + b"PAR1", "unreadable-file"),
    ],
)
def test_files_that_are_none(name, content, code):
    with pytest.raises(Problems) as caught:
        read(written(name, content))
    assert [found.code for found in caught.value.problems] == [code]


@pytest.mark.parametrize("suffix", sorted(SOURCES))
def test_files_that_are_not_there(suffix):
    with pytest.raises(Problems) as caught:
        read(f"nowhere{suffix}")
    assert [found.code for found in caught.value.problems] == ["unreadable-file"]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
@settings(max_examples=150, deadline=None, derandomize=True)
@given(content=st.binary(max_size=200) | st.text(alphabet='a1,"\n{}[]:. ', max_size=120).map(str.encode))
def test_any_bytes_are_rows_or_problems(name, content):
    written(name, content)
    try:
        whole = read(name, 100)
        parts = read(name, 1)
    except Problems:
        return
    assert parts[0].num_rows == whole[0].num_rows
    assert parts[1].keys() == whole[1].keys()


def test_what_is_read_is_hashed():
    first = CsvSource(Path(written("a.csv", "a\n1\n")), 5).identity
    assert CsvSource(Path(written("a.csv", "a\n1\n")), 1).identity == first
    assert CsvSource(Path(written("a.csv", "a\n2\n")), 5).identity != first
    assert CsvSource(Path(written("a.csv", "b\n1\n")), 5).identity != first
    assert JsonSource(Path(written("a.jsonl", json.dumps({"a": 1}))), 5).identity != first
