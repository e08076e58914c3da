#!/usr/bin/env python3
"""Writes src/spec/letters.rs: the letters and numbers of Unicode, which AWS allows in tags.

AWS's services say `\\p{L}` and `\\p{N}`. Rust's own `char::is_alphanumeric` is wider: it takes combining
marks and circled letters too, and follows the newest Unicode. The table is made with Python's
`unicodedata`, whose version stands in it.

    python3 scripts/letters.py
"""

import pathlib
import sys
import unicodedata

HEAD = """\
//! The letters and numbers of Unicode {version}: its general categories L and N. Made by `scripts/letters.py`.

/// First and last character of each range, in order.
#[rustfmt::skip]
pub(super) const LETTERS_AND_NUMBERS: [(char, char); {count}] = [
"""


def ranges_of(categories):
    """The ranges of code points whose category begins with one of these letters."""
    first = None
    for point in range(sys.maxunicode + 2):
        is_in = point <= sys.maxunicode and unicodedata.category(chr(point))[0] in categories
        if is_in and first is None:
            first = point
        elif not is_in and first is not None:
            yield first, point - 1
            first = None


def main():
    ranges = [f"('\\u{{{first:x}}}', '\\u{{{last:x}}}')," for first, last in ranges_of("LN")]
    text = HEAD.format(version=unicodedata.unidata_version, count=len(ranges))
    line = "   "
    for range_ in ranges:
        if len(line) + 1 + len(range_) > 100:
            text += line + "\n"
            line = "   "
        line += " " + range_
    path = pathlib.Path(__file__).parent.parent / "src" / "spec" / "letters.rs"
    path.write_text(text + line + "\n];\n")


main()
