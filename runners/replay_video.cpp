#include "runners/replay_video.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "envs/env.h"
#include "envs/error.h"
#include "envs/render/canvas.h"
#include "envs/render/png.h"
#include "logs/atomic_file.h"
#include "logs/video.h"
#include "runners/rollout_header.h"

namespace costate {
namespace {

namespace fs = std::filesystem;

constexpr double kMaxFrameRate = 60.0;
constexpr int kStripHeight = 48;  // pixels

/// An episode that is simulated anew, step by step.
class Player {
 public:
  Player(const RolloutReader& reader, std::uint64_t index, const fs::path& file)
      : header_(reader.header()),
        episode_(reader.read(index)),
        env_(logged_environment(header_, file.string())),
        observation_(header_.observation_size) {
    check_same_model(header_, *env_);
    start_logged(*env_, header_, episode_, observation_);
  }

  const EnvSpec& spec() const { return env_->spec(); }
  Env& env() { return *env_; }
  const Episode& episode() const { return episode_; }
  std::span<const float> action(std::size_t t) const {
    return std::span<const float>(episode_.actions)
        .subspan(t * header_.action_size, header_.action_size);
  }
  void step(std::size_t t) { env_->step(action(t), observation_); }

 private:
  const RolloutHeader& header_;
  Episode episode_;
  std::unique_ptr<Env> env_;
  std::vector<double> observation_;
};

std::string short_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, std::abs(value) < 100.0 ? "%.2f" : "%.0f", value);
  return text;
}

/// A bar from zero to `value`, both within [low, high], in a slot of the strip.
void draw_bar(Canvas& canvas, double x, double width, double value, double low, double high,
              Color color) {
  constexpr double kTop = 6.0;
  constexpr double kBottom = kStripHeight - 6.0;
  constexpr Color kTrack = {215, 220, 225};
  const auto y = [&](double v) {
    return kBottom - (kBottom - kTop) * std::clamp((v - low) / (high - low), 0.0, 1.0);
  };
  const auto box = [&](double from, double to, Color fill) {
    canvas.fill({{x, from}, {x + width, from}, {x + width, to}, {x, to}}, fill);
  };
  box(kTop, kBottom, kTrack);
  const double zero = y(std::clamp(0.0, low, high));
  box(std::min(zero, y(value)) - 0.5, std::max(zero, y(value)) + 0.5, color);
}

/// The strip below a picture, before step t: Okabe and Ito's blue and vermilion.
Picture strip(const Player& player, int width, std::size_t t, double return_so_far,
              double largest_reward) {
  constexpr Color kInk = {34, 34, 34};
  constexpr Color kReward = {213, 94, 0};
  constexpr Color kAction = {0, 114, 178};
  Canvas canvas(width, kStripHeight);
  canvas.clear({250, 250, 250});
  canvas.draw_number(short_text(return_so_far), {10.0, 14.0}, 20.0, kInk);
  const Episode& e = player.episode();
  if (t < e.length()) {
    const double left = 0.35 * width;
    draw_bar(canvas, left, 0.04 * width, e.rewards[t], -largest_reward, largest_reward, kReward);
    const auto action = player.action(t);
    const Space& space = player.spec().action;
    const bool discrete = space.kind == Space::Kind::kDiscrete;
    const double slot = 0.55 * width / static_cast<double>(action.size());
    for (std::size_t i = 0; i < action.size(); ++i) {
      draw_bar(canvas, left + 0.08 * width + slot * static_cast<double>(i),
               std::min(0.7 * slot, 0.04 * width), action[i], discrete ? 0.0 : space.low[i],
               discrete ? space.counts[0] - 1.0 : space.high[i], kAction);
    }
  }
  Picture picture;
  canvas.copy_to(picture);
  return picture;
}

template <class Work>
auto with_names(const fs::path& file, std::uint64_t episode, const Work& work) {
  try {
    return work();
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {
    throw Error(file.string() + ": episode " + std::to_string(episode) + ": " + error.what());
  }
}

}  // namespace

bool write_video(const RolloutReader& reader, std::uint64_t index, const fs::path& file,
                 const RenderOptions& options, const fs::path& video,
                 const std::function<bool(std::uint64_t)>& progress) {
  return with_names(file, index, [&] {
    Player player(reader, index, file);
    const double seconds = player.spec().control_step > 0.0 ? player.spec().control_step : 0.05;
    const auto stride =
        static_cast<std::size_t>(std::max(1.0, std::ceil(1.0 / (seconds * kMaxFrameRate) - 1e-9)));
    VideoWriter writer(video, options.width, options.height + kStripHeight,
                       seconds * static_cast<double>(stride));
    const Episode& e = player.episode();
    double largest = 1e-9;
    for (const double reward : e.rewards) largest = std::max(largest, std::abs(reward));
    double return_so_far = 0.0;
    Picture picture;
    for (std::size_t t = 0; t <= e.length(); ++t) {
      if (t % stride == 0 || t == e.length()) {
        player.env().render(options, picture);
        const Picture below = strip(player, picture.width, t, return_so_far, largest);
        std::vector<std::uint8_t> frame = picture.rgb;
        frame.insert(frame.end(), below.rgb.begin(), below.rgb.end());
        writer.add(frame);
        if (!progress(t)) return false;
      }
      if (t == e.length()) break;
      player.step(t);
      return_so_far += e.rewards[t];
    }
    writer.finish();
    return true;
  });
}

void write_frame(const RolloutReader& reader, std::uint64_t index, const fs::path& file,
                 const RenderOptions& options, std::optional<std::uint64_t> step,
                 const fs::path& png) {
  with_names(file, index, [&] {
    Player player(reader, index, file);
    const std::size_t length = player.episode().length();
    if (step && *step > length) {
      throw UsageError("--step " + std::to_string(*step) + ": episode " + std::to_string(index) +
                       " of " + file.string() + " has " + std::to_string(length) + " steps");
    }
    const std::size_t until = step ? static_cast<std::size_t>(*step) : length / 2;
    for (std::size_t t = 0; t < until; ++t) player.step(t);
    Picture picture;
    player.env().render(options, picture);
    replace_file(png, to_png(picture));
  });
}

}  // namespace costate
