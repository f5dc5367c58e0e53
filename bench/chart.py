"""A small bar chart as SVG, without any library."""

import html

import common

WIDTH, BAR, GAP, LEFT = 640, 22, 10, 210
COLOURS = {"cold": "#9aa5b1", "restored": "#d9480f", "floor": "#495057"}


def row(number, name, milliseconds, widest, colour):
    y = 40 + number * (BAR + GAP)
    length = max(1, (WIDTH - LEFT - 90) * milliseconds / widest)
    return (
        f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end">{html.escape(name)}</text>'
        f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{colour}"/>'
        f'<text x="{LEFT + length + 6:.1f}" y="{y + 15}">{milliseconds:.0f} ms</text>'
    )


def write(name, result):
    """Medians of the whole command: cold, restored, floor, and of the burst."""
    whole = result["whole_command"]
    count = result["burst"]["count"]
    rows = [
        ("pyro run, cold", whole["cold"]["median_ms"], COLOURS["cold"]),
        ("pyro run, restored", whole["restored"]["median_ms"], COLOURS["restored"]),
        ("bare QEMU, restored", whole["floor"]["median_ms"], COLOURS["floor"]),
        (f"pyro, each of {count} at once", result["burst"]["pyro"]["median_ms"] / count, COLOURS["restored"]),
        (f"bare QEMU, each of {count}", result["burst"]["floor"]["median_ms"] / count, COLOURS["floor"]),
    ]
    widest = max(value for _, value, _ in rows)
    host = result["host"]
    title = f"{host['environment']} -- true, {host['cpus']} cores, {host['qemu'].split('(')[0].strip()}, no KVM: medians"
    body = "".join(row(number, *one[:2], widest, one[2]) for number, one in enumerate(rows))
    height = 50 + len(rows) * (BAR + GAP)
    common.RESULTS.mkdir(exist_ok=True)
    (common.RESULTS / f"{name}.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="12" y="22" font-weight="bold">{html.escape(title)}</text>{body}</svg>\n'
    )
