// Seyde et al. take exploration out of the comparison: a trained teacher is imitated by students of
// both shapes, so that what they reach is what their shape can express.
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "runners/studies/bang_bang/experiments.h"

namespace costate {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Student {
  std::string name;
  Settings settings;
};

const std::vector<Student> kStudents = {
    {"gaussian", {{"policy", "gaussian"}}},
    {"bernoulli", {{"policy", "bernoulli"}}},
    {"bernoulli by hard labels", {{"policy", "bernoulli"}, {"imitation.labels", "hard"}}},
    {"ternary", {{"policy", "ternary"}}}};

}  // namespace

// On Pendulum swing-up as in equal-return. The teacher is a squashed gaussian by SAC; it plays a
// hundred episodes, half of them by its most probable actions.
StudyExperiment distillation() {
  StudyExperiment experiment;
  experiment.name = "distillation";
  experiment.question =
      "Without exploration, how much of a gaussian teacher's return on Pendulum-v1 does a student "
      "keep that imitates it with another head, where torque costs nothing (c=0) and where it does "
      "(c=0.3)?";
  experiment.settings = {{"env", "Pendulum-v1"}};
  experiment.measures = {{"teacher_ratio", "/ teacher",
                          "return over that of the teacher, which acts in the same way; of costs, "
                          "so that 1 is as good and more is worse",
                          [](const MeasuredEpisodes& measured) {
                            double sum = 0.0;
                            for (const EvaluatedEpisode& episode : measured.episodes) {
                              sum += episode.episode_return;
                            }
                            return sum / static_cast<double>(measured.episodes.size()) /
                                   measured.teacher_return;
                          }}};
  for (const std::string cost : {"0", "0.3"}) {
    const std::string setting = "c=" + cost;
    const std::pair<std::string, std::string> torque_cost = {"environment.torque_cost", cost};
    const StudyCondition teacher = {
        "teacher",
        setting,
        {{"algo", "sac"}, {"policy", "squashed"}, {"steps", "15000"}, torque_cost}};
    experiment.conditions.push_back(teacher);
    for (const Student& student : kStudents) {
      Settings settings = student.settings;
      settings.insert(settings.end(), {{"algo", "imitation"}, torque_cost});
      experiment.conditions.push_back({student.name, setting, settings, teacher.label()});
    }
  }
  // A student and its teacher are of the same seed: their ratio leaves out how teachers differ.
  experiment.claims = {
      {"without a cost the gaussian student does as well as the teacher", "teacher_ratio", false,
       "gaussian, c=0", "", 0.95, 1.05},
      {"and so does the bernoulli student", "teacher_ratio", false, "bernoulli, c=0", "", 0.95,
       1.05},
      {"with a cost the gaussian student still does", "teacher_ratio", false, "gaussian, c=0.3", "",
       0.95, 1.05},
      {"but the bernoulli student is far behind", "teacher_ratio", false, "bernoulli, c=0.3", "",
       1.5, kInfinity},
      {"by samples, too", "teacher_ratio", true, "bernoulli, c=0.3", "", 1.5, kInfinity}};
  return experiment;
}

}  // namespace costate
