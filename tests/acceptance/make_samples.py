"""Make the PDF and the scan among the samples; run once, the results are kept."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SAMPLES = Path(__file__).resolve().parents[1] / "samples"

MANUAL = [
    (
        "Weather station: manual",
        [
            "This manual describes the weather station model WS-7.",
            "The station measures wind, rain, temperature and pressure",
            "and sends what it measured every ten minutes.",
        ],
    ),
    (
        "Mounting",
        [
            "Mount the mast at least two metres above the ground,",
            "away from walls and trees. Tighten the clamp to twelve newton",
            "metres. The arrow on the head must point to the north.",
        ],
    ),
    (
        "Care",
        [
            "Empty the rain gauge in spring and in autumn. The battery",
            "lasts four years; replace it when the lamp blinks twice.",
            "Calibrate the pressure sensor once a year against a reference.",
        ],
    ),
]
NOTICE = [
    "NOTICE",
    "",
    "The laboratory is closed on Friday.",
    "Deliveries are taken at gate four",
    "between eight and eleven o'clock.",
]


def pdf(pages: list[tuple[str, list[str]]]) -> bytes:
    """Return a PDF with one page a pair of heading and lines."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    kids = []
    for heading, lines in pages:
        text = f"BT /F1 20 Tf 72 740 Td ({heading}) Tj ET\n"
        for number, line in enumerate(lines):
            text += f"BT /F1 12 Tf 72 {700 - 18 * number} Td ({line}) Tj ET\n"
        objects.append(f"<< /Length {len(text)} >>\nstream\n{text}endstream")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {len(objects)} 0 R "
            f"/Resources << /Font << /F1 {font} >> >> >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    return (
        out
        + (
            f"xref\n0 {size}\n0000000000 65535 f \n{table}"
            f"trailer << /Size {size} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
        ).encode()
    )


def scan(lines: list[str]) -> Image.Image:
    """Return a page with the lines as an image, without a text layer."""
    page = Image.new("L", (1240, 700), 255)
    drawing, font = ImageDraw.Draw(page), ImageFont.load_default(size=48)
    for number, line in enumerate(lines):
        drawing.text((120, 80 + 90 * number), line, font=font, fill=0)
    return page


if __name__ == "__main__":
    (SAMPLES / "manual.pdf").write_bytes(pdf(MANUAL))
    scan(NOTICE).convert("1").save(SAMPLES / "notice.png", dpi=(150, 150), optimize=True)
