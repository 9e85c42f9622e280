// Options: what can be set, what is refused and how, and what is written.
#include "envs/options.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <string>
#include <toml++/toml.h>
#include <utility>
#include <vector>

#include "envs/error.h"

namespace costate {
namespace {

struct Config {
  std::int64_t epochs = 10;
  double rate = 3e-4;
  bool normalize = true;
  std::string policy = "gaussian";
  std::string note = "plain";
  std::vector<std::int64_t> hidden = {64, 64};
  std::int64_t threads = 1;
  double share = 0.5;
  std::int64_t seed = 1;

  void describe(Options& options) {
    options.add("ppo.epochs", epochs, Range::at_least(1), "passes over a rollout");
    options.add("ppo.learning_rate", rate, Range::above(0), "step size of Adam");
    options.add("ppo.normalize", normalize, "scale the rewards");
    options.add("policy", policy, {"gaussian", "bernoulli", "categorical"}, "action distribution");
    options.add("run.note", note, {}, "any text");
    options.add("network.hidden", hidden, Range::at_least(1), "widths of the hidden layers");
    options.add("run.threads", threads, Range::at_least(0), "threads");
    options.only_runtime();
    options.add("ppo.share", share, Range::between(0, 1), "some share");
    options.add("seed", seed, {}, "seed of the run");
  }
};

struct Fixture {
  Config config;
  Options options;
  Fixture() { config.describe(options); }
  void set(const std::string& key, const std::string& text) { options.set(key, text, "--set"); }
};

TEST_CASE_METHOD(Fixture, "Numbers are read in all their spellings") {
  for (const char* text : {"1000000", "1e6", "1_000_000", "+1000000", " 1000000 ", "1.0e6"}) {
    set("ppo.epochs", "1");
    set("ppo.epochs", text);
    CHECK(config.epochs == 1'000'000);
  }
  set("seed", "-9223372036854775808");
  CHECK(config.seed == std::numeric_limits<std::int64_t>::min());
  set("seed", "9007199254740993");  // beyond what a double holds exactly
  CHECK(config.seed == 9007199254740993);
  set("ppo.learning_rate", "1");
  CHECK(config.rate == 1.0);
  set("ppo.learning_rate", "2.5e-4");
  CHECK(config.rate == 2.5e-4);
}

TEST_CASE_METHOD(Fixture, "Switches, strings and lists are read") {
  set("ppo.normalize", "false");
  CHECK_FALSE(config.normalize);
  set("policy", "bernoulli");
  CHECK(config.policy == "bernoulli");
  set("policy", "\"categorical\"");
  CHECK(config.policy == "categorical");
  set("run.note", R"("a \"b\" \\ \n \u00e9 \U0001F600")");
  CHECK(config.note == "a \"b\" \\ \n \xC3\xA9 \xF0\x9F\x98\x80");
  set("run.note", R"('C:\new')");
  CHECK(config.note == R"(C:\new)");
  set("run.note", "two words");
  CHECK(config.note == "two words");
  set("run.note", "");
  CHECK(config.note.empty());
  using List = std::vector<std::int64_t>;
  set("network.hidden", "[256, 128]");
  CHECK(config.hidden == List{256, 128});
  set("network.hidden", "32,32,");
  CHECK(config.hidden == List{32, 32});
  set("network.hidden", "8");
  CHECK(config.hidden == List{8});
  set("network.hidden", "[]");
  CHECK(config.hidden.empty());
}

TEST_CASE_METHOD(Fixture, "What does not fit is refused, and nothing changes") {
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"ppo.epochs", "0"},
      {"ppo.epochs", "2.5"},
      {"ppo.epochs", "ten"},
      {"ppo.epochs", ""},
      {"ppo.epochs", "1__0"},
      {"ppo.epochs", "_1"},
      {"ppo.epochs", "9223372036854775808"},
      {"ppo.epochs", "+-1"},
      {"ppo.learning_rate", "0"},
      {"ppo.learning_rate", "nan"},
      {"ppo.learning_rate", "inf"},
      {"ppo.learning_rate", "1e999"},
      {"ppo.learning_rate", "0.1x"},
      {"ppo.share", "1.01"},
      {"ppo.normalize", "yes"},
      {"policy", "gauss"},
      {"run.note", "\"open"},
      {"run.note", "\""},
      {"run.note", R"("a"b")"},
      {"run.note", R"("\q")"},
      {"run.note", R"("\ud800")"},
      {"run.note", R"("\u12")"},
      {"network.hidden", "[64"},
      {"network.hidden", "64,,64"},
      {"network.hidden", "[64, 0]"},
      {"network.hidden", "[64, x]"},
  };
  const std::string before = options.to_toml_with_origins();
  for (const auto& [key, text] : bad) {
    INFO(key << " = " << text);
    CHECK_THROWS_AS(set(key, text), UsageError);
  }
  CHECK(options.to_toml_with_origins() == before);
}

TEST_CASE_METHOD(Fixture, "Refusals say what was expected and what was perhaps meant") {
  CHECK_THROWS_WITH(set("ppo.epochs", "-3"),
                    "--set: ppo.epochs = -3: expected a whole number >= 1");
  CHECK_THROWS_WITH(set("ppo.learning_rate", "x"),
                    "--set: ppo.learning_rate = x: expected a number > 0");
  CHECK_THROWS_WITH(set("ppo.share", "2"), "--set: ppo.share = 2: expected a number >= 0 and <= 1");
  CHECK_THROWS_WITH(set("ppo.normalize", "1"), "--set: ppo.normalize = 1: expected true or false");
  CHECK_THROWS_WITH(
      set("policy", "bernouli"),
      "--set: policy = bernouli: expected gaussian | bernoulli | categorical; did you "
      "mean \"bernoulli\"?");
  CHECK_THROWS_WITH(set("network.hidden", "a"),
                    "--set: network.hidden = a: expected a list of whole numbers >= 1");
  CHECK_THROWS_WITH(set("ppo.learning_rat", "1"),
                    "--set: unknown key \"ppo.learning_rat\"; did you mean \"ppo.learning_rate\"?");
  CHECK_THROWS_WITH(set("zzzz", "1"), "--set: unknown key \"zzzz\"; --help lists all keys");
}

TEST_CASE_METHOD(Fixture, "TOML has keys without a table first, then a table for each prefix") {
  set("ppo.learning_rate", "1");
  const std::string expected = R"(policy = "gaussian"
seed = 1

[ppo]
epochs = 10
learning_rate = 1.0
normalize = true
share = 0.5

[run]
note = "plain"
threads = 1

[network]
hidden = [64, 64]
)";
  CHECK(options.to_toml() == expected);
  CHECK(options.to_toml(true).find("threads") == std::string::npos);
  CHECK(options.to_toml(true).find("note = \"plain\"") != std::string::npos);
  CHECK_THAT(options.to_toml_with_origins(), Catch::Contains("learning_rate = 1.0  # --set\n") &&
                                                 Catch::Contains("epochs = 10  # default\n"));
}

TEST_CASE_METHOD(Fixture, "A TOML parser reads back what was written, to the bit") {
  for (const double value : {0.1, 1.0 / 3.0, 1e-300, 5e-324, 1e22, 1.7976931348623157e308}) {
    config.rate = value;
    config.note = std::string("quote \" backslash \\ tab \t line \n bell \x07 delete \x7f é");
    const toml::table table = toml::parse(options.to_toml());
    CHECK(table["ppo"]["learning_rate"].value_exact<double>() == value);
    CHECK(table["run"]["note"].value_exact<std::string>() == config.note);
    CHECK(table["network"]["hidden"][1].value_exact<std::int64_t>() == 64);
    CHECK(table["ppo"]["normalize"].value_exact<bool>() == true);
  }
}

TEST_CASE_METHOD(Fixture, "Our own TOML values can be set again") {
  config.note = "quote \" backslash \\ tab \t line \n bell \x07 é";
  config.rate = 1.0 / 3.0;
  const Config original = config;
  Options copy;
  Config other;
  other.describe(copy);
  const std::string text = options.to_toml();
  const auto value_of = [&](const std::string& name) {
    const std::size_t start = text.find(name + " = ") + name.size() + 3;
    return text.substr(start, text.find('\n', start) - start);
  };
  copy.set("run.note", value_of("note"), "file");
  copy.set("ppo.learning_rate", value_of("learning_rate"), "file");
  copy.set("network.hidden", value_of("hidden"), "file");
  CHECK(other.note == original.note);
  CHECK(other.rate == original.rate);
  CHECK(other.hidden == original.hidden);
}

TEST_CASE_METHOD(Fixture, "The help has a line for every key, with default, meaning and range") {
  set("ppo.epochs", "3");
  const std::string help = options.help();
  CHECK_THAT(help, Catch::Contains("ppo.epochs = 10"));  // the default, not the present value
  CHECK_THAT(help, Catch::Contains("passes over a rollout (a whole number >= 1)\n"));
  CHECK_THAT(help, Catch::Contains("action distribution (gaussian | bernoulli | categorical)\n"));
  CHECK(std::count(help.begin(), help.end(), '\n') ==
        static_cast<std::ptrdiff_t>(options.all().size()));
}

struct TaskConfig {
  Bounds range = {0.7};
  const std::string env = "Hopper-v5";
  Options options;

  TaskConfig() {
    options.set_prefix("environment.");
    options.add("healthy_range", range, "where the torso has to be");
    options.set_prefix("");
    options.add("env", env, "environment");
  }
  void set(const std::string& key, const std::string& text) { options.set(key, text, "--set"); }
};

TEST_CASE_METHOD(TaskConfig, "Bounds are two numbers in order, infinite ones among them") {
  CHECK(options.find("environment.healthy_range")->default_value == "[0.7, inf]");
  set("environment.healthy_range", "[-1, 2.5]");
  CHECK(range.low == -1.0);
  CHECK(range.high == 2.5);
  set("environment.healthy_range", "-inf, 3");
  CHECK(range.low == -std::numeric_limits<double>::infinity());
  CHECK(range.high == 3.0);
  CHECK(range.encloses(-1e300));
  CHECK_FALSE(range.encloses(3.0));
  for (const char* text : {"[2, 1]", "1", "[1, 2, 3]", "[nan, 1]", "[1, 2", "a, b", ""}) {
    CHECK_THROWS_WITH(set("environment.healthy_range", text),
                      Catch::Contains("environment.healthy_range") &&
                          Catch::Contains("two numbers, the lower one first"));
  }
  CHECK(range.high == 3.0);
  CHECK_THROWS_WITH(set("healthy_range", "[0, 1]"),
                    Catch::Contains("did you mean \"environment.healthy_range\"?"));
}

struct PresetConfig {
  std::string level = "none";
  std::int64_t delay = 0;
  double noise = 0.0;
  Options options;

  PresetConfig() {
    options.set_prefix("environment.");
    options.add("level", level, {"none", "hard"}, "how hard it is");
    options.preset({{{"delay", "0"}, {"noise", "0"}}, {{"delay", "9"}, {"noise", "0.5"}}});
    options.add("delay", delay, Range::at_least(0), "steps");
    options.set_prefix("");
    options.add("environment.noise", noise, Range::at_least(0), "deviation");
  }
};

TEST_CASE("A preset sets others, and gives way to what is set beside it") {
  const Assignment hard = {"environment.level", "hard", "--set"};
  const Assignment late = {"environment.delay", "2", "mine.toml:3"};
  for (const auto& assignments : {std::vector{hard, late}, std::vector{late, hard}}) {
    PresetConfig config;
    config.options.set(assignments);
    CHECK(config.level == "hard");
    CHECK(config.delay == 2);
    CHECK(config.noise == 0.5);
    CHECK_THAT(config.options.to_toml_with_origins(),
               Catch::Contains("delay = 2  # mine.toml:3") &&
                   Catch::Contains("noise = 0.5  # --set, environment.level = hard"));
    // What was written is read back as it is.
    PresetConfig again;
    again.options.set(parse_toml(config.options.to_toml(), "config.toml"));
    CHECK(again.options.to_toml() == config.options.to_toml());
  }
  PresetConfig config;
  config.options.set({late});
  CHECK(config.noise == 0.0);
  config.options.set({hard});  // of a later source
  CHECK(config.delay == 9);
  config.options.set("environment.level", "none", "--set");
  CHECK(config.delay == 0);
  CHECK(config.noise == 0.0);
  CHECK_THROWS_WITH(config.options.set({{"environment.level", "hrd", "--set"}}),
                    Catch::Contains("expected none | hard; did you mean \"hard\"?"));
}

TEST_CASE_METHOD(TaskConfig, "A fixed option takes its own value only") {
  set("env", "Hopper-v5");
  set("env", "\"Hopper-v5\"");
  CHECK_THROWS_WITH(set("env", "Ant-v5"), Catch::Contains("expected Hopper-v5"));
  CHECK(env == "Hopper-v5");
}

TEST_CASE("A TOML document becomes assignments that name their lines") {
  const auto values = parse_toml("a = 1\n[b]\nc = [1.5, inf]\nd = \"x y\"\n", "some.toml");
  REQUIRE(values.size() == 3);
  CHECK(values[0].key == "a");
  CHECK(values[0].origin == "some.toml:1");
  CHECK(values[1].key == "b.c");
  CHECK(values[1].origin == "some.toml:3");
  CHECK(values[2].key == "b.d");
  CHECK_THROWS_WITH(parse_toml("a = 1\nb = = 2\n", "some.toml"),
                    Catch::Contains("some.toml:2") && Catch::Contains("not valid TOML"));
  TaskConfig config;
  config.options.set(parse_toml("[environment]\nhealthy_range = [1.5, inf]", "some.toml"));
  CHECK(config.range.low == 1.5);
  CHECK(config.range.high == std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace costate
