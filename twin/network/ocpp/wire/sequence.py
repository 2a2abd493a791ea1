"""A trace as a sequence of messages on one HTML page that needs nothing else: no script, no font, no picture."""

from __future__ import annotations

import html
from typing import Any, Final, NamedTuple

import orjson

from twin.network.clock import to_wire
from twin.network.ocpp.wire import frames
from twin.network.ocpp.wire.link import Record
from twin.network.ocpp.wire.trace import Reading

_KINDS: Final = {
    frames.CALL: "call",
    frames.CALLRESULT: "result",
    frames.CALLERROR: "error",
    frames.CALLRESULTERROR: "error",
    frames.SEND: "send",
}


class _Message(NamedTuple):
    kind: str
    title: str
    payload: Any


def page(reading: Reading, *, title: str) -> str:
    """Return the page.

    Args:
        reading: The trace.
        title: Heading of the page.
    """
    open_calls: dict[tuple[str, str, bool], tuple[str, float]] = {}
    rows = [
        _row(record, open_calls, reading.epoch_ns, csms_side=reading.csms_side) for record in reading.records
    ]
    head = html.escape(title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{head}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><h1>{head}</h1><p>{len(rows)} messages. Open one to see its payload.</p>"
        f'<div class="ends"><span>station</span><span>central system</span></div>'
        f"<ol>{''.join(rows)}</ol></body></html>\n"
    )


def _row(
    record: Record,
    open_calls: dict[tuple[str, str, bool], tuple[str, float]],
    epoch_ns: int,
    *,
    csms_side: bool,
) -> str:
    message = _read(record, open_calls)
    # drawn from the station on the left to the central system on the right
    up = record.outbound != csms_side
    classes = f"{'up' if up else 'down'} {message.kind}{' fault' if record.fault else ''}"
    arrow = "→" if up else "←"
    fault = f'<p class="why">{html.escape(record.fault)}</p>' if record.fault else ""
    stamp = to_wire(epoch_ns, record.t_s)
    return (
        f'<li class="{classes}"><div class="when"><time datetime="{stamp}" title="{stamp}">{stamp[11:23]}</time>'
        f" <b>{html.escape(record.station)}</b></div>"
        f'<details><summary><span class="arrow">{arrow}</span> {html.escape(message.title)}</summary>'
        f"{fault}<pre>{html.escape(_pretty(message.payload))}</pre></details></li>"
    )


def _read(record: Record, open_calls: dict[tuple[str, str, bool], tuple[str, float]]) -> _Message:
    try:
        frame = orjson.loads(record.frame)
        kind = _KINDS[frame[0]]
        message_id = str(frame[1])
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        return _Message("unreadable", "unreadable frame", record.frame)
    if kind in {"call", "send"} and len(frame) > 2:
        action = str(frame[2])
        open_calls[(record.station, message_id, record.outbound)] = (action, record.t_s)
        return _Message(kind, action, frame[3:] and frame[3])
    action, asked_s = open_calls.pop((record.station, message_id, not record.outbound), ("?", record.t_s))
    after = f"{(record.t_s - asked_s) * 1000:.0f} ms"
    if kind == "result":
        payload = frame[2:] and frame[2]
        status = payload.get("status") if isinstance(payload, dict) else None
        said = f": {status}" if isinstance(status, str) else ""
        return _Message(kind, f"{action} answered{said} ({after})", payload)
    code = str(frame[2]) if len(frame) > 2 else "no code"
    return _Message(kind, f"{action} failed: {code} ({after})", frame[3:])


def _pretty(payload: Any) -> str:
    if isinstance(payload, str):
        return payload
    return orjson.dumps(payload, option=orjson.OPT_INDENT_2).decode()


_STYLE: Final = (
    ":root{color-scheme:light dark;--line:#8886;--up:#0a6;--down:#27c;--bad:#c33}"
    "body{font:15px/1.45 system-ui,sans-serif;margin:0 auto;max-width:1200px;padding:0 12px 40px}"
    "h1{font-size:1.3em;overflow-wrap:anywhere}"
    ".ends{position:sticky;top:0;display:flex;justify-content:space-between;background:Canvas;"
    "border-bottom:1px solid var(--line);padding:6px 0;margin-left:190px;font-weight:600}"
    "ol{list-style:none;margin:0;padding:0}"
    "li{display:grid;grid-template-columns:180px 1fr;gap:10px;border-bottom:1px solid var(--line);padding:3px 0}"
    ".when{font-variant-numeric:tabular-nums;overflow-wrap:anywhere}"
    "details{max-width:75%;min-width:0}.down details{justify-self:end;text-align:right}"
    "summary{cursor:pointer;overflow-wrap:anywhere}.arrow{font-weight:700}"
    ".up .arrow{color:var(--up)}.down .arrow{color:var(--down)}"
    ".error summary,.fault summary,.unreadable summary,.why{color:var(--bad)}"
    "pre{text-align:left;white-space:pre-wrap;overflow-wrap:anywhere;background:#8882;padding:8px;"
    "border-radius:6px;font-size:13px}"
    "@media(max-width:700px){.ends{margin-left:0}li{grid-template-columns:1fr;gap:0}"
    ".down .when{text-align:right}details{max-width:100%}.down details{justify-self:stretch}}"
)
