"""Writes plain text as a PDF file with the standard font Courier.

Source: ISO 32000-1 (PDF 1.7), sections 7.5 (file structure) and 9.6.2 (standard fonts). The bytes depend only on the
text.
"""

from collections.abc import Sequence

_WIDTH, _HEIGHT, _MARGIN, _SIZE, _LEADING = 595, 842, 40, 9, 12
LINES_PER_PAGE = (_HEIGHT - 2 * _MARGIN) // _LEADING


def write_pdf(title: str, lines: Sequence[str]) -> bytes:
    """One column of lines over as many pages as needed. Characters outside of Windows-1252 become question marks."""
    pages = [lines[first : first + LINES_PER_PAGE] for first in range(0, max(len(lines), 1), LINES_PER_PAGE)]
    first_page = 4
    kids = " ".join(f"{first_page + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>",
    ]
    for number, page in enumerate(pages):
        content = _content(page)
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {_WIDTH} {_HEIGHT}] /Resources << /Font << /F1 3 0 R >> >> "
            f"/Contents {first_page + 2 * number + 1} 0 R >>".encode(),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        ]
    objects.append(b"<< /Title (%s) >>" % _escaped(title))
    return _file(objects)


def _content(lines: Sequence[str]) -> bytes:
    shown = b"\n".join(b"(%s) Tj T*" % _escaped(line) for line in lines)
    return b"BT\n/F1 %d Tf\n%d TL\n%d %d Td\n%s\nET" % (_SIZE, _LEADING, _MARGIN, _HEIGHT - _MARGIN, shown)


def _escaped(text: str) -> bytes:
    encoded = text.encode("cp1252", "replace")
    for special in (b"\\", b"(", b")"):
        encoded = encoded.replace(special, b"\\" + special)
    return encoded.replace(b"\r", b" ").replace(b"\n", b" ")


def _file(objects: list[bytes]) -> bytes:
    """The objects, numbered from 1, with the table of their positions. The last one is the document's information."""
    body, places = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", []
    for number, written in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, written)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    trailer = b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        size,
        len(objects),
        len(body),
    )
    return body + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + trailer
