#include "envs/mujoco/mjcf.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "envs/format.h"
#include "envs/mujoco/mujoco_env.h"

namespace costate {
namespace {

namespace fs = std::filesystem;

struct MjcfConfig {
  std::int64_t frame_skip = 5;
  std::string reward = "alive";
  std::string termination;
  std::string observation = "qpos, qvel";
  double reset_noise_scale = 0.01;
  std::string keyframe;

  void describe(Options& options) {
    options.add("frame_skip", frame_skip, Range::between(1, 10000),
                "physics steps in a control step");
    options.add("reward", reward, {},
                "sum of terms with factors: alive, control, velocity(body, x), height(body), "
                "height(body, low, high), upright(body), distance(site, site), joint(name), "
                "speed(name)");
    options.add("termination", termination, {},
                "conditions joined by or, such as \"height(torso) < 0.7\"; empty: never");
    options.add("observation", observation, {},
                "list of qpos, qvel, act, sensors (or ranges such as qpos[2:]), position(body), "
                "site(name), orientation(body)");
    options.add("reset_noise_scale", reset_noise_scale, Range::at_least(0),
                "qpos and qvel start with uniform noise of this half-width");
    options.add("keyframe", keyframe, {}, "keyframe of the model to start from; empty: qpos0");
  }
};

// ---- reading the terms

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\n";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

/// Cuts at `separator` outside of parentheses and brackets.
std::vector<std::string_view> split(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> pieces;
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '(' || text[i] == '[') ++depth;
    if (text[i] == ')' || text[i] == ']') --depth;
    if (depth == 0 && text.substr(i).starts_with(separator)) {
      pieces.push_back(trim(text.substr(start, i - start)));
      start = i + separator.size();
      i = start - 1;
    }
  }
  pieces.push_back(trim(text.substr(start)));
  return pieces;
}

std::optional<double> parse_number(std::string_view text) {
  text = trim(text);
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

/// "height(torso, 1, 2)" as {"height", {"torso", "1", "2"}}.
struct Call {
  std::string name;
  std::vector<std::string> arguments;
};

Call parse_call(std::string_view text) {
  const auto open = text.find('(');
  if (open == std::string_view::npos || text.back() != ')') return {std::string(text), {}};
  Call call{std::string(trim(text.substr(0, open))), {}};
  for (const std::string_view argument :
       split(text.substr(open + 1, text.size() - open - 2), ",")) {
    call.arguments.emplace_back(argument);
  }
  return call;
}

struct Term {
  enum class Kind {
    kAlive,
    kControl,
    kVelocity,
    kHeight,
    kInside,
    kUpright,
    kDistance,
    kJoint,
    kSpeed
  };
  Kind kind = Kind::kAlive;
  double factor = 1.0;
  int first = 0;   ///< body, site, or place in qpos or qvel
  int second = 0;  ///< other site, or axis
  double low = 0.0;
  double high = 0.0;
};

struct Condition {
  Term term;
  bool below = true;  ///< whether it is met below the bound, else above it
  double bound = 0.0;
};

/// A run of numbers of mjData.
struct Part {
  mjtNum* mjData::*numbers = nullptr;
  int first = 0;
  int count = 0;
};

// ---- the task

EnvSpec mjcf_spec(const std::string& path, const MjcfConfig& config) {
  EnvSpec spec;
  spec.id = "mjcf:" + path;
  spec.family = "mujoco";
  spec.summary = "A task on a model of the user's own";
  spec.time_limit = 1000;
  spec.reward = config.reward;
  spec.termination = config.termination.empty() ? "never" : config.termination;
  return spec;
}

class Mjcf final : public MujocoEnv {
 public:
  Mjcf(const std::string& path, const MjcfConfig& config)
      : MujocoEnv(mjcf_spec(path, config), {.xml_file = path, .frame_skip = config.frame_skip},
                  path),
        noise_(config.reset_noise_scale) {
    if (!config.keyframe.empty()) start_from_keyframe(find(mjOBJ_KEY, config.keyframe));
    read_reward(config.reward);
    read_termination(config.termination);
    read_observation(config.observation);
    keep_derived(observation_size_ + reward_.size() + conditions_.size());
  }

 private:
  [[noreturn]] void refuse(const std::string& option, std::string_view text,
                           const std::string& expected) const {
    throw UsageError(spec().id + ": " + option + ": \"" + std::string(text) + "\", expected " +
                     expected);
  }

  Term read_term(const std::string& option, std::string_view text) const {
    const Call call = parse_call(text);
    const auto& arguments = call.arguments;
    const auto is = [&](std::string_view name, std::size_t count) {
      return call.name == name && arguments.size() == count;
    };
    Term term;
    if (is("alive", 0) && option == "reward") return term;
    if (is("control", 0)) {
      term.kind = Term::Kind::kControl;
    } else if (is("velocity", 2) && option == "reward") {
      term.kind = Term::Kind::kVelocity;
      term.first = find(mjOBJ_BODY, arguments[0]);
      const auto axis = std::string_view("xyz").find(arguments[1]);
      if (arguments[1].size() != 1 || axis == std::string_view::npos) {
        refuse(option, text, "an axis x, y or z");
      }
      term.second = static_cast<int>(axis);
    } else if (is("height", 1)) {
      term.kind = Term::Kind::kHeight;
      term.first = find(mjOBJ_BODY, arguments[0]);
    } else if (is("height", 3)) {
      term.kind = Term::Kind::kInside;
      term.first = find(mjOBJ_BODY, arguments[0]);
      const auto low = parse_number(arguments[1]);
      const auto high = parse_number(arguments[2]);
      if (!low || !high || *low > *high) refuse(option, text, "a lower and an upper height");
      term.low = *low;
      term.high = *high;
    } else if (is("upright", 1)) {
      term.kind = Term::Kind::kUpright;
      term.first = find(mjOBJ_BODY, arguments[0]);
    } else if (is("distance", 2)) {
      term.kind = Term::Kind::kDistance;
      term.first = find(mjOBJ_SITE, arguments[0]);
      term.second = find(mjOBJ_SITE, arguments[1]);
    } else if (is("joint", 1) || is("speed", 1)) {
      const int joint = find(mjOBJ_JOINT, arguments[0]);
      if (model().jnt_type[joint] != mjJNT_HINGE && model().jnt_type[joint] != mjJNT_SLIDE) {
        refuse(option, text, "a hinge or a slide");
      }
      const bool position = call.name == "joint";
      term.kind = position ? Term::Kind::kJoint : Term::Kind::kSpeed;
      term.first = position ? model().jnt_qposadr[joint] : model().jnt_dofadr[joint];
    } else {
      refuse(option, text,
             std::string("one of ") + (option == "reward" ? "alive, velocity(body, axis), " : "") +
                 "control, height(body), height(body, low, high), upright(body), "
                 "distance(site, site), joint(name), speed(name)");
    }
    return term;
  }

  void read_reward(const std::string& text) {
    // A sign begins a term, unless it stands in parentheses or in the exponent of a number.
    std::vector<std::string_view> pieces;
    const std::string_view all = trim(text);
    std::size_t start = 0;
    int depth = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i] == '(') ++depth;
      if (all[i] == ')') --depth;
      const bool exponent = i > 1 && (all[i - 1] == 'e' || all[i - 1] == 'E') &&
                            std::isdigit(static_cast<unsigned char>(all[i - 2]));
      if (depth != 0 || exponent || i == 0 || (all[i] != '+' && all[i] != '-')) continue;
      pieces.push_back(all.substr(start, i - start));
      start = i;
    }
    pieces.push_back(all.substr(start));
    for (std::string_view piece : pieces) {
      const double sign = piece.starts_with('-') ? -1.0 : 1.0;
      if (piece.starts_with('+') || piece.starts_with('-')) piece.remove_prefix(1);
      piece = trim(piece);
      double factor = 1.0;
      const auto blank = piece.find_first_of(" *");
      if (const auto number = parse_number(piece.substr(0, blank));
          number && blank != std::string_view::npos) {
        factor = *number;
        piece = trim(piece.substr(blank));
        if (piece.starts_with('*')) piece = trim(piece.substr(1));
      }
      if (piece.empty()) refuse("reward", text, "terms such as \"1.0 velocity(torso, x)\"");
      reward_.push_back(read_term("reward", piece));
      reward_.back().factor = sign * factor;
    }
  }

  void read_termination(const std::string& text) {
    if (trim(text).empty()) return;
    for (const std::string_view piece : split(text, " or ")) {
      const auto sign = piece.find_first_of("<>");
      const auto bound =
          sign == std::string_view::npos ? std::nullopt : parse_number(piece.substr(sign + 1));
      if (!bound) refuse("termination", piece, "a term, < or >, and a number");
      conditions_.push_back(
          {read_term("termination", trim(piece.substr(0, sign))), piece[sign] == '<', *bound});
    }
  }

  void read_observation(const std::string& text) {
    std::vector<std::string> labels;
    for (const std::string_view piece : split(text, ",")) add_part(piece, labels);
    observation_size_ = labels.size();
    if (labels.empty()) refuse("observation", text, "at least one entry");
    set_observation_space(unbounded_space(std::move(labels)));
  }

  void add_part(std::string_view text, std::vector<std::string>& labels) {
    const Call call = parse_call(text);
    if (call.arguments.size() == 1) {
      const std::string& name = call.arguments[0];
      const auto add = [&](mjtNum* mjData::*numbers, int index, int count,
                           std::initializer_list<const char*> entries) {
        parts_.push_back({numbers, index * count, count});
        for (const char* entry : entries)
          labels.push_back(call.name + " of " + name + ", " + entry);
      };
      if (call.name == "position") {
        return add(&mjData::xpos, find(mjOBJ_BODY, name), 3, {"x (m)", "y (m)", "z (m)"});
      }
      if (call.name == "site") {
        return add(&mjData::site_xpos, find(mjOBJ_SITE, name), 3, {"x (m)", "y (m)", "z (m)"});
      }
      if (call.name == "orientation") {
        return add(&mjData::xquat, find(mjOBJ_BODY, name), 4, {"w (1)", "x (1)", "y (1)", "z (1)"});
      }
    }
    const auto bracket = text.find('[');
    const std::string_view array = trim(text.substr(0, bracket));
    mjtNum* mjData::*numbers = nullptr;
    int count = 0;
    if (array == "qpos") {
      numbers = &mjData::qpos;
      count = model().nq;
    } else if (array == "qvel") {
      numbers = &mjData::qvel;
      count = model().nv;
    } else if (array == "act") {
      numbers = &mjData::act;
      count = model().na;
    } else if (array == "sensors") {
      numbers = &mjData::sensordata;
      count = model().nsensordata;
    } else {
      refuse("observation", text,
             "one of qpos, qvel, act, sensors, position(body), site(name), orientation(body)");
    }
    int first = 0;
    int end = count;
    if (bracket != std::string_view::npos) {
      const auto colon = text.find(':', bracket);
      if (text.back() != ']' || colon == std::string_view::npos) {
        refuse("observation", text, "a range such as qpos[2:] or qvel[0:6]");
      }
      const auto read = [&](std::string_view number, int otherwise) {
        if (trim(number).empty()) return otherwise;
        const auto value = parse_number(number);
        if (!value || *value != std::floor(*value) || *value < 0 || *value > count) {
          refuse("observation", text, "a range within 0:" + std::to_string(count));
        }
        return static_cast<int>(*value);
      };
      first = read(text.substr(bracket + 1, colon - bracket - 1), 0);
      end = read(text.substr(colon + 1, text.size() - colon - 2), count);
    }
    if (first >= end) refuse("observation", text, "a range with at least one entry");
    parts_.push_back({numbers, first, end - first});
    const std::vector<std::string> joints = joint_state_labels(0);
    for (int i = first; i < end; ++i) {
      std::string label = std::string(array) + "[" + std::to_string(i) + "]";
      const auto place = static_cast<std::size_t>(array == "qpos" ? i : model().nq + i);
      if ((array == "qpos" || array == "qvel") && place < joints.size()) label = joints[place];
      labels.push_back(std::move(label));
    }
  }

  /// A velocity's value is where the body is; the step divides the difference.
  double value(const Term& term, const mjModel& model, const mjData& data) const {
    switch (term.kind) {
      case Term::Kind::kAlive:
        return 1.0;
      case Term::Kind::kControl:
        return mju_dot(data.ctrl, data.ctrl, model.nu);
      case Term::Kind::kVelocity:
        return data.xpos[3 * term.first + term.second];
      case Term::Kind::kHeight:
        return data.xpos[3 * term.first + 2];
      case Term::Kind::kInside: {
        const double height = data.xpos[3 * term.first + 2];
        return term.low <= height && height <= term.high ? 1.0 : 0.0;
      }
      case Term::Kind::kUpright:
        return data.xmat[9 * term.first + 8];
      case Term::Kind::kDistance:
        return mju_dist3(data.site_xpos + 3 * term.first, data.site_xpos + 3 * term.second);
      case Term::Kind::kJoint:
        return data.qpos[term.first];
      case Term::Kind::kSpeed:
        return data.qvel[term.first];
    }
    return 0.0;
  }

  void extract(const mjModel& model, mjData& data, std::span<double> derived) const override {
    auto out = derived.begin();
    for (const Part& part : parts_)
      out = std::copy_n(data.*part.numbers + part.first, part.count, out);
    for (const Term& term : reward_) *out++ = value(term, model, data);
    for (const Condition& condition : conditions_) *out++ = value(condition.term, model, data);
  }

  void advance(const mjModel& model, mjData& data) const override {
    MujocoEnv::advance(model, data);
    mj_step1(&model, &data);  // so that positions and sensors are those of the new state
  }

  void disturb_start(RandomStream& random, std::span<double> qpos,
                     std::span<double> qvel) const override {
    add_uniform_noise(random, qpos, noise_);
    add_uniform_noise(random, qvel, noise_);
  }

  void observe(std::span<double> observation) const override {
    std::ranges::copy(derived().first(observation_size_), observation.begin());
  }

  StepResult act(std::span<const float> action) override {
    std::vector<double>& before = before_;
    const auto now = derived().subspan(observation_size_);
    before.assign(now.begin(), now.begin() + static_cast<std::ptrdiff_t>(reward_.size()));
    simulate(action);
    const auto values = derived().subspan(observation_size_);
    StepResult result;
    for (std::size_t i = 0; i < conditions_.size(); ++i) {
      const double reached = values[reward_.size() + i];
      const bool met =
          conditions_[i].below ? reached < conditions_[i].bound : reached > conditions_[i].bound;
      result.terminated = result.terminated || met;
    }
    for (std::size_t i = 0; i < reward_.size(); ++i) {
      double reached = values[i];
      if (reward_[i].kind == Term::Kind::kVelocity)
        reached = (values[i] - before[i]) / control_step();
      if (reward_[i].kind == Term::Kind::kAlive && result.terminated) reached = 0.0;
      result.reward += reward_[i].factor * reached;
    }
    return result;
  }

  double noise_;
  std::vector<Term> reward_;
  std::vector<Condition> conditions_;
  std::vector<Part> parts_;
  std::size_t observation_size_ = 0;
  std::vector<double> before_;  ///< values of the reward's terms before a step
};

class MjcfTask final : public TaskConfig {
 public:
  explicit MjcfTask(std::string path) : path_(std::move(path)) {}
  void describe(Options& options) override { config_.describe(options); }
  std::unique_ptr<Env> make() const override { return std::make_unique<Mjcf>(path_, config_); }
  std::unique_ptr<TaskConfig> clone() const override { return std::make_unique<MjcfTask>(*this); }

 private:
  std::string path_;
  MjcfConfig config_;
};

}  // namespace

std::unique_ptr<TaskConfig> mjcf_task_config(const std::string& path) {
  if (!fs::is_regular_file(path)) {
    throw UsageError("mjcf:" + path + ": there is no such file, expected an MJCF model");
  }
  auto task = std::make_unique<MjcfTask>(path);
  const fs::path beside = fs::path(path).replace_extension(".toml");
  if (fs::exists(beside)) {
    std::ifstream in(beside);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    if (!in) throw Error(beside.string() + ": cannot be read");
    Options options;
    task->describe(options);
    options.set(parse_toml(text, beside.string()));
  }
  return task;
}

}  // namespace costate
