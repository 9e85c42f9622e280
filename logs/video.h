// Videos, encoded by the libraries of FFmpeg.
//
// The file's ending decides: .mp4 is H.264 (MPEG-4 part 2 where the library was built without an
// encoder for that), .webm is VP9, .gif is a GIF of 256 colours.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

namespace costate {

class VideoWriter {
 public:
  /// Frames follow each other after `frame_seconds`. Throws UsageError where the ending is another
  /// one or width or height (in pixels) are odd, and Error where the file cannot be written.
  VideoWriter(std::filesystem::path path, int width, int height, double frame_seconds);
  /// Without finish() nothing is left.
  ~VideoWriter();
  VideoWriter(const VideoWriter&) = delete;
  VideoWriter& operator=(const VideoWriter&) = delete;

  /// Eight bits a channel, [height, width, 3].
  void add(std::span<const std::uint8_t> rgb);
  /// Completes the video and gives it its name.
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace costate
