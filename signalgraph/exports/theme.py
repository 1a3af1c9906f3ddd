"""The style of a drawing in a file: both themes, in concrete colours.

Programs that open SVG files without being browsers know neither `var()` nor `light-dark()` and skip media queries, so
light comes first in plain rules and dark follows as overrides. The page styles the same classes by its own tokens.
"""

from __future__ import annotations

from collections.abc import Mapping

TOKENS: Mapping[str, tuple[str, str]] = {  # light, dark
    "bg": ("#ffffff", "#12161c"),
    "line": ("#e4e7eb", "#252c36"),
    "line_strong": ("#c9cfd7", "#3b4553"),
    "line_control": ("#87909d", "#66717f"),
    "selected": ("#e6f0fa", "#17273d"),
    "ink": ("#14181f", "#e9edf3"),
    "ink_2": ("#465060", "#b3bdca"),
    "ink_3": ("#5f6977", "#8e99a8"),
    "accent": ("#0a66b7", "#6fa8ff"),
    "sender": ("#939394", "#e6effb"),
    "sender_tint": ("#f5f6f7", "#1b212a"),
    "sender_line": ("#939394", "#8791a0"),
    "signal": ("#0098e9", "#417beb"),
    "signal_tint": ("#eaf6fe", "#172543"),
    "receiver": ("#1a6453", "#28c89a"),
    "receiver_tint": ("#e7f1ee", "#12302b"),
    "receiver_line": ("#3f7d6f", "#1f9a78"),
    "error": ("#8b0200", "#d23717"),
    "slow": ("#b88d00", "#fecb30"),
    "heat_1": ("#f3f4f6", "#1b212a"),
    "heat_2": ("#fbe7b2", "#3d3420"),
    "heat_3": ("#f3c15a", "#6e5418"),
    "heat_4": ("#d68f12", "#ad8019"),
    "heat_5": ("#9a5b00", "#ffc94a"),
    "on_heat_1": ("#465060", "#b3bdca"),
    "on_heat_2": ("#14181f", "#e9edf3"),
    "on_heat_3": ("#14181f", "#ffffff"),
    "on_heat_4": ("#14181f", "#0d1116"),
    "on_heat_5": ("#ffffff", "#0d1116"),
}

_MONO = 'ui-monospace, "SF Mono", Menlo, "Cascadia Mono", Consolas, "DejaVu Sans Mono", monospace'
_SANS = '"Inter", "SF Pro Text", "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif'

_SHAPES = f"""\
text {{ font-family: {_MONO}; font-size: 12px; }}
.hd {{ font-weight: 600; }}
.sm {{ font-size: 11px; }}
.it {{ font-style: italic; }}
.num, .col, .pilltext, .say {{ font-family: {_SANS}; font-size: 11px; }}
.say.big {{ font-size: 14px; font-weight: 600; }}
.num, .end {{ text-anchor: end; }}
.num.st {{ text-anchor: start; }}
.mid, .pilltext {{ text-anchor: middle; }}
.box {{ stroke-width: 1; }}
.w2 .box {{ stroke-width: 2; }}
.w3 .box {{ stroke-width: 3; }}
.async .box {{ stroke-dasharray: 4 3; }}
.edge, .cause, .x, .ring {{ fill: none; }}
.edge.stuck {{ stroke-dasharray: 1 4; }}
.edge.unseen {{ stroke-dasharray: 3 3; }}
.cause.back {{ stroke-dasharray: 9 3 2 3; }}
.stop circle, .stop path {{ stroke-width: 1.5; }}
.start .box {{ stroke-width: 2; }}
.cause {{ stroke-width: 1.5; stroke-dasharray: 5 4; }}
.x, .ring {{ stroke-width: 2; }}
.rule {{ stroke-opacity: .35; }}
.fold {{ fill: none; stroke-width: 1.5; }}
.key {{ fill: none; stroke-width: 1.5; }}
.num.ramp {{ text-anchor: middle; }}
"""

_COLOURS = (
    (".paper, .box, .pill", "fill: {bg};"),
    ("text", "fill: {ink};"),
    (".sm, .num", "fill: {ink_2};"),
    (".col, .say", "fill: {ink_3};"),
    (".say.big, .pilltext", "fill: {ink};"),
    (".sender .box", "stroke: {sender}; fill: {sender_tint};"),
    (".signal .box, .signal .rule", "stroke: {signal};"),
    (".signal .cap", "fill: {signal_tint};"),
    (".pin", "fill: {signal};"),
    (".receiver .box", "stroke: {receiver}; fill: {receiver_tint};"),
    (".edge", "stroke: {sender_line};"),
    (".frame .box", "stroke: {line_control};"),
    (".fold", "stroke: {ink_2};"),
    (".edge.r", "stroke: {receiver_line};"),
    (".edge.unseen, .edge.stuck", "stroke: {line_control};"),
    (".unseen .box, .stuck .box, .unseen .cap, .stuck .cap", "fill: {bg};"),
    (".unseen .box, .stuck .box", "stroke: {line_control};"),
    (".unseen text, .stuck text", "fill: {ink_3};"),
    (".unseen .pin, .stuck .pin", "fill: {line_control};"),
    (".stop circle", "fill: {bg}; stroke: {ink_2};"),
    (".stop path", "stroke: {ink_2};"),
    (".cause, .pill", "stroke: {ink_2};"),
    (".cause-tip", "fill: {ink_2};"),
    (".x", "stroke: {error};"),
    (".tri", "fill: {slow};"),
    (".ring", "stroke: {accent};"),
    (".portrow.on", "fill: {selected};"),
    (".start .box", "stroke: {accent};"),
    (".start .box, .start .cap", "fill: {selected};"),
    (".sel .box", "fill: {selected}; stroke: {accent};"),
    *((f".ht{step}", f"fill: {{heat_{step}}};") for step in range(1, 6)),
    *((f".hk{step}", f"fill: {{on_heat_{step}}};") for step in range(1, 6)),
    (".key.s", "stroke: {sender};"),
    (".key.g", "stroke: {signal};"),
    (".key.r", "stroke: {receiver};"),
    (".rule-foot", "stroke: {line};"),
    (".dim .box", "fill: {bg}; stroke: {line_strong}; stroke-width: 1;"),
    (".dim .cap", "fill: {bg};"),
    (".dim .rule", "stroke: {line}; stroke-opacity: 1;"),
    (".dim .pin, .dim .tri", "fill: {line_strong};"),
    (".dim text", "fill: {ink_3}; font-weight: 400;"),
    (".dim .heat", "fill: none;"),
    (".edge.dim", "stroke: {line};"),
    (".dim .cause", "stroke: {line_strong};"),
    (".dim .cause-tip", "fill: {line_strong};"),
)


def stylesheet() -> str:
    """The rules of a file's own <style>; nothing in it is fetched."""
    light = {token: pair[0] for token, pair in TOKENS.items()}
    dark = {token: pair[1] for token, pair in TOKENS.items()}
    return f"\n{_SHAPES}{_coloured(light)}@media (prefers-color-scheme: dark) {{\n{_coloured(dark)}}}\n"


def _coloured(tokens: Mapping[str, str]) -> str:
    return "".join(f"{selector} {{ {rule.format(**tokens)} }}\n" for selector, rule in _COLOURS)
