"""Small images and their pixels as Pillow 12 or later reads and scales them (BILINEAR). python make.py"""
import json
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

cases = []
for name in ["colours.png", "opacity.png", "grey.png", "palette.png", "colours.ppm", "grey.pgm", "colours.jpg", "grey.jpg"]:
    for mode in ["L", "RGB"]:
        if name == "colours.jpg" and mode == "L":
            continue  # turbojpeg takes the file's own grey, Pillow goes by RGB
        for size in [(width, height), (9, 7), (30, 20), (23, 5)]:
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
