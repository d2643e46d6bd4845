"""What is said about a program that cannot be read: where, what is wrong, and what to write."""

from __future__ import annotations

import pytest

from walkwire.errors import ProgramError
from walkwire.jac.compiler import ProgramErrors
from walkwire.jac.importer import compile_source


def problems(text: str, era: str | None = None) -> list[ProgramError]:
    with pytest.raises(ProgramErrors) as raised:
        compile_source(text, "program.jac", era)
    return raised.value.errors


def said(text: str) -> tuple[int | None, int | None, str]:
    (problem,) = problems(text)
    return problem.line, problem.column, problem.message


def entry(statement: str) -> str:
    return f"with entry {{\n    {statement}\n}}\n"


@pytest.mark.parametrize(
    ("statement", "column", "message"),
    [
        ("x = 5\n    y = 6;", 10, "`;` is missing behind this"),
        ("if x: { }", 9, "a block stands in braces, without a colon: `{ … }`"),
        ("if x { } else if y { }", 19, "`else if` is `elif` in Jac"),
        ("for k, v in d { }", 10, "several names stand in parentheses: `for (k, v) in …`"),
        ("a, b = b, a;", 6, "several targets stand in parentheses: `(a, b) = (b, a);`"),
        ("x = 1, 2;", 10, "a tuple stands in parentheses: `(a, b)`"),
        ("z = x ? 1 : 2;", 13, "Jac has no `a ? b : c`: write `b if a else c`"),
        ("x++;", 8, "Jac has no `++`: write `+= 1`"),
        ("w = 2j;", 10, "Jac has no complex numbers: write `complex(0, 2)` for `2j`"),
        ("q = [root-->(?:A)];", 19, "a filter by type is written (`?Type)"),
        ('print("abc);', 11, "this string is not closed"),
        ('print("""abc);', 11, 'this string is not closed: """ is missing'),
        ("r = !x;", 9, "`!` is not an operator of Jac: write `not`"),
        ("foo(1, 2;", 13, "`(` is not closed before `;`"),
        ("foo(1, 2];", 13, "`(` is not closed before `]`"),
        ("t = visit x;", 15, "`visit` is a statement: it has no value"),
        ("t = visit [-->];", 16, "`visit` is a statement: it has no value"),
        ("if visit [-->] { }", 15, "`visit` is a statement: it has no value"),
        (
            "x = <div>;",
            9,
            "markup (`<…>`) is client code, which runs in a browser: walkwire runs the server's side of a program",
        ),
        ("y = ;", 9, "`;` cannot stand here: expected an expression"),
        ("y = 1 +;", 12, "`;` cannot stand here: expected an expression"),
        ("x--;", 8, "Jac has no `--`: write `-= 1`"),
        ("visit -->;", 11, "`-->` stands in brackets, `[-->]`; two nodes are connected by `++>`"),
        ("root --> x;", 10, "`-->` stands in brackets, `[-->]`; two nodes are connected by `++>`"),
        ("visit [-->:Road:];", 15, "edges of a type are written `[->:Road:->]`"),
        ("f = lambda x: x + 1;", 24, "a parameter of a lambda needs a type: `lambda x: int : x + 1`"),
        ("f = (x) => x;", 14, "Jac has no `=>`: a function without a name is `lambda x: int : x + 1`"),
        ('print "x";', 11, "a call needs parentheses: `print(…)`"),
        ("else { }", 10, "this `else` stands behind no block that it could belong to"),
        ("except E { }", 12, "this `except` stands behind no `try`"),
        ("const x = 5;", 11, "a variable begins with its name: `x = 5;`"),
        (
            "match x { case 1 { y = 2; } }",
            22,
            "behind the pattern stands a colon, and then statements without braces: `case 1: x = 2;`",
        ),
        (
            "return <div>hi</div>;",
            12,
            "markup (`<…>`) is client code, which runs in a browser: walkwire runs the server's side of a program",
        ),
        ("x = $y;", 9, "`$` has no meaning in Jac"),
        ('print(f"{x} } ");', 17, "a single } in an f-string: write }} for the sign itself"),
        ('print(f"{x} ");', 0, ""),
        ("pass;", 5, "Jac has no `pass`: an empty block is `{}`"),
        ("x = a b;", 11, "`b` cannot stand here: expected `;`, `=` or an operator"),
        ("5 = x;", 5, "5 cannot be assigned to"),
        ("f() = x;", 5, "what a call gives cannot be assigned to"),
        ("root = x;", 5, "`root` is a word of Jac: as a name of your own it is `<>root`"),
        ("return 5;", 5, "'return' outside function"),
        ("break;", 5, "'break' outside loop"),
        ("revisit;", 5, "`revisit` never had a meaning in Jac: write `visit here;`"),
        ("x = (a=1);", 10, "a tuple with names has a meaning only as what is piped into a call"),
    ],
)
def test_a_slip_in_a_statement_is_named_with_what_to_write(statement: str, column: int, message: str) -> None:
    if not message:
        compile_source(entry(statement), "program.jac")
        return
    line, found, text = said(entry(statement))
    assert (line, text) == (2, message)
    assert found == column


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("def f(a, b) { }", 1, "a parameter needs a type: `a: int`"),
        ("def f(a: int, /, /) { }", 1, "parameters stand in this order: `a, /, b, *args, c, **named`"),
        ("def f(**k: int, b: int) { }", 1, "parameters stand in this order: `a, /, b, *args, c, **named`"),
        ("def f(*, *a: int) { }", 1, "parameters stand in this order: `a, /, b, *args, c, **named`"),
        ("def f(a: int, *) { }", 1, "behind a bare `*` stands at least one parameter"),
        ("def f(a: int, a: int) { }", 1, "duplicate argument 'a' in function definition"),
        ("obj A { has x; }", 1, "a field needs a type: `x: int`"),
        ("obj A { name: str; }", 1, "a field begins with `has`: `has name: int;`"),
        ("obj A extends B { }", 1, "bases stand in parentheses: `obj Cat(Pet) { … }`"),
        ("obj A(B { }", 1, "`(` is not closed before `{`"),
        ("enum A { X = 1; Y = 2; }", 1, "the members of an enum are parted by commas"),
        ("enum A {\n    X = 1\n    Y = 2\n}", 3, "the members of an enum are parted by commas"),
        ("function f() { }", 1, "a function begins with `def`"),
        ("from math import sqrt;", 1, "names are imported by `import from math { sqrt }`"),
        ("import from math import sqrt;", 1, "names are imported by `import from math { sqrt }`"),
        ("import { sqrt } from math;", 1, "names are imported by `import from math { sqrt }`"),
        (
            "impl A.f by llm();",
            1,
            "a body filled by a language model (`by`) is outside of what walkwire runs",
        ),
        ("sv { }", 1, "`sv` marks the server's side, which is all that walkwire runs: leave the word out"),
        ("::py::\nx = 1\n", 1, "this block of Python is not closed by another `::py::`"),
        (
            "walker w { def go with entry { } }",
            1,
            "what runs by itself where a walker comes is `can`, not `def`: `can go with entry { … }`",
        ),
        ("walker w { can go with entry A { } }", 1, "the type stands in front: `with A entry`"),
        (
            "obj A { def f(self) { } }",
            1,
            "`self` is there without being named: leave it out (in a `class` it needs a type, `self: A`)",
        ),
        (
            "print(5);",
            1,
            "`print` cannot stand here: expected a declaration; statements stand in a function, an ability or `with entry { … }`",
        ),
        ("obj A { has x: int }", 1, "`;` is missing behind this"),
        (
            "with entry {\n    if x {\n        y = 1;\n    }\n",
            5,
            "`{` of line 1 is not closed before the end of the file",
        ),
        ("with entry { }\n}", 2, "`}` closes nothing that is open"),
        (
            "def f -> int by llm();",
            1,
            "a body filled by a language model (`by`) is outside of what walkwire runs",
        ),
        (
            "with entry { f(x by llm); }",
            1,
            "a call filled by a language model (`by`) is outside of what walkwire runs",
        ),
        ("cl { }", 1, "client code (`cl`) runs in a browser: walkwire runs the server's side of a program"),
        ("na { }", 1, "native code (`na`) is compiled by Jac itself: walkwire runs what Python can run"),
        (
            'import from "react" { useState }',
            1,
            "a path in quotes is for client code, which walkwire does not run",
        ),
        ("::py::\nx = 1\ny = (\n::py::", 3, "Python cannot read this: '(' was never closed"),
        (
            "::py::\n\ud800\n::py::",
            1,
            "Python cannot read this: 'utf-8' codec can't encode character '\\ud800' in position 1: surrogates not allowed",
        ),
    ],
)
def test_what_is_wrong_in_a_module_is_said_in_one_sentence(text: str, line: int, message: str) -> None:
    found, _, sentence = said(text)
    assert (found, sentence) == (line, message)


def test_all_errors_are_found_in_one_reading() -> None:
    text = entry("x = ;") + "obj A { has ; def f(x: int) { return } }\n" + entry("foo(;")
    assert [problem.line for problem in problems(text)] == [2, 4, 6]


def test_an_error_shows_its_line_with_a_caret_under_the_place() -> None:
    (problem,) = problems('with entry {\n    grüße = "ü" $;\n}')
    assert str(problem) == (
        'program.jac:2:17: `$` has no meaning in Jac\n        grüße = "ü" $;\n                    ^'
    )


def test_a_program_full_of_errors_is_given_up_after_twenty() -> None:
    assert len(problems("\n".join("with entry { x = ; }" for _ in range(100)))) == 20


def test_what_is_nested_too_deeply_is_said_so() -> None:
    (problem,) = problems(entry("x = " + "(" * 5000 + "1" + ")" * 5000 + ";"))
    assert problem.message == "this is nested too deeply"
