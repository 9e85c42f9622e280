#include "logs/video.h"

#include <cassert>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
}

#include "envs/error.h"

namespace costate {
namespace {

namespace fs = std::filesystem;

struct Kind {
  std::string_view ending;
  const char* format;                 // as FFmpeg calls it
  std::vector<const char*> encoders;  // the first one that there is
  AVPixelFormat pixels;
};

const Kind& kind_of(const fs::path& path) {
  static const std::vector<Kind> kinds = {
      {".mp4", "mp4", {"libx264", "libopenh264", "mpeg4"}, AV_PIX_FMT_YUV420P},
      {".webm", "webm", {"libvpx-vp9", "libvpx"}, AV_PIX_FMT_YUV420P},
      {".gif", "gif", {"gif"}, AV_PIX_FMT_RGB8}};
  for (const Kind& kind : kinds) {
    if (path.extension() == kind.ending) return kind;
  }
  throw UsageError("video " + path.string() + ": expected a name that ends in .mp4, .webm or .gif");
}

struct Delete {
  void operator()(AVFormatContext* context) const {
    if (context->pb != nullptr) avio_closep(&context->pb);
    avformat_free_context(context);
  }
  void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
  void operator()(SwsContext* context) const { sws_freeContext(context); }
};
template <class T>
using Owned = std::unique_ptr<T, Delete>;

}  // namespace

struct VideoWriter::Impl {
  fs::path path;
  fs::path temporary;
  int height = 0;
  std::int64_t frames = 0;
  bool finished = false;
  Owned<AVFormatContext> format;
  Owned<AVCodecContext> codec;
  Owned<AVFrame> frame;
  Owned<AVPacket> packet;
  Owned<SwsContext> scaler;
  AVStream* stream = nullptr;  // belongs to format

  /// Throws Error where `result` is FFmpeg's code of a failure.
  int check(int result) const {
    if (result >= 0) return result;
    char text[AV_ERROR_MAX_STRING_SIZE] = {};
    av_strerror(result, text, sizeof text);
    throw Error("cannot write " + path.string() + ": " + text);
  }
  template <class T>
  T* check(T* made) const {
    if (made == nullptr) throw Error("cannot write " + path.string() + ": out of memory");
    return made;
  }

  void open(const Kind& kind, int width, double frame_seconds) {
    const AVCodec* encoder = nullptr;
    for (const char* name : kind.encoders) {
      if (encoder == nullptr) encoder = avcodec_find_encoder_by_name(name);
    }
    if (encoder == nullptr) {
      throw Error("cannot write " + path.string() + ": FFmpeg has no encoder for " +
                  std::string(kind.ending) + " here");
    }
    AVFormatContext* made = nullptr;
    check(avformat_alloc_output_context2(&made, nullptr, kind.format, temporary.c_str()));
    format.reset(made);
    stream = check(avformat_new_stream(format.get(), nullptr));
    codec.reset(check(avcodec_alloc_context3(encoder)));
    codec->width = width;
    codec->height = height;
    codec->pix_fmt = kind.pixels;
    codec->time_base = av_d2q(frame_seconds, 100'000);
    codec->framerate = av_inv_q(codec->time_base);
    codec->gop_size = 50;
    codec->bit_rate = 4'000'000;
    codec->thread_count = 1;  // the same bytes on any machine
    if ((format->oformat->flags & AVFMT_GLOBALHEADER) != 0) {
      codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    }
    AVDictionary* options = nullptr;
    if (std::string_view(encoder->name) == "libx264") av_dict_set(&options, "crf", "20", 0);
    if (std::string_view(encoder->name) == "libvpx-vp9") av_dict_set(&options, "cpu-used", "6", 0);
    const int opened = avcodec_open2(codec.get(), encoder, &options);
    av_dict_free(&options);
    check(opened);
    check(avcodec_parameters_from_context(stream->codecpar, codec.get()));
    stream->time_base = codec->time_base;
    stream->avg_frame_rate = codec->framerate;
    frame.reset(check(av_frame_alloc()));
    frame->format = kind.pixels;
    frame->width = width;
    frame->height = height;
    check(av_frame_get_buffer(frame.get(), 0));
    packet.reset(check(av_packet_alloc()));
    scaler.reset(check(sws_getContext(width, height, AV_PIX_FMT_RGB24, width, height, kind.pixels,
                                      SWS_BICUBIC, nullptr, nullptr, nullptr)));
    check(avio_open(&format->pb, temporary.c_str(), AVIO_FLAG_WRITE));
    check(avformat_write_header(format.get(), nullptr));
  }

  /// Hands a frame, or nullptr for the end, to the encoder and writes what it gives back.
  void encode(const AVFrame* next) {
    check(avcodec_send_frame(codec.get(), next));
    while (true) {
      const int result = avcodec_receive_packet(codec.get(), packet.get());
      if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return;
      check(result);
      packet->duration = 1;
      av_packet_rescale_ts(packet.get(), codec->time_base, stream->time_base);
      packet->stream_index = stream->index;
      check(av_interleaved_write_frame(format.get(), packet.get()));
    }
  }
};

VideoWriter::VideoWriter(fs::path path, int width, int height, double frame_seconds)
    : impl_(std::make_unique<Impl>()) {
  const Kind& kind = kind_of(path);
  if (width < 2 || height < 2 || width % 2 != 0 || height % 2 != 0) {
    throw UsageError("a video of " + std::to_string(width) + "x" + std::to_string(height) +
                     " pixels: expected even numbers");
  }
  impl_->temporary = path.string() + ".tmp";
  impl_->path = std::move(path);
  impl_->height = height;
  av_log_set_level(AV_LOG_QUIET);
  try {
    impl_->open(kind, width, frame_seconds);
  } catch (...) {
    impl_->format.reset();
    std::error_code ignored;
    fs::remove(impl_->temporary, ignored);
    throw;
  }
}

VideoWriter::~VideoWriter() {
  if (impl_->finished) return;
  impl_->format.reset();
  std::error_code ignored;
  fs::remove(impl_->temporary, ignored);
}

void VideoWriter::add(std::span<const std::uint8_t> rgb) {
  Impl& v = *impl_;
  const int width = v.codec->width;
  assert(rgb.size() == static_cast<std::size_t>(3) * static_cast<std::size_t>(width) *
                           static_cast<std::size_t>(v.height));
  v.check(av_frame_make_writable(v.frame.get()));
  const std::uint8_t* const rows[] = {rgb.data()};
  const int strides[] = {3 * width};
  sws_scale(v.scaler.get(), rows, strides, 0, v.height, v.frame->data, v.frame->linesize);
  v.frame->pts = v.frames++;
  v.encode(v.frame.get());
}

void VideoWriter::finish() {
  Impl& v = *impl_;
  v.encode(nullptr);
  v.check(av_write_trailer(v.format.get()));
  v.check(avio_closep(&v.format->pb));
  std::error_code error;
  fs::rename(v.temporary, v.path, error);
  if (error) throw Error("cannot write " + v.path.string() + ": " + error.message());
  v.finished = true;
}

}  // namespace costate
