// The verification of rollouts: what was really logged replays without a difference, and one
// flipped bit anywhere is found and named.
#include <array>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <hdf5.h>
#include <numeric>
#include <vector>

#include "envs/env_config.h"
#include "envs/error.h"
#include "envs/hash.h"
#include "logs/atomic_file.h"
#include "policies/action_map.h"
#include "policies/distribution.h"
#include "runners/replay_check.h"
#include "runners/rollout_header.h"
#include "runners/run_config.h"
#include "tests/logs/test_folder.h"

namespace costate {
namespace {

constexpr int kMaxSteps = 60;

/// An episode of an untrained policy, as a run logs it; at most kMaxSteps long.
Episode play(const std::string& id, const Distribution& head, std::uint64_t seed) {
  const auto env = make_env(id);
  const ActionMap map(env->spec().action);
  const std::vector<float> parameters(static_cast<std::size_t>(head.parameter_size()), 0.1f);
  std::vector<float> per_dimension(static_cast<std::size_t>(head.dimensions()));
  std::vector<double> observation(static_cast<std::size_t>(env->spec().observation.size()));
  std::vector<float> action(static_cast<std::size_t>(head.action_size()));
  RandomStream random(seed);

  Episode e;
  e.seed = seed;
  env->reset(seed, observation);
  StateWriter writer(e.initial_state);
  env->save_state(writer);
  for (bool ended = false; !ended && e.length() < kMaxSteps;) {
    e.observations.insert(e.observations.end(), observation.begin(), observation.end());
    head.sample(parameters, random, action);
    e.raw_actions.insert(e.raw_actions.end(), action.begin(), action.end());
    e.distributions.insert(e.distributions.end(), parameters.begin(), parameters.end());
    head.log_prob(parameters, action, per_dimension);
    e.log_probs.push_back(std::accumulate(per_dimension.begin(), per_dimension.end(), 0.0f));
    head.execute(action);
    map.to_env(action);
    e.actions.insert(e.actions.end(), action.begin(), action.end());
    const StepResult result = env->step(action, observation);
    e.rewards.push_back(result.reward);
    e.episode_return += result.reward;
    e.terminated.push_back(result.terminated);
    e.truncated.push_back(result.truncated);
    ended = result.terminated || result.truncated;
  }
  e.final_observation.assign(observation.begin(), observation.end());
  std::vector<std::byte> state;
  StateWriter last(state);
  env->save_state(last);
  e.final_state_hash = fnv1a(state);
  e.values.resize(e.length());
  return e;
}

struct Log {
  RolloutHeader header;
  std::vector<Episode> episodes;
};

Log make_log(const std::string& id, const std::string& policy, int episodes) {
  RunConfig config;
  config.env = id;
  config.policy.head = policy;
  const EnvSpec spec = make_env(id)->spec();
  const auto head = make_distribution(policy, spec.action);
  Log log;
  for (int i = 0; i < episodes; ++i) {
    log.episodes.push_back(play(id, *head, derive_key({7, static_cast<std::uint64_t>(i)})));
  }
  log.header.env = id;
  log.header.attributes["config"] = config.options().to_toml();
  log.header.observation_size = static_cast<std::uint64_t>(spec.observation.size());
  log.header.action_size = static_cast<std::uint64_t>(head->action_size());
  log.header.distribution_names = head->parameter_names();
  log.header.state_bytes = log.episodes[0].initial_state.size();
  return log;
}

void write(const Log& log, const std::filesystem::path& file) {
  RolloutWriter writer(file, log.header);
  for (const Episode& episode : log.episodes) writer.append(episode);
  writer.flush();
}

ReplayCheck check(const std::filesystem::path& file, int threads = 1) {
  const RolloutReader reader(file);
  ThreadPool pool(threads);
  std::vector<std::uint64_t> all(reader.episode_count());
  std::iota(all.begin(), all.end(), std::uint64_t{0});
  return check_replay(reader, all, "rollouts.h5", pool);
}

ReplayCheck check(const Log& log, int threads = 1) {
  const TestFolder folder;
  write(log, folder / "rollouts.h5");
  return check(folder / "rollouts.h5", threads);
}

std::vector<std::string> datasets_of(hid_t file) {
  std::vector<std::string> names;
  H5Ovisit2(
      file, H5_INDEX_NAME, H5_ITER_INC,
      [](hid_t, const char* name, const H5O_info_t* info, void* out) -> herr_t {
        if (info->type == H5O_TYPE_DATASET) {
          static_cast<std::vector<std::string>*>(out)->emplace_back(name);
        }
        return 0;
      },
      &names, H5O_INFO_BASIC);
  return names;
}

// Flips one random bit of the data set, and returns the row that it is in.
std::uint64_t flip_bit(hid_t file, const std::string& name, RandomStream& random) {
  const hid_t dataset = H5Dopen2(file, name.c_str(), H5P_DEFAULT);
  const hid_t type = H5Dget_type(dataset);
  const hid_t space = H5Dget_space(dataset);
  hsize_t dims[2] = {0, 1};
  H5Sget_simple_extent_dims(space, dims, nullptr);
  const hsize_t place[2] = {random.below(dims[0]), random.below(dims[1])};
  const hsize_t one[2] = {1, 1};
  H5Sselect_hyperslab(space, H5S_SELECT_SET, place, nullptr, one, nullptr);
  const hid_t memory = H5Screate(H5S_SCALAR);
  std::array<unsigned char, 8> value{};
  H5Dread(dataset, type, memory, space, H5P_DEFAULT, value.data());
  value[random.below(H5Tget_size(type))] ^= static_cast<unsigned char>(1u << random.below(8));
  REQUIRE(H5Dwrite(dataset, type, memory, space, H5P_DEFAULT, value.data()) >= 0);
  H5Sclose(memory);
  H5Sclose(space);
  H5Tclose(type);
  H5Dclose(dataset);
  return place[0];
}

// The number whose lowest bit is the other one.
float flipped(float value) {
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) ^ 1u);
}
double flipped(double value) {
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(value) ^ 1u);
}

TEST_CASE("Logged rollouts replay without a difference") {
  const auto [env, policy] = GENERATE(values<std::pair<const char*, const char*>>({
      {"CartPole-v1", "categorical"},
      {"Pendulum-v1", "gaussian"},
      {"MountainCarContinuous-v0", "bernoulli"},
      {"Hopper-v5", "gaussian"},
  }));
  INFO(env);
  const Log log = make_log(env, policy, 5);
  std::uint64_t steps = 0;
  for (const Episode& episode : log.episodes) steps += episode.length();
  for (const int threads : {1, 3}) {
    const ReplayCheck result = check(log, threads);
    CHECK(result.episodes == 5);
    CHECK(result.steps == steps);
    CHECK(result.differences == 0);
    CHECK_FALSE(result.first);
  }
}

TEST_CASE("One flipped bit is found and named, whatever it is in") {
  struct Damage {
    const char* field;
    std::uint64_t step;
    std::uint64_t index;
    std::function<void(Episode&)> apply;
  };
  const Damage damage = GENERATE(values<Damage>({
      {"initial_state", 0, 5, [](Episode& e) { e.initial_state[5] ^= std::byte{1}; }},
      {"observations", 0, 2, [](Episode& e) { e.observations[2] = flipped(e.observations[2]); }},
      {"observations", 20, 1, [](Episode& e) { e.observations[61] = flipped(e.observations[61]); }},
      {"actions", 17, 0, [](Episode& e) { e.actions[17] = flipped(e.actions[17]); }},
      {"rewards", 30, 0, [](Episode& e) { e.rewards[30] = flipped(e.rewards[30]); }},
      {"terminated", 8, 0, [](Episode& e) { e.terminated[8] ^= 1; }},
      {"truncated", 59, 0, [](Episode& e) { e.truncated[59] ^= 1; }},
      {"final_observation", 59, 1,
       [](Episode& e) { e.final_observation[1] = flipped(e.final_observation[1]); }},
      {"final_state_hash", 59, 0, [](Episode& e) { e.final_state_hash ^= 1; }},
      {"log_probs", 12, 0, [](Episode& e) { e.log_probs[12] += 0.01f; }},
      {"log_probs", 12, 0, [](Episode& e) { e.distributions[24] += 0.5f; }},
      {"initial_state", 0, 0, [](Episode& e) { e.seed ^= 1; }},
      {"return", 59, 0, [](Episode& e) { e.episode_return = flipped(e.episode_return); }},
  }));
  Log log = make_log("Pendulum-v1", "gaussian", 4);
  damage.apply(log.episodes[2]);
  INFO(damage.field);
  for (const int threads : {1, 3}) {
    const ReplayCheck result = check(log, threads);
    REQUIRE(result.first);
    CHECK(result.first->episode == 2);
    CHECK(result.first->step == damage.step);
    CHECK(result.first->field == damage.field);
    if (damage.field != std::string("initial_state")) {
      CHECK(result.differences == 1);
      CHECK(result.first->index == damage.index);
    }
    CHECK(result.first->changed_columns.empty());  // it was written so
    if (damage.field != std::string("final_state_hash")) {
      CHECK(result.first->logged != result.first->replayed);
    }
  }
}

TEST_CASE("A bit flipped in the file is found and named, in every column") {
  const auto [env, policy] = GENERATE(values<std::pair<const char*, const char*>>(
      {{"Pendulum-v1", "gaussian"}, {"CartPole-v1", "categorical"}}));
  const TestFolder folder;
  const auto whole = folder / "whole.h5";
  const auto damaged = folder / "damaged.h5";
  const Log log = make_log(env, policy, 4);
  write(log, whole);
  const hid_t list = H5Fopen(whole.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const std::vector<std::string> names = datasets_of(list);
  H5Fclose(list);
  REQUIRE(names.size() == 20);
  RandomStream random(11);
  for (const std::string& name : names) {
    for (int i = 0; i < 8; ++i) {
      std::filesystem::copy_file(whole, damaged, std::filesystem::copy_options::overwrite_existing);
      const hid_t file = H5Fopen(damaged.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
      std::uint64_t row = flip_bit(file, name, random);
      H5Fclose(file);
      CAPTURE(name, row);
      if (name == "episodes/start" || name == "episodes/length") {
        CHECK_THAT(message_of<Error>([&] { check(damaged); }), Catch::Contains("are damaged: "));
        continue;
      }
      std::uint64_t episode = row;
      if (name.starts_with("steps/")) {
        for (episode = 0; row >= log.episodes[episode].length(); ++episode) {
          row -= log.episodes[episode].length();
        }
      }
      const ReplayCheck result = check(damaged);
      REQUIRE(result.first);
      CHECK(result.differences > 0);
      CHECK(result.first->episode == episode);
      const std::string field = name.substr(name.find('/') + 1);
      const auto& changed = result.first->changed_columns;
      if (field == "checksums") {
        CHECK_FALSE(result.first->simulated);  // the column whose checksum it was is named
      } else {
        CHECK(changed == std::vector<std::string>{name});
        CHECK_THAT(to_string(*result.first), Catch::Contains(field));
      }
      // A value that decides what is simulated is named where it stands.
      for (const char* exact : {"observations", "rewards", "terminated", "truncated"}) {
        if (field != exact) continue;
        CHECK(result.first->field == field);
        CHECK(result.first->step == row);
      }
    }
  }
}

TEST_CASE("Changed attributes are found") {
  const TestFolder folder;
  const auto path = folder / "r.h5";
  write(make_log("CartPole-v1", "categorical", 1), path);
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const hid_t attribute = H5Aopen(file, "seed", H5P_DEFAULT);
  const std::uint64_t seed = 77;
  H5Awrite(attribute, H5T_NATIVE_UINT64, &seed);
  H5Aclose(attribute);
  H5Fclose(file);
  CHECK_THAT(message_of<Error>([&] { check(path); }),
             Catch::Contains("rollouts.h5: its root attributes") && Catch::Contains("changed"));
}

TEST_CASE("A model that has changed since is an error, other versions are a note") {
  const TestFolder folder;
  const auto xml = folder / "model.xml";
  const auto write_model = [&](const std::string& gear) {
    replace_file(xml,
                 "<mujoco><worldbody><body name='b'><joint name='j' type='hinge'/><geom "
                 "size='0.1'/></body></worldbody><actuator><motor joint='j' gear='" +
                     gear + "' ctrllimited='true' ctrlrange='-1 1'/></actuator></mujoco>");
  };
  const auto head = [](const Env& env) { return make_distribution("gaussian", env.spec().action); };
  write_model("1");
  RunConfig config;
  config.env = "mjcf:" + xml.string();
  config.policy.head = "gaussian";
  RolloutHeader header;
  {
    const auto env = config.env.make();
    header = rollout_header(config, *head(*env), *env);
    CHECK(header.attributes.at("model_file") == xml.string());
    CHECK(origin_difference(header, *env).empty());
    check_same_model(header, *env);
    header.attributes["git_version"] = "0123abc";
    header.attributes["mujoco_version"] = "9.9.9";
    CHECK_THAT(origin_difference(header, *env),
               Catch::StartsWith("logged with MuJoCo 9.9.9, git 0123abc, this is MuJoCo ") &&
                   Catch::EndsWith(": bits may differ"));
    header = rollout_header(config, *head(*env), *env);
  }
  write_model("1");
  check_same_model(header, *config.env.make());
  write_model("2");
  CHECK_THAT(message_of<Error>([&] { check_same_model(header, *config.env.make()); }),
             Catch::StartsWith(xml.string() + " has changed since: the model's hash is "));
}

TEST_CASE("A raw action that cannot have been drawn is named") {
  const auto [env, policy] = GENERATE(values<std::pair<const char*, const char*>>(
      {{"CartPole-v1", "categorical"}, {"Pendulum-v1", "bins"}, {"Pendulum-v1", "bernoulli"}}));
  for (const float value : {1e30f, -5.0f, 0.25f, std::nanf("")}) {
    Log log = make_log(env, policy, 1);
    log.episodes[0].raw_actions[6] = value;
    const ReplayCheck result = check(log);
    REQUIRE(result.first);
    CHECK(result.first->field == "raw_actions");
    CHECK(result.first->step == 6);
  }
}

TEST_CASE("A changed action is found even where the environment clips it") {
  Log log = make_log("Pendulum-v1", "gaussian", 1);
  auto& actions = log.episodes[0].actions;
  const auto edge = std::find(actions.begin(), actions.end(), 2.0f);
  REQUIRE(edge != actions.end());
  const auto step = static_cast<std::uint64_t>(edge - actions.begin());
  *edge = 2.5f;
  const ReplayCheck result = check(log);
  REQUIRE(result.first);
  CHECK(to_string(*result.first) ==
        "episode 0, step " + std::to_string(step) +
            ": actions[0] is 2.5, replayed 2 (the file is as it was written)");

  SECTION("Only the configuration in the file can tell") {
    log.header.attributes.clear();
    CHECK(check(log).differences == 0);
  }
}

TEST_CASE("Without a configuration a changed action shows in what follows") {
  Log log = make_log("Pendulum-v1", "gaussian", 1);
  log.header.attributes.clear();
  auto& actions = log.episodes[0].actions;
  std::size_t step = 0;
  while (std::abs(actions[step]) == 2.0f) ++step;
  actions[step] = -0.5f * actions[step];
  const ReplayCheck result = check(log);
  REQUIRE(result.first);
  CHECK(result.first->field == "rewards");  // which has the squared torque in it
  CHECK(result.first->step == step);
}

TEST_CASE("Every damaged episode counts, and the first of the file is named") {
  Log log = make_log("CartPole-v1", "categorical", 40);
  for (const std::size_t i : {39u, 4u, 20u}) log.episodes[i].rewards[1] = 0.5;
  log.episodes[4].observations[4] += 1.0f;  // comes before the reward of that step
  log.episodes[4].observations[7] += 1.0f;
  const ReplayCheck result = check(log, 2);
  CHECK(result.differences == 4);  // two values of one observation, and two rewards
  REQUIRE(result.first);
  CHECK(result.first->episode == 4);
  CHECK(result.first->field == "observations");
  CHECK(result.first->step == 1);
  CHECK(result.first->index == 0);
}

TEST_CASE("A file that does not fit its environment is an error that names the file") {
  Log log = make_log("CartPole-v1", "categorical", 1);
  const auto message = [&] { return message_of<Error>([&] { check(log); }); };
  SECTION("unknown environment") {
    log.header.env = "CartPole-v9";
    CHECK(message().find("rollouts.h5: ") == 0);
    CHECK(message().find("CartPole-v9") != std::string::npos);
  }
  SECTION("another environment") {
    log.header.env = "Acrobot-v1";
    CHECK(message() == "rollouts.h5: observation_size is 4, the environment's is 6");
  }
  SECTION("a simulator state of another size") {
    log.header.state_bytes += 8;
    log.episodes[0].initial_state.resize(log.header.state_bytes);
    CHECK(message().find("rollouts.h5: episode 0: state_bytes is ") == 0);
  }
  SECTION("a configuration with an unknown key") {
    log.header.attributes["config"] = "polciy = \"gaussian\"\n";
    CHECK(message().find("rollouts.h5: ") == 0);
    CHECK(message().find("polciy") != std::string::npos);
  }
}

}  // namespace
}  // namespace costate
