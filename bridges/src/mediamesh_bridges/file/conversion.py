"""Pictures of one size and pixel format made into those of another by FFmpeg's swscale, always on one thread.

swscale writes whole vectors, so that a row may reach up to 16 bytes into the next one where PyAV, which aligns rows to
16 bytes, leaves less room than that behind it: measured with swscale 9.5 for packed 4:2:2 and for BGRA of many widths.
On one thread no harm is done, for the next row is written afterwards. But left to itself swscale cuts a picture into
bands, one a thread, and the last row of a band may well be written after the first of the next: wrong pixels now and
then, and no error. A second thread saves less than 2 ms of a picture of 1080p; it is not worth one wrong pixel.
"""

from __future__ import annotations

from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

from mediamesh_bridges.errors import FileUnusable
from mediamesh_bridges.file.picture import ffmpeg_pixels
from mediamesh_core.formats import VideoFormat

_EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP
_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
_HD_HEIGHT = 720


class Conversion:
    """Gives pictures one pixel format of FFmpeg's and, if wanted, a size."""

    def __init__(self, pixels: str, width: int | None = None, height: int | None = None) -> None:
        self._pixels = pixels
        self._width, self._height = width, height
        self._reformatter = VideoReformatter()

    def __call__(self, picture: VideoFrame, colorspace: int | None = None) -> VideoFrame:
        """Return the picture itself where nothing is to be done; `colorspace` is that of both pictures."""
        return self._reformatter.reformat(
            picture,
            self._width,
            self._height,
            self._pixels,
            src_colorspace=colorspace,
            dst_colorspace=colorspace,
            interpolation=_EXACT,
            threads=1,
        )


class Conform:
    """Gives pictures of any file the size and the pixel format of the connection."""

    def __init__(self, format: VideoFormat) -> None:
        self._size = (format.width, format.height)
        self._height_fixed = format.scan == "interlaced"
        self._pixels = ffmpeg_pixels(format)
        self._convert = Conversion(self._pixels, *self._size)

    def __call__(self, picture: VideoFrame) -> VideoFrame:
        """Return the picture itself where it conforms, else a converted one."""
        if (picture.width, picture.height, picture.format.name) == (*self._size, self._pixels):
            return picture
        if self._height_fixed and picture.height != self._size[1]:
            raise FileUnusable(f"the pictures have {picture.height} lines: interlaced video cannot be scaled")
        return self._convert(picture, ffmpeg_colorspace(picture))


def ffmpeg_colorspace(picture: VideoFrame) -> int:
    """Return the matrix between RGB and YCbCr: the file's, else what its height suggests."""
    if picture.colorspace not in (_UNSPECIFIED, 0):
        return picture.colorspace
    return int(Colorspace.ITU709 if picture.height >= _HD_HEIGHT else Colorspace.ITU601)
