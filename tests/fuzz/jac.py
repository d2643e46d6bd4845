"""Jac: a text is compiled, or refused with its syntax errors, in bounded time."""

from __future__ import annotations

import time
import warnings

from walkwire.errors import ProgramError
from walkwire.jac.compiler import compile_module
from walkwire.jac.source import Source

SECONDS = 10.0  # of the processor, for inputs of some kilobytes: a hundred times what they take

WORDS = (
    b"node ", b"edge ", b"walker ", b"obj ", b"class ", b"enum ", b"can ", b"def ", b"has ", b"with entry ", b"with `root entry ",
    b"impl ", b"import ", b"import:py from ", b"include ", b"visit ", b"report ", b"spawn ", b"disengage;", b"ignore ", b"here",
    b"self", b"root", b"super", b"init", b"postinit", b"if ", b"elif ", b"else ", b"for ", b"while ", b"match ", b"case ",
    b"try ", b"except ", b"finally ", b"return ", b"yield ", b"async ", b"await ", b"lambda ", b"glob ", b"test ", b"check ",
    b"global ", b"nonlocal ", b"del ", b"assert ", b"raise ", b"static ", b"override ", b"priv ", b"pub ", b"type ", b"switch ",
    b"-->", b"<--", b"++>", b"<++", b"+>:", b":+>", b"->:", b":->", b"[-->]", b"|>", b"<|", b":>", b"?", b"`?", b"&", b"::",
    b"{", b"}", b"(", b")", b"[", b"]", b";", b",", b":", b"=", b":=", b"->", b"**", b"//", b"<<", b"'", b'"', b'"""', b"#",
    b"#*", b"*#", b'f"{', b"}\"", b"0x", b"1e", b"1_", b"\\N{", b"\\", b"\t", b"\xc3\xa9", b"\x00",
)  # fmt: skip


def check(data: bytes) -> None:
    """Compile one module."""
    text = data.decode("utf-8", "replace")
    began = time.thread_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Python, of what a program does
        try:
            compile_module([Source("fuzz.jac", text)])
        except ProgramError as error:
            str(error)
    took = time.thread_time() - began
    assert took < SECONDS, f"{took:.1f} s"
