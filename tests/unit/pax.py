"""Writes tar archives byte by byte, so that a test can say anything in them, true or not."""


def _octal(value, width):
    text = b"%0*o" % (width - 1, value)
    return text + b"\0" if len(text) < width else b"0" * (width - 1) + b"\0"


def header(name, kind=b"0", mode=0o644, uid=0, gid=0, size=0, mtime=0, link=b"", device=(0, 0)):
    fields = [name[:100].ljust(100, b"\0"), _octal(mode, 8), _octal(uid, 8), _octal(gid, 8),
              _octal(size, 12), _octal(max(mtime, 0), 12), b" " * 8, kind,
              link[:100].ljust(100, b"\0"), b"ustar\x0000", b"\0" * 64,
              _octal(device[0], 8), _octal(device[1], 8), b"\0" * 167]
    block = b"".join(fields)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def padded(data):
    return data + b"\0" * (-len(data) % 512)


def _record(key, value):
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + 1
    while len(b"%d" % length) + len(rest) != length:
        length = len(b"%d" % length) + len(rest)
    return b"%d" % length + rest


def member(name, data=b"", pax=None, **fields):
    """One entry. What does not fit the old header goes into a pax header before it."""
    pax = dict(pax or {})
    link = fields.get("link", b"")
    if len(name) > 100:
        pax[b"path"] = name
    if len(link) > 100:
        pax[b"linkpath"] = link
    for key in "uid", "gid":
        if fields.get(key, 0) > 0o7777777:
            pax[key.encode()] = b"%d" % fields[key]
    fields.setdefault("size", len(data))
    out = b""
    if pax:
        records = b"".join(_record(key, value) for key, value in pax.items())
        out += header(b"PaxHeaders/x", kind=b"x", size=len(records)) + padded(records)
    return out + header(name, **fields) + padded(data)


def sparse(name, real_size, runs, **fields):
    """A file with holes, in GNU's pax format 1.0; `runs` are (offset, bytes)."""
    numbers = [len(runs)]
    for offset, data in runs:
        numbers += [offset, len(data)]
    stored = padded(b"".join(b"%d\n" % number for number in numbers))
    stored += b"".join(data for _, data in runs)
    pax = {b"GNU.sparse.major": b"1", b"GNU.sparse.minor": b"0", b"GNU.sparse.name": name,
           b"GNU.sparse.realsize": b"%d" % real_size}
    return member(b"GNUSparseFile.0/x", stored, pax=pax, **fields)


END = b"\0" * 1024
