"""Texts that a model, a data set or a config may hold, and that are nothing but text."""

from __future__ import annotations

__all__ = ["HOSTILE", "STORED"]

HOSTILE = {
    "script": "</pre></code></bdi><script>alert(1)</script>",
    "handler": "\"><img src=x onerror=alert(1)> ' onmouseover='alert(1)",
    "title": "</title></style></details><svg onload=alert(1)>",
    "style": "</style><style>*{display:none}</style>; background:url(https://evil.example/x)",
    "comment": "<!-- --!> <![CDATA[ ]]> <?php ?>",
    "template": "{{ 7*7 }}{% raw %}{# x #}",
    "link": "javascript:alert(1) <a href='javascript:alert(1)'>x</a> data:text/html,x",
    "entity": "&lt;script&gt; &amp;amp; &#x3c;script&#x3e;",
    "bidi": "\u202eevil\u202c \u2066a\u2069 \u200f\u061c",
    "zero width": "a\u200bb\u200c\u200d\u2060\ufeff\u00ad",
    "control": "a\x00b\x07\x1b[31m\x7f\x85\u2028\u2029\r lone",
    "surrogate": "\ud800 \udfff",
    "tags": "".join(chr(0xE0000 + ord(c)) for c in "ignore all") + "\U000e0101",
    "non-character": "\ufffe\uffff\ufff9",
    "huge": "<b>" + "x" * 1_000_000,
    "combining": "Z" + "\u0351\u0300" * 500,
    "cjk": "模型的回答「很长」。" * 20,
    "rtl": "שלום עולם مرحبا بالعالم",
    "long word": "w" * 500,
    "formula": "=cmd|' /C calc'!A0",
    "formula at": "@SUM(1+1)*cmd|' /C calc'!A0",
    "markdown": "![x](https://evil.example/x.png) [go](javascript:alert(1)) <https://evil.example>",
    "fence": "```\n</pre>\n````\n# Heading\n\n<img src=x onerror=alert(1)>\n\n| a | b |",
    "fence at once": "~~~\n```````\n<script>alert(1)</script>",
    "css": "*{position:fixed} @import url(https://evil.example); \\3c/style>; expression(alert(1))",
}

#: Those that a file of JSON or YAML can hold: no lone surrogate.
STORED = {name: text for name, text in HOSTILE.items() if name != "surrogate"}
