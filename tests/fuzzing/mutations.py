"""Changes to files as accident and malice make them: of bytes, of what a format holds, and of what stands at a path.

All follow from the random generator that they are given.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from language.hostile_texts import JSON_VALUES, YAML_VALUES

#: values that are valid and unexpected
ODD_VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        "",
        " ",
        "\0",
        "x" * 5000,
        "../../x.png",
        "/etc/passwd",
        "C:\\x.png",
        "\u202e\x1b[31m",
        "a\nb",
        "ä/ü",
    ),
    *(0, -1, 1, 2**31, 2**63, 2**64, 10**30, 0.5, -0.0, 1e-300, 1e300, 1e9, 60000),
    *([], {}, [[]], [None], {"": ""}, [1, "a", None], [[1, 2], [3]], {"size": [1, 1], "counts": [1]}, {"bytes": None}),
    *(list(range(50)), [0.0] * 7, [1e308] * 8, {"counts": "~" * 99, "size": [30, 44]}, "1/0", "NaN", "1e999", "-"),
)
TEXTS = (
    *(
        "",
        "nan",
        "inf",
        "-1",
        "0",
        "1e999",
        "9" * 400,
        "9" * 5000,
        "x" * 20_000,
        "\x00",
        "../../../etc/passwd",
        "/",
        ".",
    ),
    *("&lol;", "<a>", "]]>", "\u202e", "\ufeff", "1,2", '"', "'", ";", "\t", "\n", "0 0.5 0.5 nan 1", "a" * 300),
)
_TOKENS = (
    b"\x00",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"[" * 3000,
    b"{" * 200,
    b"9" * 5000,
    b"1e999",
    b"\x80",
)


def changed(content: bytes, suffix: str, rng: Random) -> bytes:
    """The content of a file, changed as its format suggests or byte by byte."""
    by_format = STRUCTURED.get(suffix)
    if by_format is not None and rng.random() < 0.65:
        with contextlib.suppress(Exception):  # changed before into what this format is not
            return by_format(content, rng)
    return changed_bytes(content, rng)


def changed_bytes(content: bytes, rng: Random) -> bytes:
    """Bits that flip, parts that are lost, doubled, moved or put in."""
    data, kind = bytearray(content), rng.randrange(8)
    at = rng.randrange(len(data) + 1)
    end = min(len(data), at + rng.choice((1, 4, 16, 200)))
    if kind == 0 and data:
        for _ in range(rng.choice((1, 1, 3, 16, 100))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del data[at:]
    elif kind == 2:
        del data[at:end]
    elif kind == 3:
        data[at:at] = data[at:end]
    elif kind == 4:
        data[at:at] = rng.choice(_TOKENS)
    elif kind == 5:
        data[at:end] = rng.randbytes(end - at)
    elif kind == 6:
        to = rng.randrange(len(data) + 1)
        data[to : to + end - at] = data[at:end]
    else:
        data = bytearray(rng.choice((b"", bytes(data) * 3, bytes(len(data)), rng.randbytes(64), b"\x89PNG\r\n\x1a\n")))
    return bytes(data)


def _places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything in a document, its own first."""
    found = [here]
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            found += _places(part, (*here, key))
    return found


_MARK = "@@hostile@@"


def changed_json(content: bytes, rng: Random) -> bytes:
    """A value replaced, lost or doubled; another key; or text that is no JSON in place of a value."""
    document = json.loads(content)
    path = rng.choice(_places(document)[:2000])
    kind = rng.randrange(6)
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    raw = ""
    if not path:
        document = rng.choice(ODD_VALUES)
    elif kind == 0:
        del holder[path[-1]]
    elif kind == 1 and isinstance(holder, list):
        holder.append(holder[path[-1]])
    elif kind == 1:
        holder[str(rng.choice(TEXTS))] = holder.pop(path[-1])
    elif kind == 2:
        holder[path[-1]], raw = _MARK, rng.choice(list(JSON_VALUES.values()))
    elif kind == 3 and isinstance(holder, dict):
        raw = f"{json.dumps(holder[path[-1]])}, {json.dumps(path[-1])}: 1"
        holder[path[-1]] = _MARK
    elif isinstance(holder[path[-1]], int | float) and kind == 4:
        holder[path[-1]] *= rng.choice((-1, 2, 10**9, 0, 1.5))
    else:
        holder[path[-1]] = rng.choice(ODD_VALUES)
    text = json.dumps(document, indent=rng.choice((None, 1)), ensure_ascii=rng.random() < 0.5)
    return text.replace(json.dumps(_MARK), raw or "1", 1).encode("utf-8", "surrogatepass")


def changed_lines(content: bytes, rng: Random) -> bytes:
    """A line of JSON lines."""
    lines = content.split(b"\n")
    at = rng.randrange(len(lines))
    lines[at] = changed_json(lines[at], rng) if rng.random() < 0.8 else rng.choice(lines)
    return b"\n".join(lines)


_XML = re.compile(r"(<[^>]*>)([^<]*)")
_DOCTYPES = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>',
    '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
    '<?xml version="1.0" encoding="utf-7"?>',
    '<?xml version="1.0" encoding="no-such"?>',
    "<x>" * 3000,
)


def changed_xml(content: bytes, rng: Random) -> bytes:
    """A text or a tag of one element, or what stands before all of them."""
    text = content.decode("utf-8")
    if rng.random() < 0.15:
        return (rng.choice(_DOCTYPES) + text).encode()
    found = rng.choice(list(_XML.finditer(text)))
    tag, inner = found[1], found[2]
    new = rng.choice((tag + rng.choice(TEXTS), inner, found[0] * 2, tag.upper() + inner, "<" + tag + inner, tag * 300))
    return (text[: found.start()] + new + text[found.end() :]).encode("utf-8", "surrogatepass")


_YAML = re.compile(r"(?m)(?<=: ).+$|(?<=- ).+$")


def changed_yaml(content: bytes, rng: Random) -> bytes:
    """A value, a line, or how a line is indented."""
    text = content.decode("utf-8")
    lines, kind = text.split("\n"), rng.randrange(5)
    at = rng.randrange(len(lines))
    found = list(_YAML.finditer(text))
    if kind < 3 and found:
        one = rng.choice(found)
        values = (*YAML_VALUES.values(), *(json.dumps(value) for value in ODD_VALUES), *TEXTS)
        return (text[: one.start()] + rng.choice(values) + text[one.end() :]).encode("utf-8", "surrogatepass")
    if kind == 3:
        lines[at] = rng.choice((" ", "\t", "- ", "? ", "&a ", "*a ", "!!python/none ", "<<: ")) + lines[at]
    else:
        lines.insert(at, rng.choice(lines))
    return "\n".join(lines).encode()


def changed_text(content: bytes, rng: Random) -> bytes:
    """A cell or a line of a table, a list or a label file."""
    text = content.decode("utf-8")
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    mark = next((mark for mark in (",", ";", " ") if mark in lines[at]), ",")
    cells, kind = lines[at].split(mark), rng.randrange(5)
    place = rng.randrange(len(cells))
    if kind <= 1:
        cells[place] = rng.choice(TEXTS)
    elif kind == 2:
        del cells[place]
    elif kind == 3:
        cells.insert(place, rng.choice(cells))
    else:
        lines.insert(at, rng.choice(lines))
    lines[at] = mark.join(cells)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def changed_tar(content: bytes, rng: Random) -> bytes:
    """A member's content, or its header: name, size, kind."""
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        parts = [(member, (archive.extractfile(member) or io.BytesIO()).read()) for member in archive]
    at, buffer = rng.randrange(len(parts)), io.BytesIO()
    member, inner = parts[at]
    kind = rng.randrange(7)
    forms = (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)
    if kind <= 1:
        inner = changed(inner, Path(member.name).suffix, rng)
    elif kind == 2:
        member.name = rng.choice(
            ("../x.png", "/x.png", "a", "x" * 300 + ".png", "a.png", "\udcff.png", ".png", "b.png")
        )
    elif kind == 3:
        member.type = rng.choice((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE))
        member.linkname = rng.choice(("/etc/passwd", "a.png", "../x"))
    elif kind == 4:
        member.pax_headers = {rng.choice(("size", "path", "GNU.sparse.map", "mtime", "x")): str(rng.choice(TEXTS))}
    parts[at] = (member, inner)
    with tarfile.open(fileobj=buffer, mode="w", format=rng.choice(forms)) as archive:
        for one, data in parts:
            one.size = len(data)
            archive.addfile(one, io.BytesIO(data))
    packed = bytearray(buffer.getvalue())
    if kind == 5:  # a size that is not so, under a checksum that is right
        header = packed[:512]
        header[124:136] = rng.choice((b"77777777777\0", b"00000000001\0", b"\x80" + b"\xff" * 11, b"-0000000001\0"))
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        packed[:512] = header
    return bytes(packed)


def changed_png(content: bytes, rng: Random) -> bytes:
    """A chunk lost, doubled or changed under a checksum that is right; other sides; texts that unpack to much."""
    chunks, at = [], 8
    while at < len(content):
        (size,) = struct.unpack(">I", content[at : at + 4])
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + size]))
        at += size + 12
    place, kind = rng.randrange(len(chunks)), rng.randrange(6)
    name, data = chunks[place]
    if kind == 0:
        del chunks[place]
    elif kind == 1:
        chunks.insert(place, chunks[place])
    elif kind == 2:
        chunks[place] = (name, changed_bytes(data, rng))
    elif kind == 3:
        sides = rng.choice(((100_000, 1), (2**31 - 1, 2**31 - 1), (0, 0), (60_000, 60_000), (1, 1), (2**32 - 1, 1)))
        chunks[0] = (b"IHDR", struct.pack(">II", *sides) + chunks[0][1][8:])
    elif kind == 4:
        chunks[0] = (b"IHDR", chunks[0][1][:8] + bytes(rng.randrange(20) for _ in range(5)))
    else:
        bomb = zlib.compress(bytes(10**7))
        extra = rng.choice(
            ((b"zTXt", b"a\0\0" + bomb), (b"iCCP", b"a\0\0" + bomb), (b"eXIf", rng.randbytes(99)), (b"tEXt", b"\xff"))
        )
        chunks.insert(1, extra)
    packed = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return content[:8] + b"".join(packed)


def changed_npy(content: bytes, rng: Random) -> bytes:
    """The header of an array."""
    headers = (
        "{'descr': '|O', 'fortran_order': False, 'shape': (30, 44), }",
        "{'descr': '|b1', 'fortran_order': False, 'shape': (1000000, 1000000), }",
        "{'descr': '<f8', 'fortran_order': True, 'shape': (-1, 44), }",
        "{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (30,), }",
        "{'descr': '|b1', 'fortran_order': False, 'shape': ()}",
        "{'descr': '|b1', 'shape': (30, 44)}",
        "[" * 5000,
        "1" * 5000,
        "__import__('os')",
    )
    header = rng.choice(headers).encode()
    version = rng.choice((b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x00"))
    size = struct.pack("<H" if version[0] == 1 else "<I", min(len(header), 65535))
    return b"\x93NUMPY" + version + size + header + content[128:]


def changed_safetensors(content: bytes, rng: Random) -> bytes:
    """The header, or its stated size."""
    (size,) = struct.unpack("<Q", content[:8])
    if rng.random() < 0.3:
        return struct.pack("<Q", rng.choice((0, 1, size - 1, size + 1, 2**32, 2**63, 2**64 - 1))) + content[8:]
    header = changed_json(content[8 : 8 + size], rng)
    return struct.pack("<Q", len(header)) + header + content[8 + size :]


def changed_zip(content: bytes, rng: Random) -> bytes:
    """A member of an archive, as torch.save writes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = [(info.filename, archive.read(info)) for info in archive.infolist()]
    at = rng.randrange(len(parts))
    name, inner = parts[at]
    parts[at] = rng.choice(((name, changed_bytes(inner, rng)), (name + "x", inner), ("../" + name, inner)))
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, inner in parts:
            archive.writestr(name, inner)
    return buffer.getvalue()


STRUCTURED: dict[str, Callable[[bytes, Random], bytes]] = {
    **dict.fromkeys((".json",), changed_json),
    ".jsonl": changed_lines,
    ".xml": changed_xml,
    **dict.fromkeys((".yaml", ".yml"), changed_yaml),
    **dict.fromkeys((".csv", ".txt", ".names", ".cls"), changed_text),
    ".tar": changed_tar,
    ".png": changed_png,
    ".npy": changed_npy,
    ".safetensors": changed_safetensors,
    **dict.fromkeys((".pt", ".ckpt"), changed_zip),
}


def replaced(path: Path, rng: Random) -> None:
    """Puts something else than a file at a path."""
    path.unlink()
    kind = rng.randrange(6)
    if kind == 0:
        os.mkfifo(path)
    elif kind == 1:
        path.mkdir()
    elif kind == 2:
        path.symlink_to("/dev/zero")
    elif kind == 3:
        path.symlink_to("nothing here")
    elif kind == 4:
        path.symlink_to(path.name)
    # else nothing is there
