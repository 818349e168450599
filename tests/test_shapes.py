"""Shapes as functions say what the schemas' library says, of sound documents and of damaged ones."""

from __future__ import annotations

from copy import deepcopy
from random import Random
from typing import Any

import jsonschema
import pytest

from vramledger.rules.load import RESERVED
from vramledger.rules.open import opened
from vramledger.rules.schema import entry_schema, fixed_schema
from vramledger.rules.shapes import shape
from vramledger.rules.tree import to_data

RULES = opened()
ODD: tuple[Any, ...] = (
    None,
    True,
    3,
    2.5,
    "",
    "a b",
    "number",
    [],
    [{}],
    {},
    {"formula": "1"},
    {"text": 2},
    {"name": []},
)


def damaged(data: Any, random: Random) -> Any:
    """The data with something else, or another key, at one place in it."""
    if not isinstance(data, dict | list) or not data or random.random() < 0.2:
        return random.choice(ODD)
    key = random.choice(list(data) if isinstance(data, dict) else range(len(data)))
    if isinstance(data, dict) and random.random() < 0.2:
        return {**data, random.choice(("odd", "when", "formula", "cases", "source")): random.choice(ODD)}
    data[key] = damaged(data[key], random)
    return data


@pytest.mark.parametrize("head", [*RESERVED, *RULES.kinds])
def test_a_shape_fits_what_its_schema_allows(head):
    random = Random(head)
    schema = fixed_schema(head) if head in RESERVED else entry_schema(RULES.kinds[head])
    fits, validator = shape(schema), jsonschema.Draft202012Validator(schema)
    for document in [one for one in RULES.documents() if one.head == head][:2]:
        data = to_data(document.tree())
        assert fits(data)
        for _ in range(15):
            broken = damaged(deepcopy(data), random)
            assert fits(broken) == validator.is_valid(broken), broken
