#include "agents/regularizer.h"

#include <algorithm>
#include <charconv>

#include "envs/error.h"
#include "logs/run_folder.h"

namespace costate {

void KlConfig::describe(Options& options, const std::string& prefix) {
  const auto key = [&](const char* name) { return prefix + "kl." + name; };
  options.add(key("coefficient"), coefficient, Range::at_least(0),
              "weight of the KL between policy and reference; 0: none");
  options.add(key("direction"), direction, {"forward", "reverse"},
              "forward: KL(reference || policy); reverse: KL(policy || reference)");
  options.add(key("reference"), reference, {},
              "fixed: the policy that the run began with, or that of kl.run; previous: the one "
              "before the update; pivot:N: copied at every Nth update");
  options.add(key("run"), run, {}, "reference fixed: run folder whose policy is the reference");
  options.add(key("target"), target, Range::at_least(0),
              "mean KL (nats) at which the coefficient, then only its beginning, is moved to keep "
              "it; 0: the coefficient is constant");
  options.add(key("dual_learning_rate"), dual_learning_rate, Range::above(0),
              "of the coefficient, where it moves");
}

std::int64_t KlConfig::period(const std::string& prefix) const {
  constexpr std::string_view kPivot = "pivot:";
  std::int64_t period = -1;
  if (reference == "fixed") {
    period = 0;
  } else if (reference == "previous") {
    period = 1;
  } else if (reference.starts_with(kPivot)) {
    const char* const last = reference.data() + reference.size();
    const auto [end, error] = std::from_chars(reference.data() + kPivot.size(), last, period);
    if (error != std::errc() || end != last || period < 1) period = -1;
  }
  if (period < 0) {
    throw UsageError(prefix + "kl.reference is \"" + reference +
                     "\", expected fixed, previous or pivot:N with a whole number N >= 1");
  }
  if (!run.empty() && period > 0) {
    throw UsageError(prefix + "kl.run is \"" + run + "\", which needs " + prefix +
                     "kl.reference = fixed, not " + reference);
  }
  if (coefficient == 0.0 && (target > 0.0 || !run.empty())) {
    throw UsageError(prefix + "kl.coefficient is 0, expected > 0 with " + prefix +
                     (target > 0.0 ? "kl.target" : "kl.run"));
  }
  return period;
}

Regularizers::Regularizers(const KlConfig& config, const std::string& prefix,
                           const ActorCritic& policy)
    : policy_(policy),
      coefficient_(config.coefficient),
      forward_(config.direction == "forward"),
      period_(config.period(prefix)),
      run_(config.run),
      target_(config.target),
      dual_learning_rate_(config.dual_learning_rate) {
  if (config.target > 0.0) dual_.emplace(config.coefficient);
}

Regularizers::Scratch Regularizers::make_scratch(int max_rows) const {
  const auto rows = static_cast<std::size_t>(max_rows);
  Scratch scratch;
  scratch.per_dimension.resize(
      has_reference() ? rows * static_cast<std::size_t>(policy_.distribution().dimensions()) : 0);
  scratch.weights.resize(rows);
  return scratch;
}

void Regularizers::begin_update(std::span<const float> parameters) {
  if (!has_reference()) return;
  if (updates_ == 0 && !run_.empty()) {
    fetch_run();
  } else if (period_ == 0 ? updates_ == 0 : updates_ % period_ == 0) {
    reference_.assign(parameters.begin(), parameters.end());
  }
  ++updates_;
}

// A run whose observations are normalised knows its policy only together with its statistics.
void Regularizers::fetch_run() {
  const Checkpoint checkpoint = Checkpoint::load(run_folder::last_checkpoint(run_));
  reference_.resize(policy_.parameter_count());
  checkpoint.read("policy/parameters", std::span<float>(reference_));
  const auto config = parse_toml(checkpoint.get<std::string>("config"), run_);
  const auto normalized = std::ranges::find(config, "normalize.observations", &Assignment::key);
  if (normalized != config.end() && normalized->value == "true") {
    set_normalizer(checkpoint.get_vector<std::byte>("normalizer/observations"));
  }
}

void Regularizers::set_normalizer(std::span<const std::byte> state) {
  StateReader reader(state);
  normalizer_.emplace(policy_.observation_size());
  normalizer_->restore_state(reader);
}

void Regularizers::observe(std::span<const float> raw, std::span<float> out) const {
  if (normalizer_) {
    normalizer_->normalize(raw, out);
  } else {
    std::ranges::copy(raw, out.begin());
  }
}

void Regularizers::refer(const float* observations, int n, float* out,
                         ActorCritic::Workspace& workspace) const {
  policy_.policy(reference_, observations, n, out, workspace);
}

double Regularizers::divergence(std::span<const float> distribution,
                                std::span<const float> reference, Scratch& scratch) const {
  const Distribution& family = policy_.distribution();
  const auto rows = distribution.size() / static_cast<std::size_t>(family.parameter_size());
  const auto each =
      std::span(scratch.per_dimension).first(rows * static_cast<std::size_t>(family.dimensions()));
  family.kl(forward_ ? reference : distribution, forward_ ? distribution : reference, each);
  double sum = 0.0;
  for (const float kl : each) sum += static_cast<double>(kl);
  return sum;
}

void Regularizers::add_gradient(std::span<const float> distribution,
                                std::span<const float> reference, double entropy, float share,
                                Scratch& scratch, std::span<float> gradient) const {
  const Distribution& family = policy_.distribution();
  const auto rows = distribution.size() / static_cast<std::size_t>(family.parameter_size());
  const auto weights = std::span(scratch.weights).first(rows);
  if (entropy > 0.0) {
    std::ranges::fill(weights, -share * static_cast<float>(entropy));
    family.entropy_gradient(distribution, weights, gradient);
  }
  if (!has_reference()) return;
  std::ranges::fill(weights, share * static_cast<float>(coefficient()));
  if (forward_) {
    family.kl_gradient(reference, distribution, weights, {}, gradient);
  } else {
    family.kl_gradient(distribution, reference, weights, gradient, {});
  }
}

void Regularizers::step_dual(double divergence) {
  if (dual_) dual_->step(target_ - divergence, dual_learning_rate_);
}

void Regularizers::save(Checkpoint& checkpoint) const {
  if (!has_reference()) return;
  checkpoint.put("reference/updates", updates_);
  if (dual_) dual_->save(checkpoint, "reference/coefficient");
  if (updates_ == 0) return;
  checkpoint.put("reference/parameters", std::span<const float>(reference_));
  if (!normalizer_) return;
  std::vector<std::byte> state;
  StateWriter writer(state);
  normalizer_->save_state(writer);
  checkpoint.put("reference/observations", std::span<const std::byte>(state));
}

void Regularizers::load(const Checkpoint& checkpoint) {
  if (!has_reference()) return;
  updates_ = checkpoint.get<std::int64_t>("reference/updates");
  if (dual_) dual_->load(checkpoint, "reference/coefficient");
  if (updates_ == 0) return;
  reference_.resize(policy_.parameter_count());
  checkpoint.read("reference/parameters", std::span<float>(reference_));
  if (checkpoint.has("reference/observations")) {
    set_normalizer(checkpoint.get_vector<std::byte>("reference/observations"));
  }
}

}  // namespace costate
