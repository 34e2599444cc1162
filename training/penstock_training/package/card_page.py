# SPDX-License-Identifier: Apache-2.0
"""The model card as one page of HTML that needs no other file and runs nothing."""

import base64
import html
import re
from pathlib import Path

from penstock_training.charts import DPI

__all__ = ["card_html"]

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem;
  color: #1b1f24; background: #fff; }
table { border-collapse: collapse; display: block; margin: 1rem 0; overflow-x: auto; }
th, td { border: 1px solid #d0d7de; padding: .3rem .6rem; text-align: left; }
th:empty { display: none; }
table:has(th:empty) td:last-child { overflow-wrap: anywhere; }
p:has(> img) { overflow-x: auto; }
img { height: auto; max-width: max(100%, 40rem); }
pre { background: #f6f8fa; padding: .8rem; overflow-x: auto; }
@media (prefers-color-scheme: dark) {
  body { color: #e6edf3; background: #0d1117; }
  th, td { border-color: #30363d; }
  pre { background: #161b22; }
  img { background: #fff; }
}
"""
_PICTURE = re.compile(r'src="(pictures/[^"/]+\.png)"')
#: Where a PNG has its width: the first chunk's first number.
_WIDTH_AT = slice(16, 20)
#: Pixels of a page's inch.
_PAGE_DPI = 96


def card_html(markdown: str, folder: Path, *, title: str) -> str:
    """`markdown` as a page, with the pictures of `folder` in it. Markup of its own is shown."""
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)

    def inlined(match: re.Match[str]) -> str:
        content = (folder / html.unescape(match[1])).read_bytes()
        # In inches all pictures' letters have one size.
        width = int.from_bytes(content[_WIDTH_AT], "big") * _PAGE_DPI // DPI
        text = base64.b64encode(content).decode()
        return f'src="data:image/png;base64,{text}" width="{width}"'

    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">\n"
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"{_PICTURE.sub(inlined, body)}</body>\n</html>\n"
    )
