// Videos, read back by FFmpeg's own demuxers and decoders: how many frames, how large, how long,
// and of which colour.
#include "logs/video.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
}

#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "envs/error.h"
#include "tests/logs/test_folder.h"

namespace costate {
namespace {

struct Found {
  int frames = 0;
  int width = 0;
  int height = 0;
  double seconds = 0.0;
  std::vector<double> brightness;  ///< of each frame's first plane, 0 … 255
};

Found decode(const std::filesystem::path& path) {
  AVFormatContext* format = nullptr;
  REQUIRE(avformat_open_input(&format, path.c_str(), nullptr, nullptr) == 0);
  REQUIRE(avformat_find_stream_info(format, nullptr) >= 0);
  REQUIRE(format->nb_streams == 1);
  const AVStream* stream = format->streams[0];
  const AVCodec* decoder = avcodec_find_decoder(stream->codecpar->codec_id);
  AVCodecContext* codec = avcodec_alloc_context3(decoder);
  REQUIRE(avcodec_parameters_to_context(codec, stream->codecpar) >= 0);
  REQUIRE(avcodec_open2(codec, decoder, nullptr) == 0);
  Found found;
  found.width = codec->width;
  found.height = codec->height;
  found.seconds = static_cast<double>(format->duration) / AV_TIME_BASE;
  AVPacket* packet = av_packet_alloc();
  AVFrame* frame = av_frame_alloc();
  const auto drain = [&] {
    while (avcodec_receive_frame(codec, frame) == 0) {
      ++found.frames;
      double sum = 0.0;
      for (int y = 0; y < frame->height; ++y) {
        for (int x = 0; x < frame->width; ++x) sum += frame->data[0][y * frame->linesize[0] + x];
      }
      found.brightness.push_back(sum / (frame->width * frame->height));
    }
  };
  while (av_read_frame(format, packet) == 0) {
    REQUIRE(avcodec_send_packet(codec, packet) == 0);
    av_packet_unref(packet);
    drain();
  }
  avcodec_send_packet(codec, nullptr);
  drain();
  av_frame_free(&frame);
  av_packet_free(&packet);
  avcodec_free_context(&codec);
  avformat_close_input(&format);
  return found;
}

TEST_CASE("a video has the frames that it was given, in their size and time") {
  const TestFolder folder;
  const std::string ending = GENERATE(".mp4", ".webm", ".gif");
  const auto path = folder / ("a" + ending);
  {
    VideoWriter writer(path, 64, 48, 0.05);
    for (int i = 0; i < 30; ++i) {
      // From black to white.
      writer.add(std::vector<std::uint8_t>(64 * 48 * 3, static_cast<std::uint8_t>(i * 255 / 29)));
    }
    CHECK_FALSE(std::filesystem::exists(path));
    writer.finish();
  }
  const Found found = decode(path);
  CHECK(found.frames == 30);
  CHECK(found.width == 64);
  CHECK(found.height == 48);
  CHECK(found.seconds == Approx(1.5).margin(0.06));
  if (ending != ".gif") {
    // Luma of the usual range: 16 is black, 235 white.
    CHECK(found.brightness.front() == Approx(16.0).margin(4.0));
    CHECK(found.brightness[15] == Approx(16.0 + 219.0 * 15.0 / 29.0).margin(6.0));
    CHECK(found.brightness.back() == Approx(235.0).margin(6.0));
  }
}

TEST_CASE("an unfinished video leaves nothing") {
  const TestFolder folder;
  {
    VideoWriter writer(folder / "a.mp4", 64, 48, 0.05);
    writer.add(std::vector<std::uint8_t>(64 * 48 * 3));
  }
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("what cannot be a video is refused by name") {
  const TestFolder folder;
  CHECK_THROWS_WITH(VideoWriter(folder / "a.avi", 64, 48, 0.05),
                    Catch::Contains("a.avi") && Catch::Contains(".mp4, .webm or .gif"));
  CHECK_THROWS_WITH(VideoWriter(folder / "a.mp4", 63, 48, 0.05), Catch::Contains("63x48"));
  CHECK_THROWS_WITH(VideoWriter(folder / "gone/a.mp4", 64, 48, 0.05),
                    Catch::Contains("gone/a.mp4") && Catch::Contains("No such file"));
}

}  // namespace
}  // namespace costate
