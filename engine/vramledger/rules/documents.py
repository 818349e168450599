"""Spec files to documents: their text read, each document recognised by its first key."""

from __future__ import annotations

from collections.abc import Iterable

from vramledger.problems import Place, Problem, problem
from vramledger.rules.bytes import decode_text
from vramledger.rules.files import File
from vramledger.rules.load import Document
from vramledger.rules.read import read_yaml
from vramledger.rules.tree import Mapping, Node, Scalar, Sequence, size

MOST_VALUES = 200_000  # of the user's files together


def read_documents(files: Iterable[File]) -> tuple[list[Document], list[Problem]]:
    """The documents of the files, and what is wrong with their text."""
    found: list[tuple[tuple[bool, str, str, bytes], Document]] = []
    problems: list[Problem] = []
    count = 0
    for file in files:
        text, fault = decode_text(file.content, file.path)
        trees: list[Node] = []
        if fault is not None:
            problems.append(fault)
        else:
            trees, faults = read_yaml(text, file.path, MOST_VALUES)
            count += sum(map(size, trees)) if file.user else 0
            if count > MOST_VALUES:
                message = f"the spec files up to this one hold more than {MOST_VALUES} values in all"
                problems.append(
                    problem("yaml-size", message, Place(file.path, 1, 1), "keep specs that are not needed out")
                )
                break
            problems += faults
            if not trees and not faults:
                problems.append(problem("empty-file", "a spec file that says nothing", Place(file.path, 1, 1)))
        for tree in trees:
            made = document(tree, file)
            if isinstance(made, Problem):
                problems.append(made)
            else:
                found.append(((file.user, made.head, made.name, file.content), made))
    # in the order of what they say, so that files may be renamed and moved
    return [made for _, made in sorted(found, key=lambda pair: pair[0])], problems


def document(tree: Node, file: File) -> Document | Problem:
    """What a tree is: its first key names its kind, that key's value its name."""
    if isinstance(tree, Scalar) and tree.null:
        return problem("empty-file", "a document that says nothing", tree.place)
    if not isinstance(tree, Mapping) or not tree.items:
        return problem("not-a-mapping", "expected `kind: name` and what it says", tree.place, "see CONTRIBUTING.md")
    key, value = tree.items[0]
    if not isinstance(value, Scalar) or not value.text.strip():
        return problem("no-name", f"{key.text} has no name", key.place, f"write {key.text}: NAME")
    lists = {key.text: _words(node) for key, node in tree.items if isinstance(node, Sequence)}
    return Document(file.path, key.text, value.text, lists, file.user, value.place, lambda: tree)


def _words(node: Sequence) -> list[str]:
    return [item.text for item in node.items if isinstance(item, Scalar)]
