"""Small images and their pixels as Pillow 13 or later reads and scales them (BILINEAR). python make.py"""
import json
import struct
import zlib
from PIL import Image

width, height = 23, 17
rgb = Image.new("RGB", (width, height))
rgb.putdata([((x * 11) % 256, (y * 15) % 256, (x * y * 3) % 256) for y in range(height) for x in range(width)])
rgba = rgb.copy()
rgba.putalpha(200)
rgb.save("colours.png")
rgba.save("opacity.png")
rgb.convert("L").save("grey.png")
rgb.quantize(16).save("palette.png")
rgb.save("colours.ppm")
rgb.convert("L").save("grey.pgm")
rgb.save("colours.jpg", quality=90)
rgb.convert("L").save("grey.jpg", quality=90)
inks = Image.new("CMYK", (width, height))
inks.putdata([((x * 11) % 256, (y * 15) % 256, (x * y * 3) % 256, (x + y) * 5) for y in range(height) for x in range(width)])
inks.save("inks.jpg", quality=90)


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


# 16 bits, interlaced, with gamma and colours of its own, by which Pillow doesn't go.
rows = b""
for left, top, right, down in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
    for y in range(top, height, down):
        rows += b"\0" + b"".join(struct.pack(">3H", x * 2901, y * 3805, x * y * 181) for x in range(left, width, right))
with open("deep.png", "wb") as file:
    file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", width, height, 16, 2, 0, 0, 1))
               + chunk(b"gAMA", struct.pack(">I", 100000))
               + chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
               + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))

cases = []
for name in ["colours.png", "opacity.png", "grey.png", "palette.png", "colours.ppm", "grey.pgm", "colours.jpg", "grey.jpg",
             "inks.jpg", "deep.png"]:
    for mode in ["L", "RGB"]:
        if name == "colours.jpg" and mode == "L":
            continue  # turbojpeg takes the file's own grey, Pillow goes by RGB
        # The last two are scaled along columns first.
        for size in [(width, height), (9, 7), (30, 20), (23, 5), (28, 12), (20, 10)]:
            image = Image.open(name).convert(mode).resize(size, Image.Resampling.BILINEAR)
            cases.append({"name": name, "width": size[0], "height": size[1], "channels": len(mode),
                          "pixels": list(image.tobytes())})
# Only a hash of the pixels is kept: FNV-1a of 32 bits, with the first 8 pixels to look at.
for case in cases:
    value = 0x811C9DC5
    for byte in case["pixels"]:
        value = (value ^ byte) * 0x01000193 % (1 << 32)
    case["hash"] = value
    case["pixels"] = case["pixels"][:8]
with open("images.json", "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
