"""Writes images.bin: small image files of every kind, and what Pillow makes of them, for
tests/data/test_decode_formats.c.

    record: name (a line), then little-endian u32 each: bytes of the file, width, height, tolerance;
            the file; height x width x 3 bytes of ImageOps.exif_transpose(image).convert("RGB")
    width 0: the file is to be refused; height is the length of a part of the error, which follows

Where the right pixels are not Pillow's, it is said below (`rgb=`).
Run: python3 tests/golden/make_images.py   (written with Pillow 13.0.0, numpy)"""
import io
import pathlib
import random
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

random.seed(5)
rng = np.random.default_rng(5)
records = []


def add(name, data, reason=None, rgb=None, tolerance=0):
    if reason is not None:
        text = reason.encode()
        head = struct.pack("<4I", len(data), 0, len(text), 0)
        records.append(name.encode() + b"\n" + head + data + text)
        return
    if rgb is None:
        image = Image.open(io.BytesIO(data))
        image.load()
        rgb = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    height, width = rgb.shape[:2]
    head = struct.pack("<4I", len(data), width, height, tolerance)
    records.append(name.encode() + b"\n" + head + data + np.ascontiguousarray(rgb, np.uint8).tobytes())


def photo(width, height, channels=3):
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(channels), indexing="ij")
    return ((x * (7 + 3 * c) + y * (11 - 2 * c) + c * 60 + rng.integers(0, 9, y.shape)) % 256).astype(np.uint8)


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


# ---- orientation -------------------------------------------------------------------------------

TYPES = {1: "B", 2: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I"}


def tiff(order, kind, value, count=1):
    """A TIFF file whose only entry is an orientation of that type."""
    behind = b""
    if kind in (5, 10):
        field, behind = struct.pack(order + "I", 26), struct.pack(order + "II", 2 * value, 2)
    elif kind == 16:
        field, behind = struct.pack(order + "I", 26), struct.pack(order + "Q", value)
    else:
        field = struct.pack(order + TYPES[kind], value).ljust(4, b"\0")
    mark = b"II" if order == "<" else b"MM"
    return (mark + struct.pack(order + "HIHHHI", 42, 8, 1, 0x112, kind, count) + field +
            struct.pack(order + "I", 0) + behind)


def xmp(text):
    return (b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description ' + text +
            b"</rdf:Description></rdf:RDF></x:xmpmeta>")


XMP = {"attribute": xmp(b'tiff:Orientation="6">'), "element": xmp(b"><tiff:Orientation>8</tiff:Orientation>")}
JPEG = saved(Image.fromarray(photo(21, 13)), "JPEG", quality=92)


def app1(payload):
    return b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload


def jpeg_with(*segments):
    return JPEG[:2] + b"".join(segments) + JPEG[2:]


def orientations():
    for order in "<>":
        for kind in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 16):
            add(f"jpeg exif {order} type {kind}", jpeg_with(app1(b"Exif\0\0" + tiff(order, kind, 6))), tolerance=1)
    for value in range(10):
        add(f"jpeg orientation {value}", jpeg_with(app1(b"Exif\0\0" + tiff("<", 3, value))), tolerance=1)
    add("jpeg exif count 0", jpeg_with(app1(b"Exif\0\0" + tiff("<", 3, 6, 0))), tolerance=1)
    add("jpeg exif cut off", jpeg_with(app1(b"Exif\0\0" + tiff("<", 3, 6)[:14])), tolerance=1)
    add("jpeg exif named twice", jpeg_with(app1(b"Exif\0\0Exif\0\0" + tiff("<", 3, 6))), tolerance=1)
    for style, text in XMP.items():
        packet = app1(b"http://ns.adobe.com/xap/1.0/\0" + text)
        add(f"jpeg xmp {style}", jpeg_with(packet), tolerance=1)
        add(f"jpeg xmp {style}, exif upright", jpeg_with(packet, app1(b"Exif\0\0" + tiff("<", 3, 1))), tolerance=1)
        add(f"jpeg xmp {style}, exif empty",
            jpeg_with(packet, app1(b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")), tolerance=1)
    picture = Image.fromarray(photo(19, 11))
    exif = tiff(">", 4, 5)
    hexed = exif.hex().encode()
    profile = b"\nexif\n      %d\n" % len(exif) + b"\n".join(hexed[i:i + 72] for i in range(0, len(hexed), 72)) + b"\n"
    packet = b"XML:com.adobe.xmp\0%c\0\0\0"
    for name, chunks in {
            "eXIf": [(b"eXIf", exif)], "tEXt": [(b"tEXt", b"Raw profile type exif\0" + profile)],
            "zTXt": [(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile))],
            "iTXt": [(b"iTXt", packet % 0 + XMP["attribute"])],
            "iTXt packed": [(b"iTXt", packet % 1 + zlib.compress(XMP["element"]))]}.items():
        for late in (False, True):
            add(f"png {name}{', behind the pixels' if late else ''}", png(photo(19, 11), 2, 8, extra=chunks, late=late))
    add("webp exif", saved(picture, "WEBP", lossless=True, exif=b"Exif\0\0" + exif))
    add("webp exif without a name", saved(picture, "WEBP", lossless=True, exif=exif))
    add("webp xmp", saved(picture, "WEBP", lossless=True, xmp=XMP["element"]))


# ---- PNG ---------------------------------------------------------------------------------------

ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_rows(samples, depth):
    out = b""
    for row in samples.reshape(samples.shape[0], -1):
        if depth == 16:
            line = row.astype(">u2").tobytes()
        elif depth == 8:
            line = row.astype(np.uint8).tobytes()
        else:
            bits = ((row[:, None] >> np.arange(depth - 1, -1, -1)) & 1).ravel()
            line = np.packbits(bits.astype(np.uint8)).tobytes()
        out += b"\0" + line
    return out


def png(samples, colour, depth, interlaced=False, trns=None, extra=(), late=False, colours=None):
    samples = samples.reshape(samples.shape[0], samples.shape[1], -1)
    height, width = samples.shape[:2]
    parts = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7] if interlaced else [samples]
    pixels = zlib.compress(b"".join(png_rows(p, depth) for p in parts if p.size))
    before = b""
    if colour == 3:
        before += chunk(b"PLTE", rng.integers(0, 256, 3 * (colours or 2**depth), np.uint8).tobytes())
    if trns is not None:
        before += chunk(b"tRNS", trns)
    more = b"".join(chunk(*e) for e in extra)
    half = len(pixels) // 2
    data = chunk(b"IDAT", pixels[:half]) + chunk(b"IDAT", pixels[half:])
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + before + (b"" if late else more) + data +
            (more if late else b"") + chunk(b"IEND", b""))


def pngs():
    for colour, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items():
        for depth in depths:
            for interlaced in (False, True):
                for width, height in ((1, 1), (3, 2), (9, 8), (17, 5)):
                    trns = None
                    samples = rng.integers(0, 2**depth, (height, width, CHANNELS[colour]), np.uint16)
                    if width == 9 and colour in (0, 2):
                        trns = samples[0, 0].astype(">u2").tobytes()
                    if width == 9 and colour == 3:
                        trns = bytes([0, 128])
                    # Pillow cuts grey of 16 bits off at 255.
                    high = (samples >> 8).repeat(3, axis=2) if (colour, depth) == (0, 16) else None
                    add(f"png colour {colour} depth {depth}{' interlaced' if interlaced else ''} {width}x{height}",
                        png(samples, colour, depth, interlaced, trns), rgb=high)
    add("png palette too short", png(rng.integers(0, 16, (5, 7), np.uint16), 3, 4, colours=9))
    good = png(photo(20, 20), 2, 8)
    end, data = good.index(b"IEND") - 4, good.index(b"IDAT")
    add("png without its end", good[:end])
    add("png with half an end", good[:end + 6])
    add("png with a trailer", good + b"and more" * 9)
    add("png cut in its last checksum", good[:end - 2], "the PNG data end early")
    add("png cut in its pixels", good[:data + 100], "the PNG data end early")
    add("png cut in its header", good[:30], "the PNG data end early")
    for name, at, reason in (("header", 20, "IHDR: CRC error"), ("pixels", data + 60, "IDAT: CRC error"),
                             ("checksum", end - 2, "IDAT: CRC error")):
        add(f"png, a bit of its {name} turned", good[:at] + bytes([good[at] ^ 4]) + good[at + 1:], reason)
    pixels = zlib.compress(png_rows(photo(20, 20), 8))
    wrong = pixels[:-1] + bytes([pixels[-1] ^ 1])
    first = good[:good.index(b"IDAT") - 4]
    add("png, wrong sum of its pixels under right checksums", first + chunk(b"IDAT", wrong) + chunk(b"IEND", b""),
        "IDAT: incorrect data check")
    add("png, too few pixels", first + chunk(b"IDAT", zlib.compress(bytes(600))) + chunk(b"IEND", b""), "PNG")
    add("png of Apple's kind", good[:8] + chunk(b"CgBI", b"\x50\0\x20\x02") + good[8:], "Apple's own kind (CgBI)")
    frames = [Image.fromarray(photo(12, 9)) for _ in range(3)]
    add("png animated", saved(frames[0], "PNG", save_all=True, append_images=frames[1:]))


# ---- GIF ---------------------------------------------------------------------------------------


def lzw(indices, bits):
    """GIF's code with a clear before the table would grow: long, and simple."""
    size, clear, out, count = bits + 1, 1 << bits, [], 0
    codes = []
    for i in indices:
        if count % (clear - 2) == 0:
            codes.append(clear)
        codes.append(int(i))
        count += 1
    value = length = 0
    for c in codes + [clear + 1]:
        value |= c << length
        length += size
        while length >= 8:
            out.append(value & 255)
            value >>= 8
            length -= 8
    out.append(value & 255)
    data = bytes(out)
    blocks = b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255] for i in range(0, len(data), 255))
    return bytes([bits]) + blocks + b"\0"


def gif_frame(indices, left, top, bits=3, local=None, interlaced=False, transparent=None):
    height, width = indices.shape
    control = b"" if transparent is None else b"!\xf9\x04" + bytes([1, 10, 0, transparent]) + b"\0"
    flags = (0x80 | bits - 1 if local else 0) | (0x40 if interlaced else 0)
    rows = [y for first, step in ((0, 8), (4, 8), (2, 4), (1, 2)) for y in range(first, height, step)]
    ordered = indices[rows] if interlaced else indices
    return (control + b"," + struct.pack("<4HB", left, top, width, height, flags) + (local or b"") +
            lzw(ordered.ravel(), bits))


def gif(width, height, *frames, table=True, background=0, end=b";"):
    colours = bytes(rng.integers(0, 256, 24, np.uint8)) if table else b""
    flags = 0x80 | 2 if table else 0
    return b"GIF89a" + struct.pack("<HHBBB", width, height, flags, background, 0) + colours + b"".join(frames) + end


def gifs():
    indices = rng.integers(0, 8, (13, 10), np.uint8)
    local = bytes(rng.integers(0, 256, 24, np.uint8))
    frame = gif_frame(indices, 0, 0)
    add("gif", gif(10, 13, frame))
    add("gif interlaced", gif(10, 13, gif_frame(indices, 0, 0, interlaced=True)))
    for height in range(1, 10):
        add(f"gif interlaced, {height} rows", gif(10, height, gif_frame(indices[:height], 0, 0, interlaced=True)))
    add("gif local colours", gif(10, 13, gif_frame(indices, 0, 0, local=local)))
    add("gif local colours alone", gif(10, 13, gif_frame(indices, 0, 0, local=local), table=False))
    add("gif no colours", gif(10, 13, frame, table=False))
    add("gif transparent", gif(10, 13, gif_frame(indices, 0, 0, transparent=5)))
    add("gif small frame", gif(17, 19, gif_frame(indices, 3, 2), background=4))
    add("gif small frame, local colours", gif(17, 19, gif_frame(indices, 3, 2, local=local), background=4))
    add("gif small frame, transparent", gif(17, 19, gif_frame(indices, 3, 2, transparent=6), background=4))
    add("gif overhanging frame", gif(9, 19, gif_frame(indices, 3, 2)))
    add("gif animated", gif(17, 19, gif_frame(indices, 3, 2), gif_frame(indices[:5], 0, 0)))
    add("gif animated, second frame broken", gif(10, 13, frame, gif_frame(indices, 0, 0)[:30], end=b""))
    add("gif without its end", gif(10, 13, frame, end=b""))
    add("gif with zeros before its end", gif(10, 13, frame, end=b"\0\0\0;"))
    add("gif with a comment", gif(10, 13, b"!\xfe\x05hello\0", frame))
    add("gif cut in its frame", gif(10, 13, frame)[:-40], "the GIF data end early")
    add("gif, blocks out of place", gif(10, 13, frame[:-9], end=b"\0xyz"), "GIF")
    large = gif_frame(rng.integers(0, 256, (40, 60), np.uint8), 0, 0, bits=8, local=bytes(768))
    add("gif, more data than pixels", gif(60, 5, large[:7] + struct.pack("<H", 5) + large[9:]), "more data than there")
    add("gif without a frame", gif(10, 13), "no frame")
    picture = Image.fromarray(photo(33, 21)).quantize(64)
    add("gif by Pillow", saved(picture, "GIF"))
    add("gif large", saved(Image.fromarray(photo(60, 40)).quantize(256), "GIF"))


# ---- WebP, PNM, BMP, JPEG ------------------------------------------------------------------------


def webps():
    for lossless in (True, False):
        for channels in (3, 4):
            for width, height in ((1, 1), (17, 9), (33, 18)):
                picture = Image.fromarray(photo(width, height, channels))
                add(f"webp {'lossless' if lossless else 'lossy'} {channels} channels {width}x{height}",
                    saved(picture, "WEBP", lossless=lossless, exact=True, quality=80))
    frames = [Image.fromarray(photo(24, 18, 4)) for _ in range(3)]
    add("webp animated", saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True, exact=True))
    small = Image.new("RGBA", (24, 18), (0, 0, 0, 0))
    small.paste(Image.fromarray(photo(8, 6, 3)), (10, 4))
    add("webp small first frame", saved(small, "WEBP", save_all=True, append_images=frames[1:], lossless=True))
    good = saved(frames[0], "WEBP", quality=80)
    add("webp cut", good[:len(good) // 2], "the WebP data end early")
    add("webp with a trailer", good + b"more" * 5)
    add("webp no chunks", good[:12], "WebP")


def pnms():
    for white in (1, 2, 15, 100, 254, 255, 256, 1023, 65535):
        kind = ">u2" if white > 255 else "u1"
        grey = rng.integers(0, white + 1, (5, 7), np.uint32)
        colour = rng.integers(0, white + 1, (5, 7, 3), np.uint32)
        text = f"7 5\n{white}\n".encode()
        as_text = "\n".join(" ".join(map(str, row)) for row in grey).encode()
        as_rgb = "\n".join(" ".join(map(str, row)) for row in colour.reshape(5, 21)).encode()
        # Pillow cuts grey of 16 bits off at 255.
        light = np.rint(grey / white * 255)[..., None].repeat(3, 2) if white > 255 else None
        add(f"pnm P5 white {white}", b"P5\n" + text + grey.astype(kind).tobytes(), rgb=light)
        add(f"pnm P6 white {white}", b"P6\n# a comment\n" + text + colour.astype(kind).tobytes())
        add(f"pnm P2 white {white}", b"P2 " + text + as_text, rgb=light)
        add(f"pnm P3 white {white}", b"P3 " + text + as_rgb + b"\n")
    for width in (1, 7, 8, 9, 17):
        bits = rng.integers(0, 2, (3, width), np.uint8)
        add(f"pnm P4 {width} wide", b"P4\n%d 3\n" % width + np.packbits(bits, axis=1).tobytes())
        add(f"pnm P1 {width} wide", b"P1\n%d 3\n" % width + "\n".join("".join(map(str, r)) for r in bits).encode())
    add("pnm above white", b"P5 3 1 15\n" + bytes([3, 15, 200]))
    add("pnm comments", b"P5\n# one\n3 # two\n1\n255\n" + bytes([3, 15, 200]))
    add("pnm text above white", b"P2 3 1 15\n3 4 16\n", "a value of 16, where white is 15")
    add("pnm cut", b"P6 3 2 255\n" + bytes(17), "the PNM data end early")
    add("pnm cut in its header", b"P6 3 ", "the PNM data end early")
    add("pnm white 0", b"P5 1 1 0\n\0", "white is 0")
    add("pnm huge", b"P5 99999999999 1 255\n\0", "a number of more than 9 digits")
    add("pnm of letters", b"P5 x 1 255\n\0", "no number at byte 3")


def bmp(width, height, bits, rows, compression=0, masks=b"", colours=b"", header=40):
    if header == 12:
        head = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(rows), 0, 0,
                           len(colours) // 4, 0) + masks
    at = 14 + len(head) + len(colours)
    return b"BM" + struct.pack("<IHHI", at + len(rows), 0, 0, at) + head + colours + rows


def bmps():
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        for width, height in ((1, 1), (5, 3), (33, 7)):
            picture = Image.fromarray(photo(width, height))
            picture = picture.quantize(16) if mode == "P" else picture.convert(mode)
            add(f"bmp {mode} {width}x{height}", saved(picture, "BMP"))
    rows = photo(8, 5).tobytes()
    four = rng.integers(0, 256, 40, np.uint8)
    table = bytes(rng.integers(0, 256, 64, np.uint8))
    add("bmp upside down", bmp(8, -5, 24, rows))
    add("bmp OS/2", bmp(8, 5, 24, rows, header=12))
    add("bmp 4 bits", bmp(8, 5, 4, four[:20].tobytes(), colours=table))
    add("bmp 16 bits", bmp(8, 5, 16, rng.integers(0, 32768, 40, np.uint16).tobytes()), tolerance=1)
    add("bmp 16 bits, masks", bmp(8, 5, 16, rng.integers(0, 65536, 40, np.uint16).tobytes(), 3,
                                  struct.pack("<3I", 0xF800, 0x7E0, 0x1F)), tolerance=1)
    add("bmp 32 bits", bmp(8, 5, 32, rng.integers(0, 256, 160, np.uint8).tobytes()))
    add("bmp 32 bits, masks", bmp(8, 5, 32, rng.integers(0, 256, 160, np.uint8).tobytes(), 3,
                                  struct.pack("<3I", 0xFF0000, 0xFF00, 0xFF)))
    add("bmp run lengths", bmp(8, 5, 8, b"\x08\x01\0\0" * 5 + b"\0\x01", 1, colours=table), "BMP RLE")
    add("bmp cut", bmp(8, 5, 24, rows[:-9]), "the BMP data end early")


def others():
    for name, data in {
            "a TIFF": saved(Image.fromarray(photo(5, 5)), "TIFF"), "a TGA": None,
            "a JPEG 2000": saved(Image.fromarray(photo(5, 5)), "JPEG2000"),
            "an icon (ICO)": saved(Image.fromarray(photo(16, 16)), "ICO"), "an AVIF": saved(Image.fromarray(photo(16, 16)), "AVIF"),
            "a DDS texture": saved(Image.fromarray(photo(8, 8)), "DDS"), "a Photoshop file (PSD)": b"8BPS" + bytes(40),
            "a Radiance picture (HDR)": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 2147483647 +X 3\n",
            "a HEIF (HEIC)": b"\0\0\0\x18ftypheic" + bytes(30), "a PAM (P7)": b"P7\nWIDTH 1\n"}.items():
        data = data or saved(Image.fromarray(photo(5, 5)), "TGA")
        add(f"other: {name}", data, name)
    for channels, mode in ((3, "RGB"), (4, "CMYK"), (1, "L")):
        samples = photo(33, 19, channels)
        picture = Image.fromarray(samples[..., 0] if channels == 1 else samples, mode)
        for progressive in (False, True):
            add(f"jpeg {mode}{' progressive' if progressive else ''}", saved(picture, "JPEG", progressive=progressive),
                tolerance=1)
    plain = saved(Image.fromarray(photo(33, 19, 4), "CMYK"), "JPEG")
    at = plain.index(b"Adobe") - 4
    add("jpeg CMYK without a marker", plain[:at] + plain[at + 16:], tolerance=1)
    add("bomb: a GIF", gif(13370, 13370, gif_frame(np.zeros((1, 1), np.uint8), 0, 0)), "too many for")
    bomb = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    add("bomb: a PNG", b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bomb) + chunk(b"IDAT", b"x" * 40) + chunk(b"IEND", b""),
        "than the limit of 178956970")
    bomb = struct.pack(">IIBBBBB", 4000, 4000, 1, 0, 0, 0, 0)
    add("bomb: a small PNG", b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bomb) + chunk(b"IDAT", b"x" * 40) + chunk(b"IEND", b""),
        "4000 x 4000 pixels are too many for 97 bytes")
    add("bomb: a WebP", saved(Image.new("RGB", (9000, 9000)), "WEBP", lossless=True), "too many for")


orientations()
pngs()
gifs()
webps()
pnms()
bmps()
others()
pathlib.Path(__file__).with_name("images.bin").write_bytes(b"".join(records))
