#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <png.h>

// A PNG file in memory. libpng's simplified interface isn't used: it goes by the chunks gAMA and cHRM, and 1.6.39 garbles
// interlaced images of 16 bits.
typedef struct {
  const unsigned char *bytes;
  size_t count;
  size_t at;
  unsigned width, height;
  char problem[128];
} enc_png;

// libpng leaves a failed call by a jump; it ends in `enc_png_read`, so that Swift sees none.
static inline void enc_png_fail(png_structp png, png_const_charp message) {
  enc_png *file = (enc_png *)png_get_error_ptr(png);
  snprintf(file->problem, sizeof file->problem, "%s", message);
  png_longjmp(png, 1);
}

static inline void enc_png_warn(png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}

static inline void enc_png_next(png_structp png, png_bytep out, size_t count) {
  enc_png *file = (enc_png *)png_get_io_ptr(png);
  if (count > file->count - file->at) png_error(png, "read beyond end of data");
  memcpy(out, file->bytes + file->at, count);
  file->at += count;
}

// Without `pixels` the size of an image; with them its pixels, bytes of red, green, blue and opacity, if it still has that size.
// False if `problem` says why not.
static __attribute__((noinline)) bool enc_png_read(enc_png *file, unsigned char *pixels) {
  file->at = 0;
  snprintf(file->problem, sizeof file->problem, "no memory");
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, file, enc_png_fail, enc_png_warn);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (info && !setjmp(png_jmpbuf(png))) {
    png_set_read_fn(png, file, enc_png_next);
    // Nothing but the palette, its opacity and the pixels.
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_read_info(png, info);
    unsigned width = png_get_image_width(png, info), height = png_get_image_height(png, info);
    if (!pixels) {
      file->width = width;
      file->height = height;
    } else {
      if (width != file->width || height != file->height) png_error(png, "its size has changed");
      png_set_strip_16(png);
      png_set_expand(png);
      png_set_gray_to_rgb(png);
      png_set_add_alpha(png, 255, PNG_FILLER_AFTER);
      for (int passes = png_set_interlace_handling(png); passes > 0; passes--)
        for (unsigned y = 0; y < height; y++) png_read_row(png, pixels + (size_t)y * width * 4, NULL);
    }
    file->problem[0] = 0;
  }
  png_destroy_read_struct(&png, &info, NULL);
  return !file->problem[0];
}
