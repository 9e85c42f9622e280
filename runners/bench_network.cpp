// Networks: forward passes and gradient steps against the peak of matrix products at their sizes,
// and against LibTorch.
#include "runners/bench_network.h"

#include <algorithm>
#include <cblas.h>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>

#include "agents/ppo.h"
#include "agents/sac.h"
#include "backends/dense/bfloat16.h"
#include "backends/dense/matmul.h"
#include "envs/env_config.h"
#include "envs/random.h"
#include "runners/bench.h"
#include "runners/bench_sac_peer.h"
#include "runners/run_config.h"

namespace costate {
namespace {

/// c [rows, columns] = a [rows, inner] · b [inner, columns], row-major.
using Multiply = std::function<void(const float* a, const float* b, float* c)>;

/// The product as each matrix library computes it.
std::vector<Multiply> multiplications(const Product& p) {
  const auto generated =
      std::make_shared<matmul::Layer>(p.inner, p.columns, p.rows, /*gradients=*/false);
  return {[p](const float* a, const float* b, float* c) {
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, p.rows, p.columns, p.inner, 1.0f,
                        a, p.inner, b, p.columns, 0.0f, c, p.columns);
          },
          [=](const float* a, const float* b, float* c) { generated->product(a, b, p.rows, c); }};
}

constexpr Product kLargeSquare = {512, 512, 512};

std::vector<float> random_block(std::size_t size) {
  RandomStream random(size);
  std::vector<float> block(size);
  for (float& value : block) value = static_cast<float>(random.uniform(-1.0, 1.0));
  return block;
}

std::string size_name(const std::vector<int>& hidden) {
  std::string name;
  for (const int width : hidden) name += (name.empty() ? "" : "-") + std::to_string(width);
  return name;
}

/// Forward passes of one network over random rows.
class Inference {
 public:
  Inference(const MlpShape& shape, const std::string& kind, int rows)
      : network_(make_mlp(shape, kind)),
        tape_(network_->make_tape(rows, /*gradients=*/false)),
        rows_(rows),
        parameters_(shape.parameter_count()),
        x_(random_block(static_cast<std::size_t>(rows) * shape.inputs)),
        y_(static_cast<std::size_t>(rows) * shape.outputs) {
    RandomStream random(1);
    const std::vector<float> gains(static_cast<std::size_t>(shape.outputs), 1.0f);
    initialise_orthogonal(shape, gains, random, parameters_);
  }

  double microseconds(double seconds) {
    return 1e6 * seconds_per_call(seconds, [this] {
             network_->forward(parameters_, x_.data(), rows_, y_.data(), *tape_);
           });
  }

 private:
  std::unique_ptr<Network> network_;
  std::unique_ptr<Tape> tape_;
  int rows_;
  std::vector<float> parameters_;
  std::vector<float> x_;
  std::vector<float> y_;
};

/// PPO on rollouts of HalfCheetah-v5, of which only the updates are timed.
class PpoUpdates {
 public:
  PpoUpdates(const std::vector<int>& hidden, const std::string& kind, int minibatch, int threads)
      : config_(resolve_config(std::nullopt, {{"env", "HalfCheetah-v5", "bench"}})),
        pool_(threads),
        environments_(config_.env, static_cast<int>(config_.runtime.envs), /*seed=*/1, pool_) {
    config_.policy.hidden = {hidden.begin(), hidden.end()};
    config_.policy.network = kind;
    config_.ppo.minibatch = minibatch;
    config_.ppo.target_kl = 0.0;  // every update takes all of its gradient steps
    policy_ = std::make_unique<ActorCritic>(config_.policy, environments_.spec());
    // So many steps that the learning rate hardly falls.
    learner_ = std::make_unique<Ppo>(config_.ppo, config_.runtime, environments_, *policy_,
                                     /*seed=*/1, /*total_steps=*/std::int64_t{1} << 40, pool_);
  }

  /// For one gradient step with its share of what an update does around it.
  double microseconds() {
    learner_->collect();
    const auto start = std::chrono::steady_clock::now();
    learner_->update();
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    const std::int64_t rows = config_.runtime.envs * config_.ppo.rollout_steps;
    const std::int64_t steps =
        config_.ppo.epochs * ((rows + config_.ppo.minibatch - 1) / config_.ppo.minibatch);
    return 1e6 * elapsed.count() / static_cast<double>(steps);
  }

 private:
  RunConfig config_;
  ThreadPool pool_;
  VectorEnv environments_;
  std::unique_ptr<ActorCritic> policy_;
  std::unique_ptr<Ppo> learner_;
};

/// SAC with these networks and this batch, one update a step.
RunConfig sac_config(const std::string& env, const std::vector<int>& hidden, int batch) {
  RunConfig config =
      resolve_config(std::nullopt, {{"env", env, "bench"}, {"algo", "sac", "bench"}});
  config.policy.hidden = {hidden.begin(), hidden.end()};
  config.runtime.envs = 1;
  config.sac.batch = batch;
  config.sac.slices = 1;  // one thread has nobody to share with
  config.sac.learning_starts = 1;
  config.sac.updates_per_step = 1.0;
  return config;
}

/// SAC's updates on what the initial policy has seen of an environment.
class SacUpdates {
 public:
  explicit SacUpdates(const RunConfig& config)
      : environments_(config.env, /*envs=*/1, /*seed=*/1, pool_),
        policy_(config.policy, environments_.spec()),
        learner_(config.sac, config.policy, config.runtime, environments_, policy_, /*seed=*/1,
                 /*total_steps=*/std::int64_t{1} << 40, pool_) {}

  /// Processor time of one update, measured over about `seconds`.
  double microseconds(double seconds) {
    double elapsed = 0.0;
    std::int64_t updates = 0;
    for (; elapsed < seconds; ++updates) {
      learner_.collect();
      const double start = thread_cpu_seconds();
      learner_.update();
      elapsed += thread_cpu_seconds() - start;
    }
    return 1e6 * elapsed / static_cast<double>(updates);
  }

 private:
  ThreadPool pool_{1};
  VectorEnv environments_;
  ActorCritic policy_;
  Sac learner_;
};

/// The products of one update of SAC with two critics: the actor in the next states and, both ways,
/// in these; each critic of the targets, both ways on what was done, and both ways, without its
/// weights, on what the actor would do.
std::vector<Product> sac_products(int observations, int actions, const std::vector<int>& hidden,
                                  int batch) {
  const MlpShape actor = {observations, hidden, 2 * actions, Activation::kRelu};
  const MlpShape critic = {observations + actions, hidden, 1, Activation::kRelu};
  std::vector<Product> products;
  const auto add = [&products](const std::vector<Product>& more, int times) {
    for (int i = 0; i < times; ++i) products.insert(products.end(), more.begin(), more.end());
  };
  add(forward_products(actor, batch), 2);
  add(backward_products(actor, batch), 1);
  add(forward_products(critic, batch), 2 * 3);
  add(backward_products(critic, batch), 2);
  for (int layer = 0; layer < critic.layers(); ++layer) {
    add({{batch, critic.layer_inputs(layer), critic.layer_outputs(layer)}}, 2);
  }
  return products;
}

/// learn.sac.<sizes>.b<batch> against the peak of its products, .torch against LibTorch and, where
/// the processor has it, .bf16 in bfloat16 against float.
std::vector<Benchmark> sac_benchmarks(const std::string& env, const std::vector<int>& hidden,
                                      int batch) {
  const std::string name = "learn.sac." + size_name(hidden) + ".b" + std::to_string(batch);
  std::vector<Benchmark> benchmarks;
  benchmarks.push_back(
      {{name}, [=](const BenchOptions& options) {
         const EnvSpec spec = make_env(env)->spec();
         const auto products =
             sac_products(spec.observation.size(), spec.action.size(), hidden, batch);
         SacUpdates ours(sac_config(env, hidden, batch));
         return std::vector<BenchRow>{interleave(
             name, "us", Better::kLower, options.runs,
             [&] { return ours.microseconds(options.seconds); },
             [&] { return 1e6 * flops(products) / matmul_peak(products, options.seconds); })};
       }});
  const auto against = [&]<class Peer>(const std::string& row, const std::string& precision,
                                       std::type_identity<Peer>) {
    benchmarks.push_back({{row}, [=](const BenchOptions& options) {
                            RunConfig config = sac_config(env, hidden, batch);
                            Peer peer(config);
                            config.policy.precision = precision;
                            SacUpdates ours(config);
                            return std::vector<BenchRow>{interleave(
                                row, "us", Better::kLower, options.runs,
                                [&] { return ours.microseconds(options.seconds); },
                                [&] { return peer.microseconds(options.seconds); })};
                          }});
  };
  against(name + ".torch", "float32", std::type_identity<SacPeerUpdates>());
  if (matmul::has_bfloat16()) {
    against(name + ".bf16", "bfloat16", std::type_identity<SacUpdates>());
  }
  return benchmarks;
}

// Of HalfCheetah-v5.
constexpr int kObservations = 17;
constexpr int kActions = 6;

}  // namespace

std::vector<Product> forward_products(const MlpShape& shape, int rows) {
  std::vector<Product> products;
  for (int layer = 0; layer < shape.layers(); ++layer) {
    products.push_back({rows, shape.layer_outputs(layer), shape.layer_inputs(layer)});
  }
  return products;
}

std::vector<Product> backward_products(const MlpShape& shape, int rows) {
  std::vector<Product> products;
  for (int layer = 0; layer < shape.layers(); ++layer) {
    const int in = shape.layer_inputs(layer);
    const int out = shape.layer_outputs(layer);
    products.push_back({out, in, rows});
    if (layer > 0) products.push_back({rows, in, out});
  }
  return products;
}

double flops(std::span<const Product> products) {
  double sum = 0.0;
  for (const Product& product : products) sum += product.flops();
  return sum;
}

double matmul_peak(std::span<const Product> products, double seconds) {
  std::vector<Product> candidates(products.begin(), products.end());
  candidates.push_back(kLargeSquare);
  const double each = seconds / static_cast<double>(2 * candidates.size());
  double peak = 0.0;
  for (const Product& p : candidates) {
    const auto a = random_block(static_cast<std::size_t>(p.rows) * p.inner);
    const auto b = random_block(static_cast<std::size_t>(p.inner) * p.columns);
    std::vector<float> c(static_cast<std::size_t>(p.rows) * p.columns);
    for (const Multiply& multiply : multiplications(p)) {
      const double time = seconds_per_call(each, [&] { multiply(a.data(), b.data(), c.data()); });
      peak = std::max(peak, p.flops() / time);
    }
  }
  return peak;
}

std::vector<Benchmark> infer_benchmarks() {
  std::vector<Benchmark> benchmarks;
  for (const std::vector<int>& hidden : {std::vector{64, 64}, std::vector{256, 256}}) {
    for (const int rows : {1, 64}) {
      const std::string name = "infer." + size_name(hidden) + ".b" + std::to_string(rows);
      const MlpShape shape = {kObservations, hidden, kActions, Activation::kTanh};
      benchmarks.push_back(
          {{name}, [=](const BenchOptions& options) {
             Inference ours(shape, "dense", rows);
             const auto products = forward_products(shape, rows);
             return std::vector<BenchRow>{interleave(
                 name, "us", Better::kLower, options.runs,
                 [&] { return ours.microseconds(options.seconds); },
                 [&] { return 1e6 * flops(products) / matmul_peak(products, options.seconds); })};
           }});
      const std::string peer_name = name + ".torch";
      benchmarks.push_back({{peer_name}, [=](const BenchOptions& options) {
                              Inference ours(shape, "dense", rows);
                              Inference peer(shape, "torch", rows);
                              return std::vector<BenchRow>{interleave(
                                  peer_name, "us", Better::kLower, options.runs,
                                  [&] { return ours.microseconds(options.seconds); },
                                  [&] { return peer.microseconds(options.seconds); })};
                            }});
    }
  }
  return benchmarks;
}

std::vector<Benchmark> learn_benchmarks(int threads) {
  constexpr int kMinibatch = 64;
  const std::vector<int> hidden = {64, 64};
  const std::string name = "learn.ppo." + size_name(hidden) + ".b" + std::to_string(kMinibatch);
  // Actor and critic, both ways.
  std::vector<Product> products;
  for (const int outputs : {kActions, 1}) {
    const MlpShape shape = {kObservations, hidden, outputs, Activation::kTanh};
    for (const Product& p : forward_products(shape, kMinibatch)) products.push_back(p);
    for (const Product& p : backward_products(shape, kMinibatch)) products.push_back(p);
  }

  std::vector<Benchmark> benchmarks;
  const auto against_peak = [&](const std::string& row, int cores) {
    benchmarks.push_back(
        {{row}, [=](const BenchOptions& options) {
           PpoUpdates ours(hidden, "dense", kMinibatch, cores);
           return std::vector<BenchRow>{interleave(
               row, "us", Better::kLower, options.runs, [&] { return ours.microseconds(); },
               [&] {
                 return 1e6 * flops(products) / matmul_peak(products, options.seconds) / cores;
               })};
         }});
  };
  against_peak(name, 1);
  if (threads > 1) against_peak(name + ".t" + std::to_string(threads), threads);
  const std::string peer_name = name + ".torch";
  benchmarks.push_back({{peer_name}, [=](const BenchOptions& options) {
                          PpoUpdates ours(hidden, "dense", kMinibatch, 1);
                          PpoUpdates peer(hidden, "torch", kMinibatch, 1);
                          return std::vector<BenchRow>{interleave(
                              peer_name, "us", Better::kLower, options.runs,
                              [&] { return ours.microseconds(); },
                              [&] { return peer.microseconds(); })};
                        }});
  for (const auto& more : {sac_benchmarks("Pendulum-v1", {64, 64}, 100),
                           sac_benchmarks("HalfCheetah-v5", {256, 256}, 256)}) {
    benchmarks.insert(benchmarks.end(), more.begin(), more.end());
  }
  return benchmarks;
}

}  // namespace costate
