"""Names of functions as people write them, from those that compilers write."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress

RUST_HASH, RUST_LEGACY = re.compile(r"::h[0-9a-f]{16}$"), re.compile(r"17h[0-9a-f]{16}E$")
LTO = re.compile(r"\.llvm\.\d+$")
"""What is added to the name of a function that link-time optimisation made known to other parts of the program."""
NOISE = re.compile(r"\(anonymous namespace\)::|\[abi:\w+\]| \[clone [^]]*\]")


def demangled(symbol: str) -> str:
    """As a compiler's library writes it out; the symbol itself where none can."""
    from cxxfilt import Error, demangle

    symbol = LTO.sub("", symbol)
    if symbol.startswith("_R") or RUST_LEGACY.search(symbol):
        from rust_demangler import demangle as rust

        with suppress(Exception):  # of its own for each kind of name that it does not know
            written: str = rust(symbol)
            return RUST_HASH.sub("", written)
    with suppress(Error):
        return str(demangle(symbol))
    return symbol


def readable(symbol: str, demangled: Callable[[str], str]) -> str:
    """ "_ZN5store5weaveEl" -> "store::weave". Without arguments, template arguments, and what a compiler adds; Go's
    with the last part of its package only: "net/http.(*conn).serve" -> "http.(*conn).serve"."""
    if symbol.startswith(("_Z", "_R")):
        return bare(NOISE.sub("", demangled(symbol))) or symbol
    path, slash, rest = symbol.rpartition("/")
    return rest if slash and "(" not in path and "[" not in path else symbol


def bare(name: str) -> str:
    """A function's name of C++'s or Rust's without what stands in brackets: "void store::put<int>(int) const" ->
    "store::put", "<shop::Cart as core::ops::Add>::add" -> "shop::Cart::add". Of a type that is in no crate, the
    trait's: "<&T as core::fmt::Debug>::fmt" -> "core::fmt::Debug::fmt"."""
    if name.startswith("<"):
        end = _closes(name)
        kind, _, trait = name[1:end].partition(" as ")
        kind = bare(kind).lstrip("&")
        return (kind if "::" in kind or not trait else bare(trait)) + bare(name[end + 1 :])
    depth, kept = 0, ""
    for letter in name:
        opens = letter in "<(" and not kept.endswith("operator")
        depth += opens and not (letter == "<" and kept.endswith(("operator<", "operator")))
        if depth == 0:
            kept += letter
        depth -= letter in ">)" and depth > 0
    return kept.removesuffix(" const").rstrip().rpartition(" ")[2]


def _closes(name: str) -> int:
    """Index of the bracket that closes the first one; the last index where none does."""
    depth = 0
    for index, letter in enumerate(name):
        depth += (letter == "<") - (letter == ">" and name[index - 1] != "-")
        if depth == 0:
            return index
    return len(name) - 1
