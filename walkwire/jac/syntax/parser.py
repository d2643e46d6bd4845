"""Parser: parses a source into a tree, by the automaton of grammar.lark. Continues after an error, to find all errors."""

from __future__ import annotations

from dataclasses import dataclass, field

from walkwire.jac.syntax.advice import OUTSIDE, advise
from walkwire.jac.syntax.lexer import Lexer, LexError
from walkwire.jac.syntax.tables import Rule, tables
from walkwire.jac.syntax.tree import Part, Token, Tree

MOST_PROBLEMS = 20
# Statements at which parsing can resume after an error. The statement is skipped up to its `;` or its closing brace.
_RESTARTS = ("_statement", "_member", "_item")


@dataclass(frozen=True, slots=True)
class Problem:
    """An error in a source: its position (lines from 1, columns in bytes from 0) and a sentence."""

    line: int
    column: int
    message: str


@dataclass(slots=True)
class Parsed:
    """The result for a source: a tree, or its errors in their order."""

    tree: Tree | None
    problems: list[Problem] = field(default_factory=list)


def parse(source: str, start: int = 0) -> Parsed:
    """Parse a source. Its first line has the number `start` + 1. Never raises because of the source's content."""
    return _Reading(source, start).run()


class _Reading:
    """Parses one source: the stack of the automaton, and the errors so far."""

    def __init__(self, source: str, start: int) -> None:
        self._tables = tables()
        self._lexer = Lexer(source, start)
        self._states: list[int] = [self._tables.start]
        self._values: list[Part | list[Part]] = []
        self._firsts: list[Part] = []
        self._lasts: list[Part] = []
        self._pending: Token | None = None
        self._given_up: Token | None = None
        self._problems: list[Problem] = []

    def run(self) -> Parsed:
        while True:
            before = self._lexer.previous
            try:
                token = self._pending or self._lexer.take(self)
            except LexError as error:
                self._note(error.token, error.message)
                if not self._recover(None):
                    return Parsed(None, self._problems)
                continue
            self._pending = None
            if not self._take(token):
                advice = advise(self, token, before)
                self._note(advice.token, advice.message, advice.behind)
                if advice.message in OUTSIDE.values() or not self._recover(token):
                    return Parsed(None, self._problems)
            elif token.kind == "$END":
                tree = self._values[0]
                assert isinstance(tree, Tree)
                return Parsed(None if self._problems else tree, self._problems)

    def row(self) -> dict[str, int]:
        """Return the actions of the current state."""
        return self._tables.row(self._states[-1])

    def may_take(self, kind: str) -> bool:
        """Return whether a token of this kind is possible here. Runs the automaton on states alone."""
        states, below, above = self._states, len(self._states), list[int]()
        while True:
            action = self._tables.row(above[-1] if above else states[below - 1]).get(kind)
            if action is None:
                return False
            if action >= 0:
                return True
            rule = self._tables.rules[~action]
            over = rule.length - len(above)
            if over >= 0:
                above.clear()
                below -= over
            else:
                del above[over:]
            above.append(self._tables.row(above[-1] if above else states[below - 1])[rule.makes])

    def _take(self, token: Token) -> bool:
        """Reduce the rules that end before the token, and shift it. Return False if the token is not possible here."""
        states, rows, unpack, rules = self._states, self._tables.rows, self._tables.row, self._tables.rules
        kind = token.kind
        while True:
            state = states[-1]
            action = (rows[state] or unpack(state)).get(kind)
            if action is None:
                return False
            if action >= 0:
                states.append(action)
                self._values.append(token)
                self._firsts.append(token)
                self._lasts.append(token)
                return True
            rule = rules[~action]
            self._complete(rule)
            state = states[-1]
            states.append((rows[state] or unpack(state))[rule.makes])

    def _complete(self, rule: Rule) -> None:
        """Reduce a complete rule: replace its parts on the stack by its result. The caller sets the next state."""
        values, firsts, lasts, length = self._values, self._firsts, self._lasts, rule.length
        if length == 1:
            self._states.pop()
            if rule.passes:
                return
            first, last = firsts[-1], lasts[-1]
            parts = _gather([values[-1]], rule.kept)
            values[-1] = self._made(rule, parts, first, last)
            return
        if length == 0:
            here = self._lexer.previous or Token("$END", "", 1, 0, 1, 0)
            firsts.append(here)
            lasts.append(here)
            values.append(self._made(rule, [], here, here))
            return
        first, last = firsts[-length], lasts[-1]
        parts = _gather(values[-length:], rule.kept)
        del self._states[-length:], values[-length:], firsts[1 - length :], lasts[-length:]
        lasts.append(last)
        values.append(self._made(rule, parts, first, last))

    def _made(self, rule: Rule, parts: list[Part], first: Part, last: Part) -> Part | list[Part]:
        if rule.how == "parts":
            return parts
        if rule.how == "maybe" and len(parts) == 1:
            return parts[0]
        return Tree(rule.kind, parts, first.line, first.column, last.end_line, last.end_column)

    def opened(self) -> Token | None:
        """Return the innermost open bracket; None if there is none."""
        for value in reversed(self._values):
            if isinstance(value, Token) and value.kind in _OPENING:
                return value
        return None

    def called(self) -> Token | None:
        """Return the word in front of the innermost open bracket; None if there is no single word."""
        for place in range(len(self._values) - 1, 0, -1):
            value, before = self._values[place], self._values[place - 1]
            if isinstance(value, Token) and value.kind in _OPENING:
                return before if isinstance(before, Token) else None
        return None

    def begun(self, kind: str, around: int = 0) -> bool:
        """Return whether an unfinished part behind the innermost open bracket begins with a token of this kind.

        `around` selects a bracket that is so many levels further out.
        """
        for value in reversed(self._values):
            if isinstance(value, Token) and value.kind == kind:
                return True
            if isinstance(value, Token) and value.kind in _OPENING:
                around -= 1
            if around < 0:
                break
        return False

    def left_of(self, token: Token) -> str:
        """Return the text of the line in front of the token. It must be the token that was read last."""
        return self._lexer.left_of(token)

    def _note(self, token: Token, message: str, behind: bool = False) -> None:
        """Record an error. Of several errors on one line only the first is kept, since it usually causes the others."""
        line, column = (token.end_line, token.end_column) if behind else (token.line, token.column)
        if all(problem.line != line for problem in self._problems):
            self._problems.append(Problem(line, column, message))

    def _recover(self, token: Token | None) -> bool:
        """Skip the statement that contains an error, up to its end. Return False if nothing follows."""
        if len(self._problems) >= MOST_PROBLEMS:
            return False
        restart = None
        given_up: list[str] = []
        while restart is None:
            row = self.row()
            restart = next((name for name in _RESTARTS if name in row), None)
            if restart is None:
                if len(self._states) == 1:
                    return False
                self._states.pop()
                self._firsts.pop()
                self._lasts.pop()
                value = self._values.pop()
                given_up += [value.kind] if isinstance(value, Token) else []
        # The content of these braces is not a list of statements. It is skipped as a whole.
        is_whole = not _WHOLE.isdisjoint(given_up)
        rest = self._skip(token, given_up.count("LBRACE") if is_whole else 0)
        if rest is None or rest.kind == "$END":
            return False
        self._pending = rest if rest.kind == "RBRACE" else None
        self._states.append(self.row()[restart])
        self._values.append([])
        self._firsts.append(rest)
        self._lasts.append(rest)
        return True

    def _skip(self, token: Token | None, depth: int) -> Token | None:
        """Read to the end of a statement: its `;`, the `}` of its block, or a `}` that closes an outer block. `depth` is the
        number of its open braces."""
        while True:
            if token is None:
                try:
                    token = self._lexer.take(None)
                except LexError:
                    continue
            if token.kind == "$END":
                return token
            if token.kind in _OPENING:
                depth += 1
            elif token.kind == "RBRACE":
                if depth <= 0 and token is not self._given_up:
                    self._given_up = token
                    return token
                depth -= 1
                if depth == 0:
                    return Token("SEMICOLON", "", token.line, token.column, token.end_line, token.end_column)
            elif token.kind in _CLOSING:
                depth = max(0, depth - 1)
            elif token.kind == "SEMICOLON" and depth <= 0:
                return token
            token = None


_WHOLE = frozenset(("ENUM", "MATCH", "SWITCH"))
_OPENING = frozenset(("LBRACE", "LPAR", "LSQB"))
_CLOSING = frozenset(("RPAR", "RSQB"))


def _gather(values: list[Part | list[Part]], kept: tuple[tuple[int, bool], ...]) -> list[Part]:
    """Return the parts that are kept. The first list is reused, not copied, so that the cost does not grow with its length."""
    parts: list[Part] | None = None
    for place, spread in kept:
        value = values[place]
        if spread:
            assert isinstance(value, list)
            if parts is None:
                parts = value
            else:
                parts += value
        elif parts is None:
            parts = [value]  # type: ignore[list-item]
        else:
            parts.append(value)  # type: ignore[arg-type]
    return [] if parts is None else parts
