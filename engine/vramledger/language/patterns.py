"""Regular expressions that others wrote, matched in time that their length and the text's alone decide.

Lists of modules in a config.json are such expressions, and Python's own may take forever with one. What is understood:
letters and escapes, `.` and classes, groups, `|`, `* + ? {m,n}`, `^` and `$`, and looking ahead at the very beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

_LONGEST = 1000  # signs of an expression
_MOST = 5000  # places of one, once what is repeated is written out
_MANY = 200  # repetitions that are written out
_DEEPEST = 30  # groups within groups
_CLASSES: dict[str, Callable[[str], bool]] = {
    "d": str.isdigit,
    "w": lambda sign: sign.isalnum() or sign == "_",
    "s": str.isspace,
}
_BLANKS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}

Sign = Callable[[str], bool]
"""Whether a sign is one that may stand there."""
Made = Callable[[int], int]
"""Adds the places of a part in front of a place, and gives the first of them."""


class Place(NamedTuple):
    """Where reading may stand: the sign that leads on, or the places reached without one; `at` asks where that is."""

    sign: Sign | None
    then: tuple[int, ...]
    at: str = ""


class Pattern(NamedTuple):
    """An expression, read: its places, the first of them and the last, and what must or must not lie ahead."""

    places: tuple[Place, ...]
    first: int
    last: int
    ahead: tuple[tuple[bool, Pattern], ...] = ()

    def fits(self, text: str, mark: str = "") -> bool:
        """Whether it matches the text from its first sign on; with a mark, up to one, just past one, or to the end."""
        if any(other.fits(text) != wanted for wanted, other in self.ahead):
            return False
        return any(
            not mark or end == len(text) or text.startswith(mark, end) or text.endswith(mark, 0, end)
            for end in self._ends(text)
        )

    def _ends(self, text: str) -> Iterator[int]:
        reached = self._onward({self.first}, text, 0)
        for end in range(len(text) + 1):
            if self.last in reached:
                yield end
            if end == len(text) or not reached:
                return
            places = (self.places[number] for number in reached)
            led = {there for place in places if place.sign and place.sign(text[end]) for there in place.then}
            reached = self._onward(led, text, end + 1)

    def _onward(self, numbers: set[int], text: str, end: int) -> set[int]:
        """Places, and those that are reached from them without a sign."""
        found: set[int] = set()
        left = list(numbers)
        while left:
            number = left.pop()
            place = self.places[number]
            if number in found or (place.at == "^" and end != 0) or (place.at == "$" and end != len(text)):
                continue
            found.add(number)
            left += place.then if place.sign is None else ()
        return found


@lru_cache(maxsize=1024)
def pattern(text: str) -> Pattern:
    """An expression, read. Raises ValueError that says what is not understood."""
    if len(text) > _LONGEST:
        raise ValueError(f"it has {len(text)} signs, more than {_LONGEST}")
    return _Reader(text).whole()


@lru_cache(maxsize=65536)
def matches(text: str, expression: str, mark: str = "") -> bool:
    """Whether an expression matches a text from its first sign on, see `Pattern.fits`. Raises ValueError."""
    return pattern(expression).fits(text, mark)


class _Reader:
    """A descent through an expression; each part is a function that adds its places in front of those that follow."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0
        self.places: list[Place] = []

    def whole(self) -> Pattern:
        begins = self._take("^")
        ahead = []
        while self.text.startswith(("(?=", "(?!"), self.at):
            wanted = self.text[self.at + 2] == "="
            self.at += 3
            ahead.append((wanted, self._apart()))
        made = self._either()
        if self.at < len(self.text):
            raise ValueError(f"{self.text[self.at]!r} at its sign {self.at + 1} closes nothing")
        return self._done(made, begins, tuple(ahead))

    def _apart(self) -> Pattern:
        """The expression within a group that looks ahead, on its own."""
        kept, self.places = self.places, []
        made = self._either()
        self._close()
        found = self._done(made, False, ())
        self.places = kept
        return found

    def _done(self, made: Made, begins: bool, ahead: tuple[tuple[bool, Pattern], ...]) -> Pattern:
        last = self._add(Place(None, ()))
        first = made(last)
        if begins:
            first = self._add(Place(None, (first,), "^"))
        return Pattern(tuple(self.places), first, last, ahead)

    def _add(self, place: Place) -> int:
        if len(self.places) >= _MOST:
            raise ValueError("it repeats too much")
        self.places.append(place)
        return len(self.places) - 1

    def _take(self, sign: str) -> bool:
        found = self.text.startswith(sign, self.at)
        self.at += len(sign) * found
        return found

    def _close(self) -> None:
        if not self._take(")"):
            raise ValueError("a group does not end")

    def _either(self) -> Made:
        ways = [self._sequence()]
        while self._take("|"):
            ways.append(self._sequence())
        return ways[0] if len(ways) == 1 else lambda then: self._add(Place(None, tuple(way(then) for way in ways)))

    def _sequence(self) -> Made:
        parts: list[Made] = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            parts.append(self._repeated(self._part()))

        def made(then: int) -> int:
            for part in reversed(parts):
                then = part(then)
            return then

        return made

    def _repeated(self, part: Made) -> Made:
        least, most = self._times()
        if (least, most) == (1, 1):
            return part
        self._take("?") or self._take("+")

        def made(then: int) -> int:
            first = then
            if most is None:
                again = self._add(Place(None, ()))
                self.places[again] = Place(None, (part(again), then))
                first = again
            for _ in range((most or least) - least):
                first = self._add(Place(None, (part(first), then)))
            for _ in range(least):
                first = part(first)
            return first

        return made

    def _times(self) -> tuple[int, int | None]:
        for sign, found in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return found
        inside, closed, _ = self.text[self.at + 1 :].partition("}")
        least, comma, most = inside.partition(",")
        if self.text[self.at : self.at + 1] != "{" or not closed or not (least or "0").isdigit() or not inside:
            return 1, 1
        if not (most or "0").isdigit() or max(int(least or 0), int(most or 0)) > _MANY:
            raise ValueError(f"{{{inside}}} is no number of times, or a large one")
        self.at += len(inside) + 2
        return int(least or 0), (int(most) if most else None) if comma else int(least)

    def _part(self) -> Made:
        sign = self.text[self.at]
        self.at += 1
        if sign == "(":
            return self._group()
        if sign in "^$":
            return lambda then: self._add(Place(None, (then,), sign))
        if sign in "*+?":
            raise ValueError(f"{sign!r} at its sign {self.at} repeats nothing")
        if sign == ".":
            return self._one(lambda found: found != "\n")
        if sign == "[":
            return self._one(self._class())
        return self._one(self._escape() if sign == "\\" else sign.__eq__)

    def _group(self) -> Made:
        if self._take("?"):
            if self._take("P<"):
                self.at = self.text.find(">", self.at) + 1 or len(self.text)
            elif not self._take(":"):
                raise ValueError(f"(?{self.text[self.at : self.at + 1]} at its sign {self.at - 1} is not understood")
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ValueError(f"groups stand within groups more than {_DEEPEST} deep")
        made = self._either()
        self.depth -= 1
        self._close()
        return made

    def _one(self, sign: Sign) -> Made:
        return lambda then: self._add(Place(sign, (then,)))

    def _escape(self) -> Sign:
        sign = self.text[self.at : self.at + 1]
        self.at += 1
        if sign.lower() in _CLASSES:
            known = _CLASSES[sign.lower()]
            return known if sign.islower() else lambda found: not known(found)
        if not sign or (sign.isalnum() and sign not in _BLANKS):
            raise ValueError(f"\\{sign} at its sign {self.at - 1} is not understood")
        return _BLANKS.get(sign, sign).__eq__

    def _class(self) -> Sign:
        other = self._take("^")
        kinds: list[Sign] = []
        begin = self.at
        while self.at == begin or not self._take("]"):
            low = self.text[self.at : self.at + 1]
            if not low:
                raise ValueError("a class of signs does not end")
            self.at += 1
            if low == "\\":
                kinds.append(self._escape())
            elif self.text[self.at : self.at + 1] == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                high = self.text[self.at + 1]
                self.at += 2
                kinds.append(lambda found, low=low, high=high: low <= found <= high)  # type: ignore[misc]
            else:
                kinds.append(low.__eq__)
        return lambda found: any(kind(found) for kind in kinds) != other
